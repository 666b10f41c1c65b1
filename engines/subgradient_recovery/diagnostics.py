"""Observables of a batch.

Signal `S = Vᵀ U` `[B, r, k]` and complement `E = U - V S` `[B, d, k]` split the error,

    |UUᵀ - X*|² = |SSᵀ - Sigma|² + 2|SEᵀ|² + |EEᵀ|²,

and with P the projector on the rows of S, E splits into the misalignment `F = E P` of the learned subspace, which is
large while it is learned and vanishes, and the over-parameterisation residual `G = E - F`. All exact.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engines.core.numerics.lapack import eigvalsh, qr, svdvals
from engines.core.numerics.low_rank import gram, norm, split_signal
from engines.subgradient_recovery.dynamics import TINY, measure, move, shrink, steps
from engines.subgradient_recovery.losses import Knobs
from engines.subgradient_recovery.problem import Problem, State, operator_norm

COUNTED = 1e-3
"""Eigenvalues above this share of sigma_r count as rank."""

SHOWN = 600
"""Measurements whose residuals are recorded; they are alike, so that the first ones are a sample."""

LARGEST = 40
"""Rows and columns of the matrices that are recorded."""


def observe(problem: Problem, state: State, knobs: Knobs) -> dict[str, Tensor]:
    """Compute all channels but the thin ones, each `[B, *dims]`."""
    now = measure(problem, state, knobs)
    eta = move(problem, state, knobs, now)[1]
    error = state.U @ state.U.mT - problem.truth
    size = torch.linalg.matrix_norm(error)
    return {
        "loss": now.loss,
        "loss_gap": now.loss - problem.true_loss,
        "error": size,
        "relative_error": size / problem.size,
        **_split(problem, state),
        "phi": (now.Q * error).sum((-2, -1)) / size.clamp_min(TINY),
        "direction_norm": now.norm,
        "step_size": eta,
        "normalised_step": eta * now.norm,
        "rho": shrink(problem, knobs),
        "spent": state.spent,
    }


def _split(problem: Problem, state: State) -> dict[str, Tensor]:
    S, E = split_signal(state.U, problem.V)
    rows, triangle = qr(S.mT)
    F = E @ rows @ rows.mT
    learned = eigvalsh(S @ S.mT).flip(-1).clamp_min(0)
    return {
        "signal_error": torch.linalg.matrix_norm(S @ S.mT - torch.diag_embed(problem.sigma)),
        "cross_error": torch.linalg.matrix_norm(S @ E.mT) * 2**0.5,
        "residual_error": torch.linalg.matrix_norm(gram(E)),
        "signal_min": learned[:, -1] / problem.sigma[:, -1],
        "signal_eigenvalues": learned,
        "misalignment": torch.linalg.matrix_norm(F),
        "residual_norm": norm(E - F),
        "tangent": _tangent(E @ rows, triangle),
    }


def _tangent(E: Tensor, triangle: Tensor) -> Tensor:
    """`|E S⁺|_2` with `Sᵀ = rows · triangle` and E given in the basis of the rows; 0 where S has lost its rank."""
    inverse, failed = torch.linalg.inv_ex(triangle)
    lost = (failed != 0)[:, None, None]
    return norm(torch.where(lost, 0, E @ inverse.mT))


def snapshot(problem: Problem, state: State, knobs: Knobs) -> dict[str, Tensor]:
    """Compute the thin channels, each `[B, *dims]`: spectra, matrices, single measurements."""
    now = measure(problem, state, knobs)
    after = measure(problem, steps(problem, state, knobs, 1), knobs)
    X = state.U @ state.U.mT
    values = svdvals(state.U).square()
    shown = slice(min(SHOWN, problem.y.shape[1]))
    return {
        "eigenvalues": torch.where(problem.padded[:, : values.shape[1]], torch.nan, values),
        "effective_rank": (values > COUNTED * problem.sigma[:, -1:]).sum(-1).to(X),
        "deviation": deviation(now.Q, X - problem.truth),
        "flips": (now.R.sign() != after.R.sign()).to(X).mean(-1),
        "residuals": now.R[:, shown],
        "data": problem.y[:, shown],
        "corrupted": problem.corrupted[:, shown],
        "recovered": _ordered(problem, X),
        "truth": _ordered(problem, problem.truth),
    }


def deviation(Q: Tensor, X: Tensor) -> Tensor:
    """Sign-RIP along the path: `delta_1 = |Q - phi X/|X|_F|_2 / phi` with the measured `phi = <Q, X>/|X|_F`, `[B]`."""
    X = X / torch.linalg.matrix_norm(X, keepdim=True).clamp_min(TINY)
    phi = (Q * X).sum((-2, -1))
    return operator_norm(Q - phi[:, None, None] * X) / phi.abs().clamp_min(TINY)


def _ordered(problem: Problem, X: Tensor) -> Tensor:
    """At most `LARGEST` rows and columns, by their angle in the truth's leading plane: the truth looks smooth."""
    V = problem.V
    angle = torch.atan2(V[:, :, 1], V[:, :, 0]) if V.shape[-1] > 1 else V[:, :, 0]
    order = angle.argsort(-1)
    order = order[:, :: -(-order.shape[1] // LARGEST)]
    index = order[:, :, None].expand(-1, -1, X.shape[-1])
    return X.gather(1, index).gather(2, order[:, None, :].expand(-1, order.shape[1], -1))
