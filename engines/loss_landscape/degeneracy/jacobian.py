"""What a network's layers see of the data and what its outputs see of the layers.

The Jacobian J of the outputs: `Hess = JᵀJ/n` of the behavioural loss, exactly. Rows (x, o), columns vec(W^l).

The Jacobian by linear regions: data with one joint gate pattern share one linear network. One net, not a batch.

Within a region `at^l = M^l at^0`, `G` is constant and `sum_x at^0 at^0ᵀ = V S² Vᵀ`: the region's data can be replaced
by the rows of `S Vᵀ`, at most D_0, and `JᵀJ` is what it was. Worth it where patterns repeat, as in planted nets; in
trained ones nearly every datum has a pattern of its own.
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
    """One entry a layer l = 0 .. L-1; gates one a hidden layer."""

    A: list[Tensor]
    """`at^l(x)`, `[..., n, D_l]`."""
    gates: list[Tensor]
    """`z^l(x) > 0` of the hidden layers 1 .. L-1, bool `[..., n, d_l]`."""
    G: list[Tensor]
    """`df/dz^{l+1}`, `[..., n, k, d_{l+1}]`."""


def require_float64(*tensors: Tensor) -> None:
    """Raise `ConfigError` unless every tensor is float64: float32 counts zero modes that are not there."""
    for tensor in tensors:
        if tensor.dtype != torch.float64:
            raise ConfigError(f"counts need float64, given was {tensor.dtype}: in float32 they are wrong")


def slope(activation: str, z: Tensor) -> Tensor:
    """`phi'(z)`, of the shape of z; for a ReLU `z > 0`."""
    with torch.enable_grad():
        z = z.detach().requires_grad_()
        return torch.autograd.grad(ACTIVATIONS[activation](z).sum(), z)[0]


def gate(activation: str, z: Tensor) -> Tensor:
    """`z > 0`, bool; linear units always fire. Raises `ConfigError` for an activation that has no gates."""
    if activation == "linear":
        return torch.ones_like(z, dtype=torch.bool)
    if activation != "relu":
        raise ConfigError(f"activation {activation!r} has no gates; relu and linear have")
    return z > 0


def layer_passes(net: Mlp, theta: Tensor, X: Tensor) -> Passes:
    """`G^{L-1} = I_k`, `G^{l-1} = (G^l W^l[:, :-1]) * phi'(z^l)` for all data and outputs at once.

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
"""Data whose rows are made at a time, at least."""


def by_layer(passes: Passes) -> list[Tensor]:
    """`J^l`, row (x, o) `G^l[x, o, :] kron at^l(x)`, each `[..., n k, d_{l+1} D_l]`."""
    pairs = zip(passes.G, passes.A, strict=True)
    return [(G[..., None] * A[..., None, None, :]).flatten(-2).flatten(-3, -2) for G, A in pairs]


def jacobian(net: Mlp, theta: Tensor, X: Tensor) -> Tensor:
    """`J = [J^0 .. J^{L-1}]`, `[..., n k, P]`; errors as `backward`."""
    return torch.cat(by_layer(layer_passes(net, theta, X)), -1)


def jacobian_chunks(net: Mlp, theta: Tensor, X: Tensor, chunk: int | None = None) -> Iterator[Tensor]:
    """J in pieces of `chunk` data; without a number of about 2 P rows, where a triangle costs little more than J."""
    chunk = chunk or max(CHUNK, 2 * net.P // net.sizes[-1])
    return (jacobian(net, theta, part) for part in X.split(chunk, -2))


def qr_triangle(net: Mlp, theta: Tensor, X: Tensor, chunk: int | None = None) -> Tensor:
    """R of `J = QR`, with J in chunks: `RᵀR = JᵀJ` in at most P rows, `[..., min(n k, P), P]`.

    R and its blocks of columns have the singular values and row spaces of J and its layers, at full precision:
    unlike a Gram matrix, which squares them and resolves nothing below 1e-8 of the largest.
    """
    return qr_of_parts(jacobian_chunks(net, theta, X, chunk))


def qr_of_parts(parts: Iterable[Tensor]) -> Tensor:
    """R of the QR decomposition of all rows of parts `[..., m, P]`, one part after another."""

    def onto(R: Tensor | None, part: Tensor) -> Tensor:
        return torch.linalg.qr(part if R is None else torch.cat([R, part], -2), mode="r").R

    return torch.as_tensor(reduce(onto, parts, None))


def gram(net: Mlp, theta: Tensor, X: Tensor, chunk: int | None = None) -> Tensor:
    """`JᵀJ/n`, the Hessian of the behavioural loss, `[..., P, P]`: half the cost of `triangle`."""
    total = sum(part.mT @ part for part in jacobian_chunks(net, theta, X, chunk))
    return torch.as_tensor(total) / X.shape[-2]


def kernel(net: Mlp, theta: Tensor, X: Tensor) -> Tensor:
    """`J Jᵀ/n`, `[..., n k, n k]`: the same non-zero eigenvalues, cheaper where n k < P."""
    J = jacobian(net, theta, X)
    return J @ J.mT / X.shape[-2]


def hessian_eigenvalues(J: Tensor, n: int) -> Tensor:
    """Eigenvalues h of the Hessian `[..., P]`, descending, from J or a factor of JᵀJ: squares, hence never negative."""
    h = svdvals(J).square() / n
    return torch.nn.functional.pad(h, (0, J.shape[-1] - h.shape[-1]))


FAINT = 1e-10
"""Below this share of the region's largest singular value a direction of its inputs, in units of all, is rounding."""


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


def region_inputs(A: Tensor, found: Regions) -> tuple[Tensor, Tensor]:
    """`S Vᵀ` of the inputs `[n, D_0]` of every region, stacked `[m, D_0]`, and the region of each row `[m]`."""
    A, lengths = unit_columns(A)
    rows, of = [], []
    for region in range(len(found.member)):
        _, values, V = torch.linalg.svd(A[found.of == region], full_matrices=False)
        kept = values > FAINT * values[0]
        rows.append(values[kept, None] * V[kept] * lengths)
        of.append(torch.full((len(rows[-1]),), region))
    return torch.cat(rows), torch.cat(of)


def jacobian_by_regions(net: Mlp, theta: Tensor, X: Tensor) -> Tensor:
    """Rows whose `JᵀJ`, hence rank and spectrum, is that of J, `[m k, P]`: `m = sum_regions rank(inputs)`.

    theta `[P]`, X `[n, d_0]`, errors as `backward`; `ConfigError` for more than one net.
    """
    if theta.ndim > 1:
        raise ConfigError(f"regions differ from net to net: theta has shape {tuple(theta.shape)}, one net has one axis")
    passes = layer_passes(net, theta, X)
    found = regions(passes.gates or [torch.ones(len(X), 1, dtype=torch.bool)])
    at, of = region_inputs(passes.A[0], found)
    datum = found.member[of]
    seen = [at]
    for W, g in zip(net.split(theta), passes.gates, strict=False):
        a = seen[-1] @ W.mT * g[datum]
        # The constant coordinate of a row that is no datum is carried along.
        seen.append(torch.cat([a, at[:, -1:]], -1) if net.bias else a)
    return torch.cat(by_layer(Passes(seen, passes.gates, [G[datum] for G in passes.G])), -1)
