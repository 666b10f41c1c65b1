"""Lanczos' method, a batch of starts at a time, and eigenpairs at both ends of a spectrum.

Every vector is orthogonalised twice against all before it.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from engines.core.numerics import lapack
from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.hessian.products import Product

FAINT = 1e-10
"""Share of the largest entry up to which a residual is rounding: the space that the start spans is exhausted."""


class Krylov(NamedTuple):
    """Krylov space `H Q = Q T + beta_k q_{k+1} e_k^T` with orthonormal columns of Q and a symmetric tridiagonal T."""

    alpha: Tensor
    """Diagonal of T, `[m, *, k]`."""
    beta: Tensor
    """Entries below the diagonal, and the last residual; zero where a start was exhausted, `[m, *, k]`."""
    Q: Tensor
    """Orthonormal vectors, `[k, m, *, P]`."""


def rademacher(generator: torch.Generator, *shape: int) -> Tensor:
    """Draw signs +-1 with equal odds, `[*shape]`, in float64 on the device of the generator."""
    return torch.randint(0, 2, shape, generator=generator, device=generator.device).double() * 2 - 1


def lanczos(product: Product, start: Tensor, k: int) -> Krylov:
    """Build a Krylov space of k steps from `start [m, *, P]`; float64.

    `beta_j q_{j+1} = (I - Q Q^T)^2 (H q_j)`, `alpha_j = q_j . H q_j`. A space that is exhausted is continued from a
    fresh direction at `beta = 0`, so that the Ritz values are still eigenvalues and multiple ones are found. Raises
    `ConfigError` unless 1 <= k <= P. Golub, Van Loan, chapter 10.
    """
    if not 1 <= k <= start.shape[-1]:
        raise ConfigError(f"Lanczos steps are {k}; they may be 1 to P = {start.shape[-1]}")
    Q = start.new_zeros(*start.shape[:-1], k, start.shape[-1], dtype=torch.float64)
    Q[..., 0, :] = normalise(start.double())
    alpha, beta = Q.new_zeros(Q.shape[:-1]), Q.new_zeros(Q.shape[:-1])
    for j in range(k):
        before, q = Q[..., : j + 1, :], Q[..., j, :]
        residual = product(q)
        alpha[..., j] = (residual * q).sum(-1)
        residual = orthogonalise(orthogonalise(residual, before), before)
        size = torch.linalg.vector_norm(residual, dim=-1)
        exhausted = size <= FAINT * torch.maximum(alpha.abs().amax(-1), beta.amax(-1))
        beta[..., j] = torch.where(exhausted, 0, size)
        if j + 1 < k:
            Q[..., j + 1, :] = next_vector(residual, exhausted, before)
    return Krylov(alpha, beta, Q.movedim(-2, 0))


def next_vector(residual: Tensor, exhausted: Tensor, Q: Tensor) -> Tensor:
    """Next unit vector: along the residual `[m, *, P]`, or where that is gone along fixed normals, less Q."""
    if exhausted.any():
        g = torch.Generator().manual_seed(Q.shape[-2])  # normals: in few dimensions signs may lie in the span of Q
        fresh = torch.randn(residual.shape[-1], generator=g, dtype=torch.float64).to(residual.device)
        fresh = orthogonalise(orthogonalise(fresh.expand_as(residual), Q), Q)
        residual = torch.where(exhausted[..., None], fresh, residual)
    return normalise(residual)


def orthogonalise(v: Tensor, Q: Tensor) -> Tensor:
    """Remove the span of Q, `v - Q Q^T v`, for `v [*, P]` and orthonormal `Q [*, j, P]`."""
    shares = Q @ v[..., None]
    return v - (shares.mT @ Q)[..., 0, :]


def normalise(v: Tensor) -> Tensor:
    """Scale `v [*, P]` to length one."""
    return v / torch.linalg.vector_norm(v, dim=-1, keepdim=True)


def ritz(space: Krylov) -> tuple[Tensor, Tensor]:
    """Ritz values `[m, *, k]`, ascending, and eigenvectors of T `[m, *, k, k]`, by a symmetric solver."""
    off = space.beta[..., :-1]
    T = torch.diag_embed(space.alpha) + torch.diag_embed(off, 1) + torch.diag_embed(off, -1)
    return lapack.eigh(T)


class Eigenpairs(NamedTuple):
    """Approximate eigenvalues and unit eigenvectors of a symmetric operator."""

    values: Tensor
    """Approximate eigenvalues, from the end that was asked for, `[*, count]`."""
    vectors: Tensor
    """`[count, *, P]`."""
    residuals: Tensor
    """Residuals `|H v - theta v|`, within which there is an eigenvalue for certain, `[*, count]`."""


def largest_eigenpairs(product: Product, start: Tensor, k: int, count: int) -> Eigenpairs:
    """The `count` largest eigenvalues by k Lanczos steps from `start [*, P]`.

    Each of several equal eigenvalues is found only where the space is exhausted, see `lanczos`. Raises `ConfigError`
    unless count <= k <= P.
    """
    return _eigenpairs_at_end(product, start, k, count, slice(-count, None), True)


def smallest_eigenpairs(product: Product, start: Tensor, k: int, count: int) -> Eigenpairs:
    """The `count` smallest eigenvalues by k Lanczos steps from `start [*, P]`, most negative first.

    In a positive semi-definite matrix they belong to its flattest directions.

    A null space appears as one vector, the part of the start that lies in it, once the gap above zero is resolved.
    Errors as `largest_eigenpairs`.
    """
    return _eigenpairs_at_end(product, start, k, count, slice(0, count), False)


def _eigenpairs_at_end(
    product: Product, start: Tensor, k: int, count: int, kept: slice, descending: bool
) -> Eigenpairs:
    if not 1 <= count <= k:
        raise ConfigError(f"eigenvectors asked for are {count}; they may be 1 to the {k} Lanczos steps")
    space = lanczos(product, start[None], k)
    values, S = ritz(space)
    values, S = values[0, ..., kept], S[0, ..., kept]
    vectors = torch.einsum("k...p,...kc->c...p", space.Q[:, 0], S)
    residuals = space.beta[0, ..., -1:] * S[..., -1, :].abs()
    if descending:
        values, vectors, residuals = values.flip(-1), vectors.flip(0), residuals.flip(-1)
    return Eigenpairs(values, vectors, residuals)
