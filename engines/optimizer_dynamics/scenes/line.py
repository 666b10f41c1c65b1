"""Scene C: a line, `|x - D|` from x = 0. The gradient is the same all the way, and the question how fast D is found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from engines.core.compute.batching import tensor
from engines.core.methods.method import Leaf
from engines.core.methods.racing import Race, race
from engines.core.protocol.declarations import Prediction
from engines.optimizer_dynamics.config import OptimizerDynamics
from engines.optimizer_dynamics.scenes.training import Configs, Knobs, complete, knobs_of, method_of, rates

ROOT_THREE = 3**0.5
"""Factor by which D-Adaptation of gradient descent grows in a step."""

TRIBONACCI = 1.8392867552141612
"""Factor by which DoWG grows in a step: the real root of `z³ = z² + z + 1`."""


class State(NamedTuple):
    """State of `B` members."""

    w: Tensor
    """`[B, 1]`."""
    memory: Tensor
    """Memories of the methods, `[B, K]`."""
    t: Tensor
    """Steps taken, whole number `[B]`."""


@dataclass(frozen=True)
class Problem:
    """Minimisers and methods of `B` members."""

    goal: Tensor
    """`[B, 1]`."""
    race: Race
    rate_schedules: tuple[str, ...]


def build(configs: Configs, device: torch.device) -> Problem:
    """Assemble the problem of a batch."""
    goal = tensor([config.goal for config in configs], device)[:, None]
    made = race([method_of(config) for config in configs], (Leaf(1, 1),), 0 * goal, knobs_of(configs, device))
    return Problem(goal, made, tuple(config.schedule for config in configs))


def init(configs: Configs, problem: Problem) -> State:
    """Begin at 0."""
    w = torch.zeros_like(problem.goal)
    memory = problem.race.start(w, knobs_of(configs, w.device))
    return State(w, memory, torch.zeros(len(w), dtype=torch.long, device=w.device))


def step(problem: Problem, state: State, knobs: Knobs) -> State:
    """Take one step of each member's method on the point `[B, 1]`."""
    miss = state.w - problem.goal
    rate = rates(problem.rate_schedules, state.t, knobs)
    return State(
        *problem.race.step(state.w, state.memory, miss.sign(), miss.abs()[:, 0], rate, state.t + 1, knobs), state.t + 1
    )


def observe(problem: Problem, state: State, knobs: Knobs) -> dict[str, Tensor]:
    """Compute all channels that are not thin, each `[B, *dims]`."""
    w = problem.race.reported(state.w, state.memory, knobs)
    channels = {
        "loss": (w - problem.goal).abs()[:, 0],
        "rate": rates(problem.rate_schedules, state.t, knobs),
        "distance": w.abs()[:, 0],
        "d_estimate": problem.race.remembered(state.memory, "d"),
    }
    return complete(channels, state.w)


def snapshot(problem: Problem, state: State, knobs: Knobs) -> dict[str, Tensor]:
    """Return no thin channel `[B, *dims]` of its own."""
    return complete({}, state.w, thin=True)


def nbytes(configs: Sequence[OptimizerDynamics]) -> int:
    """Estimate the memory of a batch."""
    return 8 * 100 * len(configs) + 4096


def dog_distance(config: OptimizerDynamics, t: np.ndarray) -> np.ndarray:
    """Compute how far DoG has come, `r exp(2 sqrt t - 2)/sqrt t`, `[T]`; the constant 2 is fitted."""
    late = np.maximum(t, 1)
    return config.d0 * np.exp(np.minimum(2 * np.sqrt(late) - 2.0, 600)) / np.sqrt(late)


def lines(config: OptimizerDynamics, steps: np.ndarray) -> list[Prediction]:
    """Predict the growth of the estimate at steps `[T]` while the gradient stays, and the estimate's ceiling."""
    t, D = np.asarray(steps, dtype=float), config.goal
    steady = config.eta == 1 and config.schedule == "constant" and config.warmup <= 1
    why = "" if steady else "the law is for a factor η of 1 at all times"
    if config.method == "dadapt_sgd" and config.beta1:
        why = why or "the law is without momentum"
    laws = []
    growth = {"dadapt_sgd": ("√3 a step", ROOT_THREE), "dowg": ("1.8393 a step", TRIBONACCI)}.get(config.method)
    if growth:
        values = config.d0 * growth[1] ** np.minimum(t - 2, 1000)
        values = np.where((t >= 2) & (values < D / 2), values, np.nan)
        laws.append(_line("d_estimate", f"slope {growth[0]}", values, why or "a slope and no level", "law"))
    if config.method == "dog":
        values = dog_distance(config, t)
        values = np.where((t >= 4) & (values < D / 2), values, np.nan)
        averaged = "the law is of the iterate, and an average counts" if config.average != "none" else ""
        laws.append(_line("distance", "r exp(2√t − 2)/√t", values, why or averaged, "law"))
    ceiling = {"prodigy": ("D", D), "dadapt_sgd": ("2D", 2 * D)}.get(config.method)
    if ceiling:
        over = "" if config.d0 <= ceiling[1] else f"the first guess {config.d0:g} is above D already"
        if config.method == "dadapt_sgd" and config.beta1:
            over = over or "the bound is without momentum"
        laws.append(_line("d_estimate", f"at most {ceiling[0]}", np.full_like(t, ceiling[1]), over, "upper"))
    return laws


def _line(channel: str, label: str, values: np.ndarray, why: str, kind: str) -> Prediction:
    return Prediction(
        channel=channel, label=label, values=values, reference="derived, see the tests", broken=why, kind=kind,  # type: ignore[arg-type]
    )  # fmt: skip
