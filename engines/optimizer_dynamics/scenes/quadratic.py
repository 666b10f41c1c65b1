"""Scene B: least squares with Gaussian inputs of power-law curvature and noisy labels, exactly or sampled.

Coordinates are the eigenvectors of the curvature. A sample is `x ~ N(0, diag lambda)` with the label `x·w* + noise`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from engines.core.compute.batching import tensor
from engines.core.methods.method import Leaf
from engines.core.methods.racing import Race, lengths, race
from engines.core.numerics.noise import Noise, steps_per_block
from engines.optimizer_dynamics import risk
from engines.optimizer_dynamics.config import OptimizerDynamics
from engines.optimizer_dynamics.risk import ExactRisk, exact_risk
from engines.optimizer_dynamics.scenes.training import Configs, Knobs, complete, knobs_of, method_of, rates

SAMPLES = 41
"""Purpose of the stream that draws inputs and the noise of labels."""


class RiskMoments(NamedTuple):
    """State of `B` members whose expected risk is followed."""

    moments: Tensor
    """`[B, K, d]`, see `risk`."""
    weighed: Tensor
    """Schedule-Free's largest rate and sum of weights, `[B, 2]`."""
    t: Tensor
    """Steps taken, whole number `[B]`."""


def build_exact(configs: Configs, device: torch.device) -> ExactRisk:
    """Assemble the moments of a batch."""
    return exact_risk(configs, device)


def init_exact(configs: Configs, problem: ExactRisk) -> RiskMoments:
    """Begin at `w = 0`."""
    return RiskMoments(*problem.begin(), torch.zeros(len(configs), dtype=torch.long, device=problem.start.device))


def step_exact(problem: ExactRisk, state: RiskMoments, knobs: Knobs) -> RiskMoments:
    """Advance the moments `[B, K, d]` by one step."""
    return RiskMoments(*problem.step(state.moments, state.weighed, state.t, knobs), state.t + 1)


def observe_exact(problem: ExactRisk, state: RiskMoments, knobs: Knobs) -> dict[str, Tensor]:
    """Compute all channels that are not thin, `[B, *]` each."""
    excess = problem.risk(state.moments)
    loss = excess + problem.constants.noise[:, 0] / 2
    return complete(
        {"loss": loss, "risk": excess, "rate": rates(problem.rate_schedules, state.t, knobs)}, state.weighed
    )


def snapshot_exact(problem: ExactRisk, state: RiskMoments, knobs: Knobs) -> dict[str, Tensor]:
    """Compute the excess risk of each direction, `[B, d]`."""
    parts = problem.constants.curvature * problem.counted(state.moments) / 2
    return complete({"risk_modes": parts}, state.weighed, thin=True)


def nbytes_exact(configs: Sequence[OptimizerDynamics]) -> int:
    """Estimate the memory of a batch: moments before and after a step, and constants."""
    return 8 * len(configs) * 40 * configs[0].dimension + 4096


# -- one sampled run ------------------------------------------------------------------------------------------------


class State(NamedTuple):
    """State of `B` sampled runs."""

    w: Tensor
    """`[B, d]`."""
    memory: Tensor
    """Memories of the methods, `[B, K]`."""
    t: Tensor
    """Steps taken, whole number `[B]`."""


@dataclass(frozen=True)
class Problem:
    """Curvature, minimiser, samples and methods of `B` members."""

    curvature: Tensor
    """`[B, d]`."""
    scale: Tensor
    """Factor of the gradient before it is used, `[B, d]`."""
    minimiser: Tensor
    """`[B, d]`."""
    noise: Tensor
    """Standard deviation of the labels, `[B]`."""
    samples: Noise
    race: Race
    rate_schedules: tuple[str, ...]


def build(configs: Configs, device: torch.device) -> Problem:
    """Assemble the problem of a batch."""
    lam = tensor(np.stack([risk.curvature(config) for config in configs]), device)
    leaves, w = (Leaf(configs[0].dimension, 1),), torch.zeros_like(lam)
    return Problem(
        curvature=lam,
        scale=lam ** -tensor([config.precondition for config in configs], device)[:, None],
        minimiser=tensor(np.stack([risk.minimiser(config) for config in configs]), device),
        noise=tensor([config.noise for config in configs], device),
        samples=Noise([c.seed for c in configs], SAMPLES, (configs[0].batch_size, configs[0].dimension + 1), "normal"),
        race=race([method_of(config) for config in configs], leaves, w, knobs_of(configs, device)),
        rate_schedules=tuple(config.schedule for config in configs),
    )


def init(configs: Configs, problem: Problem) -> State:
    """Begin at `w = 0`."""
    w = torch.zeros_like(problem.curvature)
    memory = problem.race.start(w, knobs_of(configs, w.device))
    return State(w, memory, torch.zeros(len(w), dtype=torch.long, device=w.device))


def step(problem: Problem, state: State, knobs: Knobs) -> State:
    """Draw a minibatch of samples and take one step of each member's method on the weights `[B, d]`."""
    drawn = problem.samples.at(int(state.t.max())).to(state.w.device)
    x = drawn[..., :-1] * problem.curvature.sqrt()[:, None]
    miss = (x @ (state.w - problem.minimiser)[:, :, None])[..., 0] - problem.noise[:, None] * drawn[..., -1]
    gradient = (x.mT @ miss[:, :, None])[..., 0] / x.shape[1]
    loss = miss.square().mean(1) / 2
    rate = rates(problem.rate_schedules, state.t, knobs)
    moved = problem.race.step(state.w, state.memory, gradient * problem.scale, loss, rate, state.t + 1, knobs)
    return State(*moved, state.t + 1)


def _parts(problem: Problem, state: State, knobs: Knobs) -> Tensor:
    """Excess risk of each direction, `[B, d]`, at the point that counts."""
    w = problem.race.reported(state.w, state.memory, knobs)
    return problem.curvature * (w - problem.minimiser).square() / 2


def observe(problem: Problem, state: State, knobs: Knobs) -> dict[str, Tensor]:
    """Compute all channels that are not thin, each `[B, *dims]`."""
    excess = _parts(problem, state, knobs).sum(1)
    channels = {
        "loss": excess + problem.noise.square() / 2,
        "risk": excess,
        "rate": rates(problem.rate_schedules, state.t, knobs),
        "distance": lengths(problem.race.reported(state.w, state.memory, knobs), torch.zeros_like(state.w)),
        "d_estimate": problem.race.remembered(state.memory, "d"),
    }
    return complete(channels, state.w)


def snapshot(problem: Problem, state: State, knobs: Knobs) -> dict[str, Tensor]:
    """Compute the excess risk of each direction, `[B, d]`."""
    return complete({"risk_modes": _parts(problem, state, knobs)}, state.w, thin=True)


def nbytes(configs: Sequence[OptimizerDynamics]) -> int:
    """Estimate the memory of a batch: parameters and memories thrice, and two blocks of samples."""
    one = configs[0]
    numbers = one.batch_size * (one.dimension + 1)
    block = 2 * steps_per_block(numbers) * numbers
    return 8 * len(configs) * (block + 30 * one.dimension + 4 * one.batch_size * one.dimension) + 4096
