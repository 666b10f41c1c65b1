"""The Jacobian J of the outputs: `Hess = JᵀJ/n` of the behavioural loss, exactly. Rows (x, o), columns vec(W^l)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import reduce

import torch
from torch import Tensor

from engines.core.numerics.lapack import svdvals
from engines.loss_landscape.degeneracy.layer_spaces import Passes, backward
from engines.loss_landscape.models.mlp import Mlp

CHUNK = 256
"""Data whose rows are made at a time, at least."""


def by_layer(passes: Passes) -> list[Tensor]:
    """`J^l`, row (x, o) `G^l[x, o, :] kron at^l(x)`, each `[..., n k, d_{l+1} D_l]`."""
    pairs = zip(passes.G, passes.A, strict=True)
    return [(G[..., None] * A[..., None, None, :]).flatten(-2).flatten(-3, -2) for G, A in pairs]


def jacobian(net: Mlp, theta: Tensor, X: Tensor) -> Tensor:
    """`J = [J^0 .. J^{L-1}]`, `[..., n k, P]`; errors as `backward`."""
    return torch.cat(by_layer(backward(net, theta, X)), -1)


def chunks(net: Mlp, theta: Tensor, X: Tensor, chunk: int | None = None) -> Iterator[Tensor]:
    """J in pieces of `chunk` data; without a number of about 2 P rows, where a triangle costs little more than J."""
    chunk = chunk or max(CHUNK, 2 * net.P // net.sizes[-1])
    return (jacobian(net, theta, part) for part in X.split(chunk, -2))


def triangle(net: Mlp, theta: Tensor, X: Tensor, chunk: int | None = None) -> Tensor:
    """R of `J = QR`, with J in chunks: `RᵀR = JᵀJ` in at most P rows, `[..., min(n k, P), P]`.

    R and its blocks of columns have the singular values and row spaces of J and its layers, at full precision:
    unlike a Gram matrix, which squares them and resolves nothing below 1e-8 of the largest.
    """
    return folded(chunks(net, theta, X, chunk))


def folded(parts: Iterable[Tensor]) -> Tensor:
    """R of the QR decomposition of all rows of parts `[..., m, P]`, one part after another."""

    def onto(R: Tensor | None, part: Tensor) -> Tensor:
        return torch.linalg.qr(part if R is None else torch.cat([R, part], -2), mode="r").R

    return torch.as_tensor(reduce(onto, parts, None))


def gram(net: Mlp, theta: Tensor, X: Tensor, chunk: int | None = None) -> Tensor:
    """`JᵀJ/n`, the Hessian of the behavioural loss, `[..., P, P]`: half the cost of `triangle`."""
    total = sum(part.mT @ part for part in chunks(net, theta, X, chunk))
    return torch.as_tensor(total) / X.shape[-2]


def kernel(net: Mlp, theta: Tensor, X: Tensor) -> Tensor:
    """`J Jᵀ/n`, `[..., n k, n k]`: the same non-zero eigenvalues, cheaper where n k < P."""
    J = jacobian(net, theta, X)
    return J @ J.mT / X.shape[-2]


def spectrum(J: Tensor, n: int) -> Tensor:
    """Eigenvalues h of the Hessian `[..., P]`, descending, from J or a factor of JᵀJ: squares, hence never negative."""
    h = svdvals(J).square() / n
    return torch.nn.functional.pad(h, (0, J.shape[-1] - h.shape[-1]))
