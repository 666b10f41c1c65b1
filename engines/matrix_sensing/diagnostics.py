"""Observables of a batch. The error is split without cancellation: `J = F - U* (U*ᵀ F)`, never by Gram matrices.

With `F = U* U + J` and `G = V* V + K` (signal blocks U, V `[B, r, k]`, noise blocks J, K):
`|E|² = |U Vᵀ - Σ|² + |U Kᵀ|² + |J Vᵀ|² + |J Kᵀ|²`, all norms Frobenius.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engines.core.numerics.lapack import qr, svd, svdvals
from engines.core.numerics.low_rank import eigenvalues, gram, largest, norm, split_signal
from engines.matrix_sensing.dynamics import Knobs
from engines.matrix_sensing.problem import Problem, State

COUNTED = 1e-3
"""Singular values above this fraction of the largest are counted as rank."""


def observe(problem: Problem, state: State, knobs: Knobs) -> dict[str, Tensor]:
    """Compute all channels but the thin ones, each `[B, *dims]`."""
    F, G = state.F, state.G
    gF, gG = gram(F), gram(G)
    residual = problem.residual(F, G)
    U, J = split_signal(F, problem.left)
    V, K = split_signal(G, problem.right)
    fitted = U @ V.mT - torch.diag_embed(problem.sigma)
    parts = _parts(fitted, U, J, V, K)
    error = parts["error_signal"].square() + parts["error_cross"].square() + parts["error_noise"].square()
    error = error.sqrt()
    left, right = norm(J), norm(K)
    factor = eigenvalues(gF, problem.missing)
    longest = largest(gF) if problem.missing is not None else factor[:, -1].clamp_min(0).sqrt()
    return {
        "loss": problem.loss(residual),
        "error": error,
        "relative_error": error / problem.sigma.square().sum(-1).sqrt(),
        **parts,
        "signal_min": torch.minimum(_smallest(U), _smallest(V)),
        "noise_norm": torch.maximum(left, right),
        "noise_left": left,
        "noise_right": right,
        **_imbalance(problem, gF - gG, factor),
        **_iterate(problem, F, G),
        "sharpness": knobs["eta"] * problem.scale * (longest.square() + largest(gG).square()),
        "alignment": U.square().sum((-2, -1)) / F.square().sum((-2, -1)),
        "lifted_at": state.lifted_at,
    }


def _parts(fitted: Tensor, U: Tensor, J: Tensor, V: Tensor, K: Tensor) -> dict[str, Tensor]:
    def frobenius(left: Tensor, right: Tensor) -> Tensor:
        return torch.linalg.matrix_norm(left @ right.mT)

    return {
        "error_signal": torch.linalg.matrix_norm(fitted),
        "error_cross": torch.hypot(frobenius(U, K), frobenius(J, V)),
        "error_noise": frobenius(J, K),
    }


def _smallest(block: Tensor) -> Tensor:
    """The r-th singular value of a signal block; 0 where there are fewer than r columns."""
    values = svdvals(block)
    return values[:, -1] if block.shape[-1] >= block.shape[-2] else torch.zeros_like(values[:, 0])


def _imbalance(problem: Problem, delta: Tensor, factor: Tensor) -> dict[str, Tensor]:
    """Channels of the imbalance `[B, k, k]`, and of the eigenvalues of the left Gram matrix `[B, k]`."""
    start, begun = problem.imbalance
    spectrum = eigenvalues(delta, problem.missing)
    moved = torch.linalg.matrix_norm(delta - start)
    return {
        "imbalance_min": spectrum[:, 0],
        "imbalance_drift": torch.where(begun > 0, moved / begun.clamp_min(1e-300), moved),
        "factor_min": factor[:, 0].clamp_min(0),
        "imbalance_spectrum": spectrum,
        "factor_spectrum": factor.clamp_min(0),
    }


def _iterate(problem: Problem, F: Tensor, G: Tensor) -> dict[str, Tensor]:
    """Spectrum and column space of `F Gᵀ = Q (R_F R_Gᵀ) Q_Gᵀ`, by QR of both factors: Gram matrices lose 8 digits."""
    Q, R = qr(F)
    inner, values, _ = svd(R @ qr(G)[1].mT)
    share = values / values.sum(-1, keepdim=True).clamp_min(1e-300)
    mass = values.square().sum(-1)
    return {
        "effective_rank": torch.exp(torch.special.entr(share).sum(-1)),
        "stable_rank": mass / values[:, 0].square().clamp_min(1e-300),
        "counted_rank": (values > COUNTED * values[:, :1]).sum(-1).to(values.dtype),
        "subspace_angle": _angle(problem.left, (Q @ inner) * ~problem.padded[:, None, :]),
        "singular_values": torch.where(problem.padded, torch.nan, values),
    }


def _angle(basis: Tensor, vectors: Tensor) -> Tensor:
    """Largest principal angle's sine, `|(I - U* U*ᵀ) Q_r|₂`, Q_r the top r left singular vectors of `F Gᵀ`."""
    top = vectors[:, :, : min(basis.shape[-1], vectors.shape[-1])]
    return norm(top - basis @ (basis.mT @ top)).clamp_max(1)


def snapshot(problem: Problem, state: State) -> dict[str, Tensor]:
    """The iterate in the basis of the truth, `[B, r + k, r + k]`: signal block first, then noise directions."""
    F, G = _compact(state.F, problem.left), _compact(state.G, problem.right)
    return {"iterate": F @ G.mT}


def _compact(factor: Tensor, basis: Tensor) -> Tensor:
    signal, noise = split_signal(factor, basis)
    return torch.cat([signal, qr(noise)[1]], -2)
