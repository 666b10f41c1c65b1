"""Uniform draws of two weights in a box: the volume in which `c w₁² w₂² < eps`, and how fast it grows with eps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from engines.core.numerics.noise import Noise
from engines.core.protocol.composite import Dynamics
from engines.loss_landscape.dynamics.protocol import Configs, Knobs, filled
from engines.loss_landscape.learning_coefficient.samplers import UNIFORMS


class State(NamedTuple):
    """Sums over all draws of each member, `[B]`."""

    volume: Tensor
    slope: Tensor
    squares: Tensor
    """Sums over steps of volume², volume · slope and slope², `[B, 3]`."""
    loss: Tensor
    """Mean loss of the newest draws over the level, not a sum."""
    t: Tensor
    """Number of steps, whole number."""


@dataclass(frozen=True)
class Problem:
    """Draws of each step, one from each of C equal parts of `[0, 1]`."""

    draws: Noise
    parts: int
    members: int


def build(configs: Configs, device: torch.device) -> Problem:
    """Build the draws of each member's own seed."""
    C = configs[0].chains
    return Problem(Noise([config.seed for config in configs], UNIFORMS, (C,), "uniform"), C, len(configs))


def start(configs: Configs, problem: Problem) -> State:
    """State before the first draw."""
    zero = torch.zeros(problem.members, dtype=torch.float64)
    return State(zero, zero.clone(), zero.new_zeros(problem.members, 3), zero.clone(), zero.long())


def step(problem: Problem, state: State, knobs: Knobs) -> State:
    """Draw `|w₁|`; given it, w₂ is integrated: with `s = sqrt(eps/c)` a share `min(1, s/|w₁|)` of the line is below.

    The share's derivative by `log eps` is `s/2|w₁|` where that is below 1, and 0 elsewhere. Each sum is over the C
    draws of a step, `[B]`.
    """
    w = (torch.arange(problem.parts) + problem.draws.at(int(state.t.max()))) / problem.parts
    share = knobs["strength"][:, None].rsqrt() / w
    volume, slope = share.clamp_max(1).mean(-1), torch.where(share < 1, share / 2, 0).mean(-1)
    return State(
        state.volume + volume,
        state.slope + slope,
        state.squares + torch.stack([volume**2, volume * slope, slope**2], -1),
        knobs["strength"] * w.square().mean(-1) / 3,
        state.t + 1,
    )


def observe(problem: Problem, state: State, knobs: Knobs) -> dict[str, Tensor]:
    """Channels `[B]` of half of `N_eff = 2 d log V/d log eps`, and of the mean loss of the draws."""
    return filled(
        {"llc": _half_effective_parameters(state), "llc_error": _error(state), "loss": state.loss},
        problem.members,
        False,
    )


def snapshot(problem: Problem, state: State, knobs: Knobs) -> dict[str, Tensor]:
    """Channel `[B]` of the effective parameters."""
    return filled({"effective_parameters": 2 * _half_effective_parameters(state)}, problem.members, thin=True)


def _half_effective_parameters(state: State) -> Tensor:
    """Slope `d log V/d log eps`, `[B]`; 0 before the first draw."""
    return torch.where(state.t > 0, state.slope / state.volume, 0)


def _error(state: State) -> Tensor:
    """Standard error of a ratio of means over independent steps, NaN before the second; rare draws may be missing."""
    ratio = _half_effective_parameters(state)
    spread = (state.squares * torch.stack([ratio**2, -2 * ratio, torch.ones_like(ratio)], -1)).sum(-1)
    return torch.where(state.t > 1, spread.clamp_min(0).sqrt() / state.volume, torch.nan)


BOX = Dynamics(problem=build, init=start, step=step, observe=observe, snapshot=snapshot)
