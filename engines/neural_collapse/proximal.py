"""Proximal layers: `H_{l+1} = argmin over H (and W) of f(W, H; H_l)`. One of them solved in sight, or many in a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from engines.neural_collapse import response, solver
from engines.neural_collapse.config import NeuralCollapse
from engines.neural_collapse.diagnostics import Readout
from engines.neural_collapse.features import Knobs
from engines.neural_collapse.problem import Problem
from engines.neural_collapse.solver import SolverState


def init(configs: Sequence[NeuralCollapse], problem: Problem) -> SolverState:
    """The solver at its input, so that step 0 shows H0."""
    return solver.begin(problem.H0, problem.task)


def step(problem: Problem, state: SolverState, knobs: Knobs) -> SolverState:
    """Take one step of the solver on features `[B, d, K + r]`; a solved layer stands still."""
    return solver.iterate(state, problem.H0, problem.task, knobs)


def readout(problem: Problem, state: SolverState, knobs: Knobs) -> Readout:
    """Features `[B, d, K + r]`, classifier `[B, K, d]` and residual `[B]` of the layer that is being solved."""
    H, task = state.H, problem.task
    W = task.ridge(H, knobs)
    value = task.loss(W, H, knobs) + task.proximal_term(H, problem.H0, knobs)
    return Readout(H, W, response.layer_log_response(knobs), H.new_zeros(len(H)), value, solver.residual(state, W))


class LayersState(NamedTuple):
    """State after a layer, from which the next one begins."""

    H: Tensor
    """Reduced features, `[B, d, K + r]`."""
    log_response: Tensor
    """Logarithms of what the linear response leaves of each kind of direction, `[B, 6]`."""
    proximal_term: Tensor
    """`beta ‖H_l - H_{l-1}‖²/2Kn`, `[B]`."""
    residual: Tensor
    """Residual of the solver of the newest layer, `[B]`."""


def init_layers(configs: Sequence[NeuralCollapse], problem: Problem) -> LayersState:
    """State at layer 0, whose features are H0."""
    none = problem.H0.new_zeros(len(configs))
    return LayersState(problem.H0, problem.H0.new_zeros(len(configs), response.KINDS), none, none)


def step_layers(problem: Problem, state: LayersState, knobs: Knobs) -> LayersState:
    """Solve the layer whose input is the features `[B, d, K + r]` of the state."""
    task = problem.task
    solution = solver.solve(state.H, task, knobs)
    residual = solver.residual(solution, task.ridge(solution.H, knobs))
    logs = state.log_response + response.layer_log_response(knobs)
    return LayersState(solution.H, logs, task.proximal_term(solution.H, state.H, knobs), residual)


def readout_layers(problem: Problem, state: LayersState, knobs: Knobs) -> Readout:
    """Features `[B, d, K + r]`, classifier `[B, K, d]` and residual `[B]` of the newest layer."""
    H, logs = state.H, state.log_response
    W = problem.task.ridge(H, knobs)
    value = problem.task.loss(W, H, knobs) + state.proximal_term
    return Readout(H, W, logs, -2 * logs[:, response.OUT_OF_SPAN], value, state.residual)
