"""Products with the Hessian of a perceptron's loss by hand: one product of matrices a layer for all vectors at once.

Samples are the last axis of everything inside, `[m, width, n]`: products are wide and gates multiply whole rows. The
same as `products.gauss_newton` and `products.reverse_over_reverse`, several times quicker.
"""

from __future__ import annotations

from typing import NamedTuple, overload

import torch
from torch import Tensor

from engines.loss_landscape.degeneracy.layer_spaces import slope
from engines.loss_landscape.hessian.products import Metric, Product
from engines.loss_landscape.models.mlp import ACTIVATIONS, Mlp

STRAIGHT = ("relu", "linear")
"""Activations without a second derivative, almost everywhere."""


CACHED = 2**16
"""Numbers that a layer makes for all vectors of one pass: half a megabyte, which a core keeps near."""


class Layer(NamedTuple):
    """What a product needs of one layer."""

    W: Tensor
    """Without biases, `[d_{l+1}, d_l]`."""
    seen: Tensor
    """`at^l`, `[D_l, n]`."""
    slope: Tensor | None
    """`phi'(z^{l+1})`, `[d_{l+1}, n]`; None at the top."""
    pull: Tensor | None
    """`dL/dz^{l+1}`, `[d_{l+1}, n]`, of the whole Hessian."""
    bend: Tensor | None
    """`dL/da^{l+1} phi''(z^{l+1})`, `[d_{l+1}, n]`, of the whole Hessian of a smooth net."""


def gauss_newton(net: Mlp, theta: Tensor, X: Tensor, metric: Metric = lambda v: v) -> Product:
    """`J^T (Lo (J u))/n` for vectors `U [m, P]` at `theta [P]`, X `[n, d_0]`: the Hessian of the behavioural loss."""
    return _product(net, _layers(net, theta, X, None), metric)


def hessian(net: Mlp, theta: Tensor, X: Tensor, metric: Metric, residual: Tensor) -> Product:
    """The whole Hessian of `1/n sum_x loss(f(x))`: metric and `residual [n, k]` are of one sample's loss in f."""
    return _product(net, _layers(net, theta, X, residual / len(X)), metric)


def _layers(net: Mlp, theta: Tensor, X: Tensor, residual: Tensor | None) -> list[Layer]:
    """Input to output, but made from the output down."""
    A, Z = net.layers(theta, X)
    weights = [W[:, : W.shape[1] - net.bias].contiguous() for W in net.split(theta)]
    found = [Layer(weights[-1], _turned(A[-1]), None, _turned(residual), None)]
    for W, at, z in zip(weights[-2::-1], A[-2::-1], Z[-2::-1], strict=True):
        phi, pull, bend = _turned(slope(net.activation, z)), None, None
        if (above := found[0].pull) is not None:
            back = found[0].W.mT @ above
            pull = back * phi
            bend = None if net.activation in STRAIGHT else back * _second(net.activation, z).mT
        found.insert(0, Layer(W, _turned(at), phi, pull, bend))
    return found


@overload
def _turned(one: Tensor) -> Tensor: ...
@overload
def _turned(one: None) -> None: ...
def _turned(one: Tensor | None) -> Tensor | None:
    """Samples last."""
    return None if one is None else one.mT.contiguous()


def _second(activation: str, z: Tensor) -> Tensor:
    """`phi''(z)`."""
    z = z.detach().requires_grad_()
    (first,) = torch.autograd.grad(ACTIVATIONS[activation](z).sum(), z, create_graph=True)
    return torch.autograd.grad(first.sum(), z)[0]


def _product(net: Mlp, layers: list[Layer], metric: Metric) -> Product:
    dtype, n = layers[0].W.dtype, layers[0].seen.shape[-1]

    def one(U: Tensor) -> Tensor:
        V = net.split(U)
        moved, made = _forwards(layers, V)
        found = torch.empty_like(U)
        _backwards(layers, V, moved, made, metric(made[-1].mT).mT / n, net.split(found))
        return found

    chunk = max(1, CACHED // (max(net.sizes[1:]) * n))
    return lambda U: torch.cat([one(part) for part in U.to(dtype).split(chunk)]).to(U.dtype)


def _forwards(layers: list[Layer], V: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """How a step V moves the inputs of all layers but the first `[m, d_l, n]`, and what all layers make."""
    moved: list[Tensor] = []
    made: list[Tensor] = []
    for layer, v in zip(layers, V, strict=True):
        dz = _wide(v, layer.seen)
        if moved:
            dz = torch.baddbmm(dz, layer.W.expand(len(v), -1, -1), moved[-1])
        made.append(dz)
        if layer.slope is not None:
            moved.append(dz * layer.slope)
    return moved, made


def _backwards(
    layers: list[Layer], V: list[Tensor], moved: list[Tensor], made: list[Tensor], dd: Tensor, out: list[Tensor]
) -> None:
    """From the change `dd [m, k, n]` of the outputs' gradient down, each layer's part into `out [m, d_{l+1}, D_l]`."""
    for depth in reversed(range(len(layers))):
        layer, d = layers[depth], layers[depth].W.shape[1]
        out[depth].copy_(_wide(dd, layer.seen.mT))
        if depth == 0:
            return
        below, back = layers[depth - 1], torch.bmm(layer.W.mT.expand(len(dd), -1, -1), dd)
        if layer.pull is not None:
            out[depth][..., :d] += _wide(moved[depth - 1], layer.pull.mT).mT
            back += _wide(V[depth][..., :d].mT, layer.pull)
        dd = back * below.slope if below.slope is not None else back
        if below.bend is not None:
            dd += made[depth - 1] * below.bend


def _wide(stack: Tensor, other: Tensor) -> Tensor:
    """`stack [m, a, b] @ other [b, c]` as one product."""
    return (stack.reshape(-1, stack.shape[-1]) @ other).unflatten(0, stack.shape[:2])
