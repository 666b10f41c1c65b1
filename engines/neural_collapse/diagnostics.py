"""Channels of free features, for whatever dynamics moves them."""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import torch
from torch import Tensor

from engines.core.numerics.collapse_metrics import (
    ROUNDING,
    centred,
    cosines,
    measure,
    nearest_mean,
    nearest_mean_accuracy,
    scores,
    simplex,
)
from engines.neural_collapse import response
from engines.neural_collapse.features import Knobs
from engines.neural_collapse.problem import Problem, reduced
from engines.neural_collapse.projection import project

LONGEST = 600.0
"""Logarithm beyond which a decay is no longer divided out: the numbers end there."""


class Readout(NamedTuple):
    """Features and classifier at one step, from which all channels are computed."""

    H: Tensor
    """Reduced features, `[B, d, K + r]`."""
    W: Tensor
    """The best classifier `[B, K, d]`."""
    log_response: Tensor
    """Logarithms of what the linear response leaves of each kind of direction, `[B, 6]`."""
    log_scale: Tensor
    """Logarithm of what the scaled traces are multiplied by, `[B]`."""
    objective: Tensor
    """`[B]`."""
    residual: Tensor
    """`[B]`."""


def samples(problem: Problem, at: Readout) -> Tensor:
    """The samples that are followed, `h = m_k + sqrt(n) Y q`, `[B, d, P]`."""
    M, Y = split(problem, at)
    return M[..., problem.labels] + sqrt(problem.n) * Y @ problem.Q


def split(problem: Problem, at: Readout) -> tuple[Tensor, Tensor]:
    """Split reduced features into class means M `[B, d, K]` and spread Y `[B, d, r]`."""
    return at.H[..., : problem.task.K], at.H[..., problem.task.K :]


def observe(problem: Problem, at: Readout, knobs: Knobs) -> dict[str, Tensor]:
    """Compute all channels that are not thin, each `[B, *dims]`."""
    (M, Y), W = split(problem, at), at.W
    metrics = measure(reduced(M, Y, problem.G), W)
    H, b = samples(problem, at), _bias(problem, M, W)
    between, within = problem.task.errors(W, at.H)
    scale = at.log_scale.clamp_max(LONGEST).exp()
    parts = response.directions(problem, at.H)
    left, nearest = response.survival(problem, parts), nearest_mean(H, M)
    scored = scores(H, problem.labels, M, W, b, nearest)
    return {
        **metrics,
        **scored,
        "accuracy_test": scored["accuracy"],
        "nc1_ratio": ratio_to_start(metrics["nc1"], problem.nc1),
        "nc1_trace_ratio": ratio_to_start(metrics["nc1_trace"], problem.nc1_trace),
        "trace_within_scaled": scale * metrics["trace_within"],
        "trace_between_scaled": scale * metrics["trace_between"],
        "loss": problem.task.loss(W, at.H, knobs),
        "objective": at.objective,
        "loss_within": within,
        "loss_between": between,
        "residual": at.residual,
        "response_error": response.error(problem, parts, at.log_response),
        "survival": left,
        "survival_theory": torch.where(left.isnan(), torch.nan, at.log_response.exp()),
        "layer_nc1": metrics["nc1"][:, None],
        "layer_nc1_trace": metrics["nc1_trace"][:, None],
        "layer_accuracy": nearest_mean_accuracy(H, problem.labels, M, nearest)[:, None],
    }


def snapshot(problem: Problem, at: Readout) -> dict[str, Tensor]:
    """Compute the thin channels: followed samples and cosines of the class means, each `[B, *dims]`."""
    M, K = split(problem, at)[0], problem.task.K
    frame = simplex(K, M) * K / (K - 1)
    return {
        **project(M, samples(problem, at), problem.labels, problem.rho.sqrt(), problem.bias),
        "cosines": cosines(centred(M)),
        "cosines_frame": frame.expand(len(M), -1, -1),
    }


def _bias(problem: Problem, M: Tensor, W: Tensor) -> Tensor:
    """The best bias, `b = 1/K - W m_G`; 0 for members without one, `[B, K]`."""
    best = 1 / M.shape[-1] - (W @ M).mean(-1)
    return torch.where(problem.bias[:, None], best, 0)


def ratio_to_start(now: Tensor, start: Tensor) -> Tensor:
    """Ratio of a spread `[B]` to that of the start `[B]`; NaN where the start's is rounding."""
    return torch.where(start > ROUNDING**2, now / start, torch.nan)
