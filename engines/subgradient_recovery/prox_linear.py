"""The prox-linear step: the best change of U for the linearised measurements, by reweighted least squares.

`H = argmin (1/m) |A(UUᵀ + UHᵀ + HUᵀ) - y|_1 + mu |H|_F²` (Drusvyatskiy, Lewis 2018; Charisopoulos et al. 2019), with
weights `1/(m max(|res|, max(1e-2 * .3^i, 1e-13)))` in the i-th of 20 rounds. One step costs O(m (dk)²).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from engines.subgradient_recovery.problem import Problem, State

MU = 1e-3
ROUNDS = 20

ARRIVED = 1e-9
"""After a step this small against U quadratic convergence has reached the rounding."""


def prox_linear(problem: Problem, state: State, places: Tensor, R: Tensor, change: Tensor) -> Tensor:
    """Put the steps of the members at `places` `[b]` into `change [B, d, k]`; `R [B, m]` holds the residuals at U."""
    for member in places.tolist():
        if bool(state.moved[member] > ARRIVED):
            own = ~problem.padded[member]
            U = state.U[member][:, own]
            change[member][:, own] = solve(_linearised(problem, member, U), R[member]).view_as(U)
    return change


def _linearised(problem: Problem, member: int, U: Tensor) -> Tensor:
    """The matrix of `H -> A(UHᵀ + HUᵀ)`, `[m, dk]`: row i is `2 sym(A_i) U`."""
    triangle = problem.sensing.triangle
    return (2 * triangle.mirrored(problem.sensing.rows(member).to(U.dtype) / triangle.weights) @ U).flatten(1)


def solve(rows: Tensor, residuals: Tensor) -> Tensor:
    """Minimiser `[dk]` of `(1/m) |rows h + residuals|_1 + mu |h|²` over h, rows `[m, dk]` and residuals `[m]`."""
    m, size = rows.shape
    ridge = MU**0.5 * torch.eye(size, dtype=rows.dtype, device=rows.device)
    h = rows.new_zeros(size)
    for i in range(ROUNDS):
        left = (rows @ h + residuals).abs().clamp_min(max(1e-2 * 0.3**i, 1e-13))
        # Half a weighted square stands for an absolute value, so that the ridge keeps its mu.
        root = (0.5 / (m * left)).sqrt()[:, None]
        system = torch.cat([root * rows, ridge])
        target = torch.cat([-root[:, 0] * residuals, rows.new_zeros(size)])
        Q, triangle = torch.linalg.qr(system)
        h = torch.linalg.solve_triangular(triangle, (Q.mT @ target)[:, None], upper=True)[:, 0]
    return h
