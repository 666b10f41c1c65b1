"""Starting points: eigenvectors of the signs of the data, or one of three others.

`Q0 = (1/m) sum_i sign(y_i) sym(A_i)` = -Q(0): no magnitude of y enters, so that outliers cannot blow it up.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import torch
from torch import Tensor

from engines.core.compute.batching import tensor
from engines.core.numerics.lapack import eigh
from engines.subgradient_recovery import draws
from engines.subgradient_recovery.config import SubgradientRecovery
from engines.subgradient_recovery.draws import Draw
from engines.subgradient_recovery.sensing import Sensing

FAINTEST = 1e-12
"""The truncated start keeps every direction alive: eigenvalues below this are raised to it."""


def spectrum(Q: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues `[N, d]`, descending, and eigenvectors `[N, d, d]` of symmetric matrices `Q [N, d, d]`."""
    values, vectors = eigh(Q)
    return values.flip(-1), vectors.flip(-1)


def initial_factor(
    configs: Sequence[SubgradientRecovery],
    drawn: Sequence[Draw],
    sensing: Sensing,
    y: Tensor,
    signs: tuple[Tensor, Tensor],
) -> Tensor:
    """The starting factor U_0 `[B, d, k]`, zero beyond a member's own columns.

    `signs` is the spectrum of each member's Q0, `[B, d]` and `[B, d, d]`.
    """
    cut = _truncated(configs, sensing, y) if any(config.init == "truncated" for config in configs) else signs
    U = y.new_zeros(len(configs), configs[0].d, max(config.k for config in configs))
    for i, (config, draw) in enumerate(zip(configs, drawn, strict=True)):
        values, vectors = (one[i] for one in (cut if config.init == "truncated" else signs))
        U[i, :, : config.k] = _start(config, draw, values, vectors)[:, : config.k]
    return U


def _start(config: SubgradientRecovery, draw: Draw, values: Tensor, vectors: Tensor) -> Tensor:
    """One member's U_0, with at least its k columns."""
    match config.init:
        case "spectral":
            return config.alpha * _root(values, vectors, 0.0)
        case "truncated":
            return _root(values, vectors, FAINTEST)
        case "random":
            return config.alpha / sqrt(config.d) * tensor(draws.gaussian(config), values.device)
    U = tensor(config.alpha * draws.gaussian(config), values.device)
    U[:, : config.r] += tensor(draw.V * config.sigma**0.5, values.device)
    return U


def _root(values: Tensor, vectors: Tensor, least: float) -> Tensor:
    """`W diag(sqrt(max(lam, least)))`: its first k columns are the root of the best psd approximation of rank k."""
    return vectors * values.clamp_min(least).sqrt()


def _truncated(configs: Sequence[SubgradientRecovery], sensing: Sensing, y: Tensor) -> tuple[Tensor, Tensor]:
    """The spectrum of the mean of `y_i sym(A_i)` over the 1 - trim smallest |y_i|."""
    shares = [1 - config.trim_fraction for config in configs]
    kept = torch.tensor([max(1, round(share * len(row))) for share, row in zip(shares, y, strict=True)])
    limit = y.abs().sort(-1).values.gather(-1, kept[:, None].to(y.device) - 1)
    weights = torch.where(y.abs() <= limit, y, 0) * (y.shape[1] / kept[:, None].to(y))
    return spectrum(sensing.adjoint(weights))
