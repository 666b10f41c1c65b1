"""Singular values of the Jacobian and row spaces of its layers, by QR or by a Gram matrix, stage by stage.

by_qr     R of `J = QR` and its singular values: all digits of float64, minutes from thousands of parameters on
by_gram   eigenvalues of `JᵀJ`, which are the squares: much faster, nothing below 1e-6 of the largest is resolved

Either way `J D⁻¹` is factorised as well, D the lengths of the columns of J: it has the rank of J, whatever the units of
inputs and the scales of neurons. Rounding in R and in the Gram matrix is relative to each column, so that it can be
scaled afterwards. One threshold, `tau` times the largest singular value of `J D⁻¹`, holds for it and for its layers.
Long computations are generators: they yield the share of the work that is done, and return the result.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from engines.core.numerics.lapack import eigh, eigvalsh, svd, svdvals
from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.degeneracy.jacobian import CHUNK, qr_of_parts
from engines.loss_landscape.degeneracy.numerical_rank import EIGEN, SINGULAR, unit_columns

T = TypeVar("T")
S = TypeVar("S")

WithProgress = Generator[float, None, T]
"""A computation that yields shares from 0 to 1, in order, and returns a result."""


def map_shares(stages: WithProgress[T], of: Callable[[float], S]) -> Generator[S, None, T]:
    """Yield `of(share)` in place of each share; the result stays."""
    while True:
        try:
            share = next(stages)
        except StopIteration as end:
            return end.value
        yield of(share)


def run_to_end(stages: WithProgress[T]) -> T:
    """Run all stages and return the result."""
    while True:
        try:
            next(stages)
        except StopIteration as end:
            return end.value


PRODUCTS = 3e10
"""Products of a Gram matrix in one stage: one or two seconds of one core."""

STRIP = 512
"""Columns that are multiplied at a time."""


class ChunkedJacobian(NamedTuple):
    """The Jacobian of a network at its parameters, to be made in parts."""

    rows: Callable[[Tensor], Tensor]
    """Map data `[*, n', d_0]` to their rows of J, `[*, n' k, P]`."""
    X: Tensor
    k: int
    """Rows of a datum."""
    widths: list[int]
    """Columns of the layers."""


class RowSpaces(NamedTuple):
    """Directions in which outputs change: singular values of J and row spaces of its layers."""

    values: Tensor
    """Singular values of J, descending, `[*, min(n k, P)]`; P of them from a Gram matrix."""
    unit: Tensor
    """Singular values of `J D⁻¹`, descending, as many."""
    lengths: Tensor
    """Lengths D of the columns of J, `[*, P]`; columns of zeros stay as they are."""
    factor: Tensor
    """R of `J D⁻¹`, `[*, min(n k, P), P]`, or its Gram matrix."""
    spaces: Sequence[Tensor]
    """Orthonormal rows that span those of `J^l D⁻¹`, one tensor a layer, others zero, `[*, q, d_{l+1} D_l]`."""
    tau: float
    """Share of the largest singular value of `J D⁻¹` up to which one counts as zero."""
    squared: bool = False
    """Whether the values are roots of eigenvalues, so that those up to tau may be rounding."""

    def along(self, directions: Tensor) -> Tensor:
        """Singular values of `J D⁻¹` on the span of orthonormal rows `[*, q, P]`, descending, 0 for rows of zeros."""
        if self.squared:
            return eigvalsh(directions @ self.factor @ directions.mT).flip(-1).clamp_min(0).sqrt()
        return svdvals(directions @ self.factor.mT)


Factorisation = Callable[[ChunkedJacobian], WithProgress[RowSpaces]]
"""One of the two methods, `by_qr` or `by_gram`."""


def by_qr(J: ChunkedJacobian, tau: float = SINGULAR, chunk: int | None = None) -> WithProgress[RowSpaces]:
    """Factorise J by its QR triangle, made of `chunk` data at a time; by default of about 2 P rows.

    Raises `ConfigError` for derivatives beyond float64.
    """
    R, parts = None, J.X.split(chunk or max(CHUNK, 2 * sum(J.widths) // J.k), -2)
    for done, part in enumerate(parts, 1):
        R = qr_of_parts([J.rows(part)] if R is None else [R, J.rows(part)])
        yield 0.4 * done / len(parts)
    R = torch.as_tensor(R)
    scaled, lengths = unit_columns(R)
    _require_finite(lengths)
    values, unit, spaces = svdvals(R), svdvals(scaled), []
    for block in scaled.split(J.widths, -1):
        yield 0.7 + 0.3 * len(spaces) / len(J.widths)
        spaces.append(row_space(block, tau * unit[..., 0]))
    return RowSpaces(values, unit, lengths, scaled, spaces, tau)


def by_gram(J: ChunkedJacobian, chunk: int | None = None) -> WithProgress[RowSpaces]:
    """Factorise J by `JᵀJ`, summed over `chunk` data at a time.

    Its diagonal blocks are the Gram matrices of the layers. Raises `ConfigError` for derivatives beyond float64.
    """
    P = sum(J.widths)
    C, parts = J.X.new_zeros(()), J.X.split(chunk or max(1, int(PRODUCTS / (J.k * P * P))), -2)
    for done, part in enumerate(parts, 1):
        C = lower_gram(J.rows(part)).add_(C)
        yield 0.6 * done / len(parts)
    _require_finite(C.diagonal(dim1=-2, dim2=-1))
    values = eigvalsh(C).flip(-1).clamp_min(0).sqrt()
    yield 0.7
    lengths = C.diagonal(dim1=-2, dim2=-1).sqrt()
    over = torch.where(lengths > 0, 1 / lengths, 0)
    C = (C * over[..., None]).mul_(over[..., None, :])
    unit, spaces = eigvalsh(C).flip(-1).clamp_min(0).sqrt(), []
    for width, end in zip(J.widths, torch.tensor(J.widths).cumsum(0).tolist(), strict=True):
        yield 0.8 + 0.2 * len(spaces) / len(J.widths)
        spaces.append(row_space_of_gram(C[..., end - width : end, end - width : end], EIGEN * unit[..., 0].square()))
    return RowSpaces(values, unit, lengths, C.tril() + C.tril(-1).mT, spaces, EIGEN**0.5, squared=True)


def _require_finite(sizes: Tensor) -> None:
    """Raise `ConfigError` for a Jacobian whose columns are beyond float64."""
    if not bool(sizes.isfinite().all()):
        raise ConfigError("the outputs' derivatives are beyond 1e154: their squares are no numbers; scale the inputs")


def lower_gram(J: Tensor) -> Tensor:
    """Gram matrix `JᵀJ` of rows `[*, m, P]`, correct on and below its diagonal.

    Solvers read no more, half the products.
    """
    C = J.new_zeros(*J.shape[:-2], J.shape[-1], J.shape[-1])
    for a in range(0, J.shape[-1], STRIP):
        C[..., a:, a : a + STRIP] = J[..., a:].mT @ J[..., a : a + STRIP]
    return C


def row_space(J: Tensor, least: Tensor) -> Tensor:
    """Orthonormal rows that span those of J `[*, p, q]`, the others zero, `[*, min(p, q), q]`.

    Singular values up to `least [*]` count as zero.
    """
    _, values, V = svd(J)
    return V * (values > least[..., None])[..., None]


def row_space_of_gram(C: Tensor, least: Tensor) -> Tensor:
    """Row space `[*, q, q]` of any J with `JᵀJ = C [*, q, q]`; eigenvalues up to `least [*]` count as zero."""
    values, U = eigh(C)
    return U.mT * (values > least[..., None])[..., None]
