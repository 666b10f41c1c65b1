"""Starting points: the drawn factors, or the top eigenvectors of the data."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from engines.core.numerics.lapack import eigh, svd
from engines.matrix_sensing.config import MatrixSensing
from engines.matrix_sensing.problem import Problem, State

FLOOR = 1e-6
"""PrecGD's start keeps every direction alive: eigenvalues below this are raised to it."""


def initial_state(configs: Sequence[MatrixSensing], problem: Problem) -> State:
    """The state at step 0: F `[B, n1, k]` and G `[B, n2, k]`."""
    F, G = problem.F0, problem.G0
    spectral = torch.tensor([config.init == "spectral" for config in configs], device=F.device)
    if any(config.init == "spectral" for config in configs):
        chosen, (F1, G1) = spectral[:, None, None], _spectral(configs, problem)
        F, G = torch.where(chosen, F1, F), torch.where(chosen, G1, G)
    zero = torch.zeros_like(problem.scale)
    return State(F, G, torch.cat([F, G], 1), zero - 1, zero)


def _spectral(configs: Sequence[MatrixSensing], problem: Problem) -> tuple[Tensor, Tensor]:
    """The best rank-k approximation of `A*(y)`, balanced: `F Gᵀ`, or `X Xᵀ` of its positive part for a psd truth."""
    floor = torch.tensor([FLOOR if config.method == "prec_gd" else 0.0 for config in configs]).to(problem.scale)
    psd = torch.tensor([config.psd for config in configs], device=floor.device)[:, None, None]
    data = _data(problem)
    own = ~problem.padded[:, None, :]
    U, S, Vh = svd(data)
    k = problem.padded.shape[1]
    F, G = U[:, :, :k] * S[:, None, :k].sqrt() * own, Vh.mT[:, :, :k] * S[:, None, :k].sqrt() * own
    if not bool(psd.any()):
        return F, G
    values, vectors = eigh(0.5 * (data + data.mT))
    top = torch.maximum(values.flip(-1)[:, :k], floor[:, None]).clamp_min(0).sqrt()
    X = vectors.flip(-1)[:, :, :k] * top[:, None, :] * own
    return torch.where(psd, X, F), torch.where(psd, X, G)


def _data(problem: Problem) -> Tensor:
    """`A*(y)` `[B, n1, n2]`, which is minus the residual matrix at the origin."""
    F, G = torch.zeros_like(problem.F0), torch.zeros_like(problem.G0)
    eye = torch.eye(G.shape[1], dtype=G.dtype, device=G.device).expand(len(G), -1, -1)
    return -problem.image(problem.residual(F, G), eye)
