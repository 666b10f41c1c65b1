"""Intrinsic dimension: the number of random directions in which a network has to move to learn.

    theta = theta_0 + Pm z,   Pm [P, d] fixed, its columns of norm one

Smaller subspaces are the first columns of larger ones, so all dimensions train in one batch. Li et al. 2018, arXiv
1804.08838.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.training.train import adamw, init_moments

Gradient = Callable[[Tensor], Tensor]
"""Map parameters `[D, P]` to gradients `[D, P]`."""


def projection(P: int, d: int, seed: int) -> Tensor:
    """Draw Pm: d random directions of norm one, `[P, d]`. Raises `ConfigError` for d outside 1..P."""
    if not 1 <= d <= P:
        raise ConfigError(f"dimension={d} is not in 1..{P}, the number of parameters")
    source = torch.Generator().manual_seed(seed)
    # One after the other: the numbers that torch draws at once depend on how many they are.
    drawn = torch.stack([torch.randn(P, generator=source, dtype=torch.float64) for _ in range(d)], -1)
    return drawn / torch.linalg.vector_norm(drawn, dim=0)


def training_steps(
    gradient: Gradient, start: Tensor, dimensions: Sequence[int], seed: int = 0, steps: int = 600, lr: float = 0.05
) -> Iterator[Tensor]:
    """Train by Adam in each of D subspaces through `start [P]`; yield the parameters `[D, P]` after each step.

    `gradient` maps `[D, P]` to `[D, P]`; steps go along `Pmᵀ grad`.
    """
    Pm = projection(len(start), max(dimensions), seed).to(start)
    inside = torch.arange(max(dimensions), device=start.device) < torch.tensor(dimensions, device=start.device)[:, None]
    state, rate = init_moments(torch.zeros(inside.shape).to(start)), torch.full((len(dimensions),), lr).to(start)
    theta = start.expand(len(dimensions), -1)
    for _ in range(steps):
        slope = gradient(theta) @ Pm
        state = adamw(state, slope * inside, rate, torch.zeros_like(rate))
        theta = start + state.theta @ Pm.mT
        yield theta


def d_int90(dimensions: Sequence[int], accuracies: Sequence[float], base: float) -> tuple[int | None, float | None]:
    """Least dimension with at least 90 per cent of the accuracy `base`: tried, and interpolated from the one below.

    None where no dimension reaches it; the interpolation is None where the first already does. Dimensions ascend.
    """
    reached = np.asarray(accuracies) >= 0.9 * base
    if not reached.any():
        return None, None
    first = int(np.argmax(reached))
    if first == 0:
        return dimensions[0], None
    low, high = accuracies[first - 1], accuracies[first]
    share = (0.9 * base - low) / (high - low)
    return dimensions[first], dimensions[first - 1] + share * (dimensions[first] - dimensions[first - 1])
