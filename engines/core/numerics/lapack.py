"""Decompositions of many small matrices, one thread each; those of a GPU come to the host.

LAPACK takes a batch one matrix after another, and several threads that share a small one mostly wait for each
other: the eigenvalues of 64 matrices of size 100 took 130 to 240 ms on two threads and 18 ms on one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import torch
from torch import Tensor

SMALL = 256
"""Up to this size a matrix is done by one thread."""

BATCHED = 32
"""Up to this size a GPU has solvers for a whole batch; above, it solves one matrix after another."""

QUICK = 2**12
"""Entries of a batch of small matrices that the host solves before a GPU has begun, copies included."""

SQUARINGS = 24
"""How often a matrix is squared for its norm."""

SPAN = 1e-200
"""Entries below this fraction of the largest are taken for 0 by singular value decompositions."""


@contextmanager
def _alone(A: Tensor) -> Iterator[None]:
    threads = torch.get_num_threads()
    if A.is_cuda or threads == 1 or A.shape[-1] > SMALL:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _near(solve: Callable[[Tensor], Any]) -> Callable[[Tensor], Any]:
    """Solve small matrices of a GPU on the host: there is no solver for them there that is quicker than two copies."""

    @wraps(solve)
    def placed(A: Tensor) -> Any:
        n = A.shape[-1]
        if not A.is_cuda or n > SMALL or (n <= BATCHED and A.numel() > QUICK):
            return solve(A)
        solved = solve(A.cpu())
        return solved.to(A.device) if isinstance(solved, Tensor) else tuple(part.to(A.device) for part in solved)

    return placed


@_near
def eigvalsh(A: Tensor) -> Tensor:
    """Compute ascending eigenvalues `[B, n]` of symmetric matrices `[B, n, n]`; NaN for those that are not finite."""
    with _alone(A):
        try:
            return torch.linalg.eigvalsh(A)
        except torch.linalg.LinAlgError:  # type: ignore[reportPrivateImportUsage]
            # The solver refuses the whole batch for the sake of one.
            finite = A.isfinite().all(-1, keepdim=True)[..., 0].all(-1, keepdim=True)
            values = torch.linalg.eigvalsh(torch.where(finite[..., None], A, 0))
            return torch.where(finite, values, torch.nan)


@_near
def eigh(A: Tensor) -> tuple[Tensor, Tensor]:
    """Compute ascending eigenvalues `[B, n]` and eigenvectors `[B, n, n]` of symmetric matrices `[B, n, n]`."""
    with _alone(A):
        return torch.linalg.eigh(A)


@_near
def svdvals(A: Tensor) -> Tensor:
    """Compute descending singular values `[B, min(n, k)]` of matrices `[B, n, k]`."""
    with _alone(A):
        entries, size = _resolved(A)
        return torch.linalg.svdvals(entries) * size


@_near
def qr(A: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the thin QR decomposition `Q [B, n, q]`, `R [B, q, k]` of matrices `[B, n, k]`, `q = min(n, k)`."""
    return torch.linalg.qr(A)


def norm_by_squaring(Q: Tensor) -> Tensor:
    """Compute the largest |eigenvalue| `[B]` of symmetric matrices `[B, d, d]` by products alone, for a GPU.

    `|Q| = |Q^m|_F^(1/m)` with `m = 2^SQUARINGS`: too large by a factor of `d^(1/2m)` at most, 1e-7 for d = 50, and by
    rounding where the largest two differ by 1e-6. A solver would have the host wait for each step.
    """
    size = torch.linalg.matrix_norm(Q, keepdim=True)
    there, tiny = size > 0, torch.finfo(Q.dtype).tiny
    logs, P = size.clamp_min(tiny).log(), torch.where(there, Q / size, 0)
    for squared in range(1, SQUARINGS + 1):
        P = P @ P
        size = torch.linalg.matrix_norm(P, keepdim=True).clamp_min(tiny)
        logs, P = torch.add(logs, size.log(), alpha=0.5**squared), P / size
    return torch.where(there, logs.exp(), 0)[..., 0, 0]


@_near
def svd(A: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Compute the thin singular value decomposition `U [B, n, q]`, `S [B, q]`, `Vᵀ [B, q, k]`, `q = min(n, k)`."""
    entries, size = _resolved(A)
    U, S, VT = torch.linalg.svd(entries, full_matrices=False)
    return U, S * size, VT


def _resolved(A: Tensor) -> tuple[Tensor, Tensor]:
    """Divide `A` by a power of 2 near its largest entry; return it with that power `[B, 1]`.

    Entries so small that their products underflow become 0: with them the solver converges for no member, nor does it
    where the largest is itself so small (2e-141 with the smallest of 1e-288).
    """
    if not A.numel():
        return A, A.new_ones((*A.shape[:-2], 1))
    sizes = A.abs()
    largest = sizes.amax((-2, -1), keepdim=True)
    exponent = torch.frexp(largest.nan_to_num(0, 0, 0)).exponent.clamp_(-1000, 1000)  # that of 0 is 0
    size = torch.ldexp(torch.ones_like(largest), exponent)
    return A.masked_fill(sizes < SPAN * largest, 0).div_(size), size[..., 0]
