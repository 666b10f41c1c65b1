"""Numerical ranks from singular values, and how far they can be trusted. Values descending along the last axis.

A rank does not change when a column is multiplied by a number, but its numerical estimate does: seconds in place of
years, or a neuron's weights times 1e5 and the next ones over 1e5, made directions look free that are not. Hence columns
have length one before a tolerance is applied, of J, of its layers, and of what layers take in and hand on; Gram
matrices, whose eigenvalues are squares of singular values, have a diagonal of ones instead.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from engines.core.numerics.lapack import eigvalsh, svdvals

SINGULAR = 1e-9
"""Share of the largest singular value up to which one counts as zero, of matrices with unit columns."""

EIGEN = 1e-12
"""Share of the largest eigenvalue of a Gram matrix up to which one counts as zero: 1e-6 in singular values.

Squares of smaller singular values are lost in rounding, hence not `SINGULAR` squared.
"""

SWEEP = (1e-2, 1e-3, 1e-4, 1e-6, 1e-9)
"""Tolerances at which ranks are compared where the gap is small."""

CLEAR = 1e6
"""Least gap between counted and other singular values from which a single count is trusted."""


def count_above(values: Tensor, tau: float = SINGULAR, scale: Tensor | float | None = None) -> Tensor:
    """Numerical rank `#{s_i > tau scale}` of values `[*, q]`, integer `[*]`; scale is the largest unless given."""
    if not values.shape[-1]:
        return values.new_zeros(values.shape[:-1], dtype=torch.long)
    whole = values[..., :1] if scale is None else torch.as_tensor(scale, dtype=values.dtype)[..., None]
    return (values > tau * whole).sum(-1)


def unit_columns(M: Tensor) -> tuple[Tensor, Tensor]:
    """Scale the columns of M `[*, p, q]` to length one; the lengths are `[*, q]`, columns of zeros stay."""
    most = M.abs().amax(-2, keepdim=True)  # first: squares of what is beyond 1e154 are infinite
    scaled = M / torch.where(most > 0, most, 1)
    length = torch.linalg.vector_norm(scaled, dim=-2, keepdim=True)
    return scaled / torch.where(length > 0, length, 1), (most * length)[..., 0, :]


def rank(M: Tensor, tau: float = SINGULAR, scale: Tensor | float | None = None) -> Tensor:
    """Numerical rank of matrices `[*, p, q]` by their singular values; integer `[*]`."""
    return count_above(svdvals(M), tau, scale)


def gram_of_unit_columns(C: Tensor) -> Tensor:
    """Gram matrices `C [*, q, q]` of columns scaled to length one, `C_ij/sqrt(C_ii C_jj)`; columns of zeros stay."""
    length = C.diagonal(dim1=-2, dim2=-1).clamp_min(0).sqrt()
    length = torch.where(length > 0, length, 1)
    return C / length[..., :, None] / length[..., None, :]  # one after the other: their product may be beyond range


def gram_rank(C: Tensor, tau: float = EIGEN) -> Tensor:
    """Numerical rank of positive semidefinite matrices `[*, q, q]` by their eigenvalues; integer `[*]`."""
    return count_above(eigvalsh(C).flip(-1), tau)


def gap(values: Tensor, r: Tensor) -> Tensor:
    """Gap `s_r/s_{r+1}` of values `[*, q]` at the rank r, `[*]`; infinite where no value or zero follows."""
    padded = torch.nn.functional.pad(values, (1, 1))
    last, next_ = padded.gather(-1, r[..., None])[..., 0], padded.gather(-1, r[..., None] + 1)[..., 0]
    return torch.where(next_ == 0, torch.inf, last / next_)


def rank_sweep(values: Tensor, tolerances: Sequence[float] = SWEEP) -> Tensor:
    """Numerical ranks at m tolerances of values `[*, q]`, integer `[*, m]`."""
    return torch.stack([count_above(values, tau) for tau in tolerances], -1)
