"""Long computations stage by stage: a generator says which share of the work is done, and returns the result.

What a count needs of the Jacobian: its singular values and the row spaces of its layers, in one of two ways.

triangle  R of `J = QR` and its singular values: all digits of float64, minutes from thousands of parameters on
gram      eigenvalues of `JᵀJ`, which are the squares: much faster, and nothing below 1e-6 of the largest is resolved

Either way `J D⁻¹` is looked at as well, D the lengths of the columns of J: it has the rank of J, whatever the units of
inputs and the scales of neurons. Rounding in R and in the Gram matrix is relative to each column, so that it can be
scaled afterwards. One threshold, `tau` times the largest singular value of `J D⁻¹`, holds for it and for its layers.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from engines.core.numerics.lapack import eigh, eigvalsh, svdvals
from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.degeneracy.jacobian import CHUNK, qr_of_parts
from engines.loss_landscape.degeneracy.numerical_rank import EIGEN, SINGULAR, unit_columns

T = TypeVar("T")
S = TypeVar("S")

Stages = Generator[float, None, T]
"""Shares from 0 to 1, in order, and a result."""


def map_shares(stages: Stages[T], of: Callable[[float], S]) -> Generator[S, None, T]:
    """`of(share)` in place of each share; the result is the same."""
    while True:
        try:
            share = next(stages)
        except StopIteration as end:
            return end.value
        yield of(share)


def run_to_end(stages: Stages[T]) -> T:
    """The result, without a stop."""
    while True:
        try:
            next(stages)
        except StopIteration as end:
            return end.value


PRODUCTS = 3e10
"""Of a Gram matrix, in one stage: one or two seconds of one core."""

STRIP = 512
"""Columns that are multiplied at a time."""


class JacobianSource(NamedTuple):
    """J of a network at its parameters, to be made in parts."""

    rows: Callable[[Tensor], Tensor]
    """Of data `[..., n', d_0]`, their rows of J, `[..., n' k, P]`."""
    X: Tensor
    k: int
    """Rows of a datum."""
    widths: list[int]
    """Columns of the layers."""


class RowSpaces(NamedTuple):
    """The directions in which outputs change."""

    values: Tensor
    """Singular values of J, descending, `[..., min(n k, P)]`; P of them from a Gram matrix."""
    unit: Tensor
    """The same of `J D⁻¹`."""
    lengths: Tensor
    """D, of the columns of J, `[..., P]`; columns of zeros stay as they are."""
    factor: Tensor
    """R of `J D⁻¹`, `[..., min(n k, P), P]`, or its Gram matrix."""
    spaces: Sequence[Tensor]
    """Of each layer, orthonormal rows that span those of `J^l D⁻¹`, the others zero, `[..., q, d_{l+1} D_l]`."""
    tau: float
    """Up to this share of the largest, a singular value of `J D⁻¹` counts as zero."""
    squared: bool = False
    """Whether the values are roots of eigenvalues, so that those up to tau may be rounding."""

    def along(self, directions: Tensor) -> Tensor:
        """Singular values of `J D⁻¹` on the span of orthonormal rows `[..., q, P]`, descending, 0 for rows of zeros."""
        if self.squared:
            return eigvalsh(directions @ self.factor @ directions.mT).flip(-1).clamp_min(0).sqrt()
        return svdvals(directions @ self.factor.mT)


Factorisation = Callable[[JacobianSource], Stages[RowSpaces]]
"""One of the two ways."""


def by_qr(J: JacobianSource, tau: float = SINGULAR, chunk: int | None = None) -> Stages[RowSpaces]:
    """From the triangle of J, made of `chunk` data at a time; without a number of about 2 P rows."""
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


def by_gram(J: JacobianSource, chunk: int | None = None) -> Stages[RowSpaces]:
    """From `JᵀJ`, summed over `chunk` data at a time; its diagonal blocks are the Gram matrices of the layers."""
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
    """`JᵀJ` of rows `[..., m, P]` on and below its diagonal, not all above: solvers read no more, half the products."""
    C = J.new_zeros(*J.shape[:-2], J.shape[-1], J.shape[-1])
    for a in range(0, J.shape[-1], STRIP):
        C[..., a:, a : a + STRIP] = J[..., a:].mT @ J[..., a : a + STRIP]
    return C


def row_space(J: Tensor, least: Tensor) -> Tensor:
    """Orthonormal rows that span those of J `[..., p, q]`, the others zero, `[..., min(p, q), q]`.

    Singular values up to `least [...]` count as zero.
    """
    _, values, V = torch.linalg.svd(J, full_matrices=False)
    return V * (values > least[..., None])[..., None]


def row_space_of_gram(C: Tensor, least: Tensor) -> Tensor:
    """Row space of any J with `JᵀJ = C [..., q, q]`, `[..., q, q]`; `least [...]` of the eigenvalues."""
    values, U = eigh(C)
    return U.mT * (values > least[..., None])[..., None]
