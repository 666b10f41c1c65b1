"""Channels of the models of free features, from what each model lets be seen."""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import torch
from torch import Tensor

from engines.neural_collapse import response
from engines.neural_collapse.features import Knobs
from engines.neural_collapse.metrics import (
    ROUNDING,
    centred,
    cosines,
    measure,
    right,
    scores,
    simplex,
)
from engines.neural_collapse.problem import Problem, reduced
from engines.neural_collapse.snapshots import cloud

LONGEST = 600.0
"""Logarithm beyond which a decay is no longer divided out: the numbers end there."""


class Seen(NamedTuple):
    """A model at one step."""

    H: Tensor
    """Reduced features, `[B, d, K + r]`."""
    W: Tensor
    """The best classifier `[B, K, d]`."""
    logs: Tensor
    """Of what the linear response leaves, `[B, 6]`."""
    grown: Tensor
    """Logarithm of what the scaled traces are multiplied by, `[B]`."""
    objective: Tensor
    residual: Tensor


def samples(problem: Problem, seen: Seen) -> Tensor:
    """The samples that are followed, `h = m_k + sqrt(n) Y q`, `[B, d, P]`."""
    M, Y = split(problem, seen)
    return M[..., problem.labels] + sqrt(problem.n) * Y @ problem.Q


def split(problem: Problem, seen: Seen) -> tuple[Tensor, Tensor]:
    """M `[B, d, K]` and Y `[B, d, r]`."""
    return seen.H[..., : problem.task.K], seen.H[..., problem.task.K :]


def observe(problem: Problem, seen: Seen, knobs: Knobs) -> dict[str, Tensor]:
    """All channels that are not thin."""
    (M, Y), W = split(problem, seen), seen.W
    found = measure(reduced(M, Y, problem.G), W)
    H, b = samples(problem, seen), _bias(problem, M, W)
    between, within = problem.task.errors(W, seen.H)
    grown = seen.grown.clamp_max(LONGEST).exp()
    left = response.survival(problem, seen.H)
    scored = scores(H, problem.labels, M, W, b)
    return {
        **found,
        **scored,
        "accuracy_test": scored["accuracy"],
        "nc1_ratio": against(found["nc1"], problem.nc1),
        "nc1_trace_ratio": against(found["nc1_trace"], problem.nc1_trace),
        "trace_within_scaled": grown * found["trace_within"],
        "trace_between_scaled": grown * found["trace_between"],
        "loss": problem.task.loss(W, seen.H, knobs),
        "objective": seen.objective,
        "loss_within": within,
        "loss_between": between,
        "residual": seen.residual,
        "response_error": response.error(problem, seen.H, seen.logs),
        "survival": left,
        "survival_theory": torch.where(left.isnan(), torch.nan, seen.logs.exp()),
        "layer_nc1": found["nc1"][:, None],
        "layer_nc1_trace": found["nc1_trace"][:, None],
        "layer_accuracy": right(H, problem.labels, M)[:, None],
    }


def snapshot(problem: Problem, seen: Seen) -> dict[str, Tensor]:
    """Thin channels."""
    M, K = split(problem, seen)[0], problem.task.K
    frame = simplex(K, M) * K / (K - 1)
    return {
        **cloud(M, samples(problem, seen), problem.labels, problem.rho.sqrt(), problem.bias),
        "cosines": cosines(centred(M)),
        "cosines_frame": frame.expand(len(M), -1, -1),
    }


def _bias(problem: Problem, M: Tensor, W: Tensor) -> Tensor:
    """The best bias, `b = 1/K - W m_G`; 0 for members without one, `[B, K]`."""
    best = 1 / M.shape[-1] - (W @ M).mean(-1)
    return torch.where(problem.bias[:, None], best, 0)


def against(now: Tensor, begun: Tensor) -> Tensor:
    """A ratio of spreads over that of the start; NaN where the start's is rounding."""
    return torch.where(begun > ROUNDING**2, now / begun, torch.nan)
