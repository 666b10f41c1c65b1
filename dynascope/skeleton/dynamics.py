"""The mathematics: gradient descent on `f(x) = curvature |x|² / 2`, for `B` members at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from engines.core.compute.device import widest_real

from .config import Skeleton


class State(NamedTuple):
    """Tensors that evolve, and no others; the leading axis of each is the B members."""

    x: Tensor
    """`[B, d]`."""


def start(configs: Sequence[Skeleton], device: torch.device) -> State:
    """Draw the starting points `[B, d]`, each from its member's own seed and on the CPU, so that all devices agree."""
    drawn = [np.random.default_rng(config.seed).standard_normal(config.d) for config in configs]
    return State(torch.tensor(np.stack(drawn), dtype=widest_real(device), device=device))


def step(state: State, knobs: Mapping[str, Tensor]) -> State:
    """Take one step `x - eta * curvature * x`; `knobs` are `[B]`."""
    return State(state.x * (1 - knobs["eta"] * knobs["curvature"])[:, None])


def loss(state: State, knobs: Mapping[str, Tensor]) -> Tensor:
    """The loss `curvature |x|² / 2`, `[B]`."""
    return 0.5 * knobs["curvature"] * state.x.square().sum(1)


def rate(config: Skeleton) -> float:
    """The factor by which the loss changes in one step, `(1 - eta * curvature)²`."""
    return (1 - config.eta * config.curvature) ** 2
