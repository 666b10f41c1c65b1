"""Products with a Hessian or a Gauss-Newton matrix, without the matrix: by derivatives, and by hand for perceptrons.

A product is a function of a stack of vectors `U [m, *, P]`, one matrix for each of the leading axes of
`theta [*, P]`. The vectors may be of another precision than the parameters, and the result is of theirs.

By hand a perceptron takes one product of matrices a layer for all vectors at once. Samples are the last axis of
everything inside, `[m, width, n]`: products are wide and gates multiply whole rows. Several times quicker than by
derivatives, with equal results.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, overload

import torch
from torch import Tensor
from torch.func import grad, jvp, vjp, vmap

from engines.loss_landscape.degeneracy.jacobian import activation_derivative
from engines.loss_landscape.models.mlp import ACTIVATIONS, Mlp

Loss = Callable[[Tensor], Tensor]
"""Map `theta [*, P]` to losses `[*]`."""

Product = Callable[[Tensor], Tensor]
"""Map `U [m, *, P]` to `H U [m, *, P]`."""

Metric = Callable[[Tensor], Tensor]
"""Product of the Hessian Lo of a loss in its outputs with `v [m, *, n, k]`."""


def reverse_over_reverse(loss: Loss, theta: Tensor) -> Product:
    """Hessian product `H u = grad (gradient . u)`, by differentiating the gradient backwards.

    At `theta [*, P]`, for `U [m, *, P]`. Keeps the graph of one gradient, which makes it the quicker of the two
    wherever that fits into memory.
    """
    at = theta.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(at).sum(), at, create_graph=True)

    def product(U: Tensor) -> Tensor:
        weights = U.to(theta.dtype)
        (result,) = torch.autograd.grad(gradient, at, weights, retain_graph=True, is_grads_batched=True)
        return result.detach().to(U.dtype)

    return product


def gauss_newton(f: Callable[[Tensor], Tensor], theta: Tensor, metric: Metric = lambda v: v) -> Product:
    """Gauss-Newton product `J^T (Lo (J u))/n` of outputs `f: [*, P] -> [*, n, k]`, by one derivative each way.

    Positive semi-definite if Lo is. It is the Hessian of `1/n sum_x loss(f(x))` wherever the loss is least in its
    outputs; elsewhere it leaves out `sum (d loss/d f) d2 f`. Schraudolph 2002.
    """
    outputs, pull = vjp(f, theta)[:2]

    def one(u: Tensor) -> Tensor:
        return pull(metric(jvp(f, (theta,), (u,))[1]))[0] / outputs.shape[-2]

    return lambda U: vmap(one)(U.to(theta.dtype)).to(U.dtype)


def block(product: Product, part: slice | Tensor, P: int) -> Product:
    """Diagonal block of a product: vectors `[m, *, p]` on a slice or places `[p]` of P parameters, the others fixed."""

    def inside(U: Tensor) -> Tensor:
        whole = U.new_zeros(*U.shape[:-1], P)
        whole[..., part] = U
        return product(whole)[..., part]

    return inside


def over_parts(make: Callable[[Tensor], Product], parts: Sequence[Tensor], vectors: int = 8) -> Product:
    """Product of a mean over samples in parts `[n, *]`, one part after another, for so many vectors `[m, P]` at once.

    `make` makes the product of the mean over one part. A single part is made once, several anew with each product: what
    they keep does not have to fit into memory together.
    """
    n = sum(map(len, parts))
    once = make(parts[0]) if len(parts) == 1 else None

    def some(U: Tensor) -> Tensor:
        return torch.stack([(once or make(part))(U) * (len(part) / n) for part in parts]).sum(0)

    return lambda U: torch.cat([some(few) for few in U.split(vectors)])


def metric_of(mean_loss: Callable[[Tensor], Tensor], outputs: Tensor) -> Metric:
    """Metric of any mean loss `[n, k] -> []` at `outputs [n, k]`: its Hessian times n, by two derivatives.

    Hence `gauss_newton`, which divides by n, gives the Gauss-Newton matrix of that mean.
    """
    n, gradient = outputs.shape[-2], grad(mean_loss)
    return lambda v: n * jvp(gradient, (outputs,), (v,))[1]


def softmax_metric(logits: Tensor) -> Metric:
    """Metric of cross-entropy and of `KL(p* || p)`, `(diag p - p p^T) v = p * (v - p . v)`, of `logits [*, n, k]`.

    Never differentiates the loss twice, which for many outputs needs their square in memory.
    """
    p = logits.softmax(-1)
    return lambda v: p * (v - (p * v).sum(-1, keepdim=True))


PIECEWISE_LINEAR = ("relu", "linear")
"""Activations without a second derivative, almost everywhere."""


CACHED_NUMBERS = 2**16
"""Numbers that a layer makes for all vectors of one pass: half a megabyte, which a core keeps near."""


class Layer(NamedTuple):
    """Tensors of one layer that a product reads, with samples last."""

    W: Tensor
    """Weights without biases, `[d_{l+1}, d_l]`."""
    inputs: Tensor
    """`at^l`, `[D_l, n]`."""
    slope: Tensor | None
    """`phi'(z^{l+1})`, `[d_{l+1}, n]`; None at the top."""
    pull: Tensor | None
    """`dL/dz^{l+1}`, `[d_{l+1}, n]`, of the whole Hessian."""
    bend: Tensor | None
    """`dL/da^{l+1} phi''(z^{l+1})`, `[d_{l+1}, n]`, of the whole Hessian of a smooth net."""


def mlp_gauss_newton(net: Mlp, theta: Tensor, X: Tensor, metric: Metric = lambda v: v) -> Product:
    """Gauss-Newton product `J^T (Lo (J u))/n` of a perceptron for vectors `U [m, P]` at `theta [P]`, X `[n, d_0]`.

    With the default metric the Hessian of the behavioural loss.
    """
    return _mlp_product(net, _linearised_layers(net, theta, X, None), metric)


def mlp_hessian(net: Mlp, theta: Tensor, X: Tensor, metric: Metric, residual: Tensor) -> Product:
    """Hessian product of the mean loss `1/n sum_x loss(f(x))` of a perceptron.

    Metric and `residual [n, k]` are the second and first derivatives of one sample's loss in f. Vectors `U [m, P]` at
    `theta [P]`, X `[n, d_0]`.
    """
    return _mlp_product(net, _linearised_layers(net, theta, X, residual / len(X)), metric)


def _linearised_layers(net: Mlp, theta: Tensor, X: Tensor, residual: Tensor | None) -> list[Layer]:
    """Layers at theta, input to output, but made from the output down."""
    A, Z = net.layers(theta, X)
    weights = [W[:, : W.shape[1] - net.bias].contiguous() for W in net.split(theta)]
    layers = [Layer(weights[-1], _samples_last(A[-1]), None, _samples_last(residual), None)]
    for W, at, z in zip(weights[-2::-1], A[-2::-1], Z[-2::-1], strict=True):
        phi, pull, bend = _samples_last(activation_derivative(net.activation, z)), None, None
        if (above := layers[0].pull) is not None:
            back = layers[0].W.mT @ above
            pull = back * phi
            bend = None if net.activation in PIECEWISE_LINEAR else back * _second_derivative(net.activation, z).mT
        layers.insert(0, Layer(W, _samples_last(at), phi, pull, bend))
    return layers


@overload
def _samples_last(one: Tensor) -> Tensor: ...
@overload
def _samples_last(one: None) -> None: ...
def _samples_last(one: Tensor | None) -> Tensor | None:
    """Transpose so that samples are the last axis."""
    return None if one is None else one.mT.contiguous()


def _second_derivative(activation: str, z: Tensor) -> Tensor:
    """Second derivative of an activation, `phi''(z)`."""
    z = z.detach().requires_grad_()
    (first,) = torch.autograd.grad(ACTIVATIONS[activation](z).sum(), z, create_graph=True)
    return torch.autograd.grad(first.sum(), z)[0]


def _mlp_product(net: Mlp, layers: list[Layer], metric: Metric) -> Product:
    dtype, n = layers[0].W.dtype, layers[0].inputs.shape[-1]

    def one(U: Tensor) -> Tensor:
        V = net.split(U)
        moved, made = _forwards(layers, V)
        result = torch.empty_like(U)
        _backwards(layers, V, moved, made, metric(made[-1].mT).mT / n, net.split(result))
        return result

    chunk = max(1, CACHED_NUMBERS // (max(net.sizes[1:]) * n))
    return lambda U: torch.cat([one(part) for part in U.to(dtype).split(chunk)]).to(U.dtype)


def _forwards(layers: list[Layer], V: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Changes of the inputs of all layers but the first `[m, d_l, n]`, and of what all layers make, by a step V."""
    moved: list[Tensor] = []
    made: list[Tensor] = []
    for layer, v in zip(layers, V, strict=True):
        dz = _stacked_product(v, layer.inputs)
        if moved:
            dz = torch.baddbmm(dz, layer.W.expand(len(v), -1, -1), moved[-1])
        made.append(dz)
        if layer.slope is not None:
            moved.append(dz * layer.slope)
    return moved, made


def _backwards(
    layers: list[Layer], V: list[Tensor], moved: list[Tensor], made: list[Tensor], dd: Tensor, out: list[Tensor]
) -> None:
    """Write each layer's part into `out [m, d_{l+1}, D_l]`, from the change `dd [m, k, n]` of the output gradient."""
    for depth in reversed(range(len(layers))):
        layer, d = layers[depth], layers[depth].W.shape[1]
        out[depth].copy_(_stacked_product(dd, layer.inputs.mT))
        if depth == 0:
            return
        below, back = layers[depth - 1], torch.bmm(layer.W.mT.expand(len(dd), -1, -1), dd)
        if layer.pull is not None:
            out[depth][..., :d] += _stacked_product(moved[depth - 1], layer.pull.mT).mT
            back += _stacked_product(V[depth][..., :d].mT, layer.pull)
        dd = back * below.slope if below.slope is not None else back
        if below.bend is not None:
            dd += made[depth - 1] * below.bend


def _stacked_product(stack: Tensor, other: Tensor) -> Tensor:
    """Multiply `stack [m, a, b] @ other [b, c]` as one product."""
    return (stack.reshape(-1, stack.shape[-1]) @ other).unflatten(0, stack.shape[:2])
