"""The Jacobian J of the outputs: passes through the layers, and J from them.

`Hess = JᵀJ/n` of the behavioural loss, exactly. Rows of J are (x, o), columns vec(W^l) layer by layer: `J^l` has the
rows `G^l[x, o, :] kron at^l(x)`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import reduce
from typing import NamedTuple

import torch
from torch import Tensor

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.models.mlp import ACTIVATIONS, Mlp


class LayerPasses(NamedTuple):
    """Inputs, gates and output derivatives of the layers: one entry a layer l = 0 .. L-1, gates one a hidden layer.

    Of activations without gates there are none.
    """

    A: list[Tensor]
    """Inputs of the layers `at^l(x)`, `[*, n, D_l]`."""
    gates: list[Tensor]
    """Gates `z^l(x) > 0` of the hidden layers 1 .. L-1, bool `[*, n, d_l]`."""
    G: list[Tensor]
    """Derivatives of the outputs `df/dz^{l+1}`, `[*, n, k, d_{l+1}]`."""


def require_float64(*tensors: Tensor) -> None:
    """Raise `ConfigError` unless every tensor `[*]` is float64: float32 counts zero modes that are not there."""
    for tensor in tensors:
        if tensor.dtype != torch.float64:
            raise ConfigError(f"counts need float64, given was {tensor.dtype}: in float32 they are wrong")


def activation_derivative(activation: str, z: Tensor) -> Tensor:
    """Derivative `phi'(z)` of an activation at pre-activations `z [*, n, d]`, elementwise; for a ReLU `z > 0`."""
    with torch.enable_grad():
        z = z.detach().requires_grad_()
        return torch.autograd.grad(ACTIVATIONS[activation](z).sum(), z)[0]


GATED = ("relu", "linear")
"""Activations with gates: a unit fires and is linear, or does not and is zero."""


def gate(activation: str, z: Tensor) -> Tensor:
    """Whether units of `GATED` activations fire, `z > 0`, for `z [*, n, d]`, bool as z; linear ones always do."""
    return torch.ones_like(z, dtype=torch.bool) if activation == "linear" else z > 0


def layer_passes(net: Mlp, theta: Tensor, X: Tensor) -> LayerPasses:
    """Pass all data forwards and all outputs backwards: `G^{L-1} = I_k`, `G^{l-1} = (G^l W^l[:, :-1]) * phi'(z^l)`.

    theta `[*, P]`, X `[n, d_0]` or `[*, n, d_0]`; any activation. Raises `ConfigError` for anything but float64.
    """
    require_float64(theta, X)
    A, Z = net.layers(theta, X)
    eye = torch.eye(net.sizes[-1], dtype=theta.dtype, device=theta.device)
    G = [eye.expand(*Z[-1].shape[:-1], *eye.shape)]
    for W, z in zip(net.split(theta)[:0:-1], Z[-2::-1], strict=True):
        behind = (G[0].flatten(-3, -2) @ W[..., : z.shape[-1]]).unflatten(-2, G[0].shape[-3:-1])
        G.insert(0, behind * activation_derivative(net.activation, z)[..., None, :])
    return LayerPasses(A, [gate(net.activation, z) for z in Z[:-1]] if net.activation in GATED else [], G)


CHUNK = 256
"""Least number of data whose rows are made at a time."""


def by_layer(passes: LayerPasses) -> list[Tensor]:
    """Jacobians of the layers `J^l`, row (x, o) `G^l[x, o, :] kron at^l(x)`, each `[*, n k, d_{l+1} D_l]`."""
    pairs = zip(passes.G, passes.A, strict=True)
    return [(G[..., None] * A[..., None, None, :]).flatten(-2).flatten(-3, -2) for G, A in pairs]


def jacobian(net: Mlp, theta: Tensor, X: Tensor) -> Tensor:
    """Jacobian `J = [J^0 .. J^{L-1}]`, `[*, n k, P]`, of theta `[*, P]`, X `[*, n, d_0]`.

    Errors as `layer_passes`.
    """
    return torch.cat(by_layer(layer_passes(net, theta, X)), -1)


def jacobian_chunks(net: Mlp, theta: Tensor, X: Tensor, chunk: int | None = None) -> Iterator[Tensor]:
    """Make J in pieces `[*, m k, P]` of m <= `chunk` data each, of theta `[*, P]`, X `[*, n, d_0]`.

    By default about 2 P rows, where a triangle costs little more than J. Errors as `layer_passes`.
    """
    chunk = chunk or max(CHUNK, 2 * net.P // net.sizes[-1])
    return (jacobian(net, theta, part) for part in X.split(chunk, -2))


def qr_of_parts(parts: Iterable[Tensor]) -> Tensor:
    """Triangle R of the QR decomposition of all rows of parts `[*, m, P]`, one part after another."""

    def onto(R: Tensor | None, part: Tensor) -> Tensor:
        return torch.linalg.qr(part if R is None else torch.cat([R, part], -2), mode="r").R

    return torch.as_tensor(reduce(onto, parts, None))


def gram(net: Mlp, theta: Tensor, X: Tensor, chunk: int | None = None) -> Tensor:
    """Gram matrix `JᵀJ/n`, the Hessian of the behavioural loss, `[*, P, P]`: half the cost of `qr_of_parts`."""
    total = sum(part.mT @ part for part in jacobian_chunks(net, theta, X, chunk))
    return torch.as_tensor(total) / X.shape[-2]
