"""The Jacobian J of the outputs: passes through the layers, J from them, and J by linear regions.

`Hess = JᵀJ/n` of the behavioural loss, exactly. Rows of J are (x, o), columns vec(W^l) layer by layer: `J^l` has the
rows `G^l[x, o, :] kron at^l(x)`.

Data with one joint gate pattern, a region, share one linear network: within it `at^l = M^l at^0`, `G` is constant and
`sum_x at^0 at^0ᵀ = V S² Vᵀ`, so that the region's data can be replaced by the rows of `S Vᵀ`, at most D_0, and `JᵀJ` is
what it was. Worth it where patterns repeat, as in planted nets; in trained ones nearly every datum has a pattern of its
own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import reduce
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from engines.core.numerics.lapack import svdvals
from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.degeneracy.numerical_rank import unit_columns
from engines.loss_landscape.models.mlp import ACTIVATIONS, Mlp


class Passes(NamedTuple):
    """Inputs, gates and output derivatives of the layers: one entry a layer l = 0 .. L-1, gates one a hidden layer."""

    A: list[Tensor]
    """Inputs of the layers `at^l(x)`, `[..., n, D_l]`."""
    gates: list[Tensor]
    """Gates `z^l(x) > 0` of the hidden layers 1 .. L-1, bool `[..., n, d_l]`."""
    G: list[Tensor]
    """Derivatives of the outputs `df/dz^{l+1}`, `[..., n, k, d_{l+1}]`."""


def require_float64(*tensors: Tensor) -> None:
    """Raise `ConfigError` unless every tensor `[...]` is float64: float32 counts zero modes that are not there."""
    for tensor in tensors:
        if tensor.dtype != torch.float64:
            raise ConfigError(f"counts need float64, given was {tensor.dtype}: in float32 they are wrong")


def slope(activation: str, z: Tensor) -> Tensor:
    """Derivative `phi'(z)` of an activation at pre-activations `z [..., n, d]`, elementwise; for a ReLU `z > 0`."""
    with torch.enable_grad():
        z = z.detach().requires_grad_()
        return torch.autograd.grad(ACTIVATIONS[activation](z).sum(), z)[0]


def gate(activation: str, z: Tensor) -> Tensor:
    """Whether units fire, `z > 0`, for pre-activations `z [..., n, d]`, bool `[..., n, d]`; linear units always do.

    Raises `ConfigError` for an activation without gates.
    """
    if activation == "linear":
        return torch.ones_like(z, dtype=torch.bool)
    if activation != "relu":
        raise ConfigError(f"activation {activation!r} has no gates; relu and linear have")
    return z > 0


def layer_passes(net: Mlp, theta: Tensor, X: Tensor) -> Passes:
    """Pass all data forwards and all outputs backwards: `G^{L-1} = I_k`, `G^{l-1} = (G^l W^l[:, :-1]) * phi'(z^l)`.

    theta `[..., P]`, X `[n, d_0]` or `[..., n, d_0]`. Raises `ConfigError` for anything but float64, and for
    activations other than relu and linear.
    """
    require_float64(theta, X)
    A, Z = net.layers(theta, X)
    eye = torch.eye(net.sizes[-1], dtype=theta.dtype, device=theta.device)
    G = [eye.expand(*Z[-1].shape[:-1], *eye.shape)]
    for W, z in zip(net.split(theta)[:0:-1], Z[-2::-1], strict=True):
        behind = (G[0].flatten(-3, -2) @ W[..., : z.shape[-1]]).unflatten(-2, G[0].shape[-3:-1])
        G.insert(0, behind * slope(net.activation, z)[..., None, :])
    return Passes(A, [gate(net.activation, z) for z in Z[:-1]], G)


CHUNK = 256
"""Least number of data whose rows are made at a time."""


def by_layer(passes: Passes) -> list[Tensor]:
    """Jacobians of the layers `J^l`, row (x, o) `G^l[x, o, :] kron at^l(x)`, each `[..., n k, d_{l+1} D_l]`."""
    pairs = zip(passes.G, passes.A, strict=True)
    return [(G[..., None] * A[..., None, None, :]).flatten(-2).flatten(-3, -2) for G, A in pairs]


def jacobian(net: Mlp, theta: Tensor, X: Tensor) -> Tensor:
    """Jacobian `J = [J^0 .. J^{L-1}]`, `[..., n k, P]`, of theta `[..., P]`, X `[..., n, d_0]`.

    Errors as `layer_passes`.
    """
    return torch.cat(by_layer(layer_passes(net, theta, X)), -1)


def jacobian_chunks(net: Mlp, theta: Tensor, X: Tensor, chunk: int | None = None) -> Iterator[Tensor]:
    """Make J in pieces `[..., m k, P]` of m <= `chunk` data each, of theta `[..., P]`, X `[..., n, d_0]`.

    By default about 2 P rows, where a triangle costs little more than J. Errors as `layer_passes`.
    """
    chunk = chunk or max(CHUNK, 2 * net.P // net.sizes[-1])
    return (jacobian(net, theta, part) for part in X.split(chunk, -2))


def qr_triangle(net: Mlp, theta: Tensor, X: Tensor, chunk: int | None = None) -> Tensor:
    """Triangle R of `J = QR`, with J in chunks: `RᵀR = JᵀJ` in at most P rows, `[..., min(n k, P), P]`.

    R and its blocks of columns have the singular values and row spaces of J and its layers, at full precision: unlike a
    Gram matrix, which squares them and resolves nothing below 1e-8 of the largest.
    """
    return qr_of_parts(jacobian_chunks(net, theta, X, chunk))


def qr_of_parts(parts: Iterable[Tensor]) -> Tensor:
    """Triangle R of the QR decomposition of all rows of parts `[..., m, P]`, one part after another."""

    def onto(R: Tensor | None, part: Tensor) -> Tensor:
        return torch.linalg.qr(part if R is None else torch.cat([R, part], -2), mode="r").R

    return torch.as_tensor(reduce(onto, parts, None))


def gram(net: Mlp, theta: Tensor, X: Tensor, chunk: int | None = None) -> Tensor:
    """Gram matrix `JᵀJ/n`, the Hessian of the behavioural loss, `[..., P, P]`: half the cost of `qr_triangle`."""
    total = sum(part.mT @ part for part in jacobian_chunks(net, theta, X, chunk))
    return torch.as_tensor(total) / X.shape[-2]


def kernel(net: Mlp, theta: Tensor, X: Tensor) -> Tensor:
    """Tangent kernel `J Jᵀ/n`, `[..., n k, n k]`: the non-zero eigenvalues of `gram`, cheaper where n k < P."""
    J = jacobian(net, theta, X)
    return J @ J.mT / X.shape[-2]


def hessian_eigenvalues(J: Tensor, n: int) -> Tensor:
    """Eigenvalues h of the Hessian `[..., P]`, descending, from J or a factor of JᵀJ: squares, hence never negative."""
    h = svdvals(J).square() / n
    return torch.nn.functional.pad(h, (0, J.shape[-1] - h.shape[-1]))


FAINT = 1e-10
"""Share of a region's largest singular value below which a direction of its inputs, in units of all, is rounding."""


class Regions(NamedTuple):
    """Data by their joint pattern of gates."""

    of: Tensor
    """Region of each datum, `[n]`."""
    member: Tensor
    """One datum of each region, `[R]`."""


def regions(gates: list[Tensor]) -> Regions:
    """Group data by the gates `[n, d_l]` of all hidden layers; exact, by their bits."""
    bits = np.packbits(torch.cat(gates, -1).cpu().numpy(), axis=-1)
    _, member, of = np.unique(bits, axis=0, return_index=True, return_inverse=True)
    return Regions(torch.as_tensor(of.ravel()), torch.as_tensor(member))


def region_inputs(A: Tensor, groups: Regions) -> tuple[Tensor, Tensor]:
    """Inputs `S Vᵀ [m, D_0]` that stand for the data `A [n, D_0]` of all regions, and the region of each row `[m]`."""
    A, lengths = unit_columns(A)
    rows, of = [], []
    for region in range(len(groups.member)):
        _, values, V = torch.linalg.svd(A[groups.of == region], full_matrices=False)
        kept = values > FAINT * values[0]
        rows.append(values[kept, None] * V[kept] * lengths)
        of.append(torch.full((len(rows[-1]),), region))
    return torch.cat(rows), torch.cat(of)


def jacobian_by_regions(net: Mlp, theta: Tensor, X: Tensor) -> Tensor:
    """Rows whose `JᵀJ`, hence rank and spectrum, is that of J, `[m k, P]`: `m = sum_regions rank(inputs)`.

    theta `[P]`, X `[n, d_0]`, errors as `layer_passes`; `ConfigError` for more than one net.
    """
    if theta.ndim > 1:
        raise ConfigError(f"regions differ from net to net: theta has shape {tuple(theta.shape)}, one net has one axis")
    passes = layer_passes(net, theta, X)
    groups = regions(passes.gates or [torch.ones(len(X), 1, dtype=torch.bool)])
    at, of = region_inputs(passes.A[0], groups)
    datum = groups.member[of]
    inputs = [at]
    for W, g in zip(net.split(theta), passes.gates, strict=False):
        a = inputs[-1] @ W.mT * g[datum]
        # The constant coordinate of a row that is no datum is carried along.
        inputs.append(torch.cat([a, at[:, -1:]], -1) if net.bias else a)
    return torch.cat(by_layer(Passes(inputs, passes.gates, [G[datum] for G in passes.G])), -1)
