"""The central path: gradient flow of the features with the best classifier at every moment.

    dH/dt = -Wᵀ (WC - P) - lambda_H H,   W the ridge classifier of H

It is the limit beta -> infinity of proximal layers, a layer taking the time 1/beta.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from engines.neural_collapse import response
from engines.neural_collapse.config import NeuralCollapse
from engines.neural_collapse.diagnostics import Seen
from engines.neural_collapse.features import Knobs, wide
from engines.neural_collapse.metrics import size
from engines.neural_collapse.problem import Problem


class State(NamedTuple):
    """What evolves."""

    H: Tensor
    """Reduced features, `[B, d, K + r]`."""
    logs: Tensor
    """Logarithms of what the linear response leaves of each kind of direction, `[B, 6]`."""


def start(configs: Sequence[NeuralCollapse], problem: Problem) -> State:
    """H0."""
    return State(problem.H0, problem.H0.new_zeros(len(configs), response.KINDS))


def step(problem: Problem, state: State, knobs: Knobs) -> State:
    """One step of the classical Runge-Kutta method, of order 4."""
    H, h, velocity = state.H, wide(knobs["step_size"]), problem.task.velocity
    k1 = velocity(H, knobs)
    k2 = velocity(H + h / 2 * k1, knobs)
    k3 = velocity(H + h / 2 * k2, knobs)
    k4 = velocity(H + h * k3, knobs)
    return State(H + h / 6 * (k1 + 2 * (k2 + k3) + k4), state.logs + response.flow(knobs))


def see(problem: Problem, state: State, knobs: Knobs) -> Seen:
    """What the channels are made of."""
    H, logs = state
    W = problem.task.ridge(H, knobs)
    speed = size(problem.task.velocity(H, knobs)) / size(H)
    return Seen(H, W, logs, -2 * logs[:, response.PERPENDICULAR], problem.task.loss(W, H, knobs), speed)
