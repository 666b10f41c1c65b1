"""Proximal layers: `H_{l+1} = argmin over H (and W) of f(W, H; H_l)`. One of them solved in sight, or many in a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from engines.neural_collapse import response, solver
from engines.neural_collapse.config import NeuralCollapse
from engines.neural_collapse.diagnostics import Seen
from engines.neural_collapse.features import Knobs
from engines.neural_collapse.problem import Problem
from engines.neural_collapse.solver import Iterate


def start(configs: Sequence[NeuralCollapse], problem: Problem) -> Iterate:
    """Step 0 shows H0."""
    return solver.begin(problem.H0, problem.task)


def step(problem: Problem, state: Iterate, knobs: Knobs) -> Iterate:
    """One step of the solver; a solved layer stands still."""
    return solver.iterate(state, problem.H0, problem.task, knobs)


def see(problem: Problem, state: Iterate, knobs: Knobs) -> Seen:
    """What the channels are made of."""
    H, task = state.H, problem.task
    W = task.ridge(H, knobs)
    value = task.loss(W, H, knobs) + task.held(H, problem.H0, knobs)
    return Seen(H, W, response.layer(knobs), H.new_zeros(len(H)), value, solver.residual(state, W))


class Stack(NamedTuple):
    """What evolves from layer to layer."""

    H: Tensor
    """Reduced features, `[B, d, K + r]`."""
    logs: Tensor
    """Logarithms of what the linear response leaves of each kind of direction, `[B, 6]`."""
    held: Tensor
    """`beta ‖H_l - H_{l-1}‖²/2Kn`, `[B]`."""
    residual: Tensor
    """Of the solver of the last layer, `[B]`."""


def start_stack(configs: Sequence[NeuralCollapse], problem: Problem) -> Stack:
    """Layer 0 is H0."""
    none = problem.H0.new_zeros(len(configs))
    return Stack(problem.H0, problem.H0.new_zeros(len(configs), response.KINDS), none, none)


def step_stack(problem: Problem, state: Stack, knobs: Knobs) -> Stack:
    """One layer, solved."""
    task = problem.task
    found = solver.solve(state.H, task, knobs)
    off = solver.residual(found, task.ridge(found.H, knobs))
    return Stack(found.H, state.logs + response.layer(knobs), task.held(found.H, state.H, knobs), off)


def see_stack(problem: Problem, state: Stack, knobs: Knobs) -> Seen:
    """What the channels are made of."""
    H, logs = state.H, state.logs
    W = problem.task.ridge(H, knobs)
    value = problem.task.loss(W, H, knobs) + state.held
    return Seen(H, W, logs, -2 * logs[:, response.PERPENDICULAR], value, state.residual)
