"""Training by a method of optimisation, built-in or a person's own, on all samples or on minibatches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import torch
from torch import Tensor

from engines.core.methods.method import leaves_of
from engines.core.methods.names import USUAL
from engines.core.methods.racing import Race, race
from engines.core.methods.table import TABLE, Options, require_matrices
from engines.core.protocol.composite import Dynamics
from engines.loss_landscape.dynamics import training
from engines.loss_landscape.dynamics.protocol import Configs, Knobs


class State(NamedTuple):
    """State of `B` networks."""

    theta: Tensor
    """The point that counts, `[B, P]`: of methods that average, the average."""
    at: Tensor
    """The point at which gradients are taken, `[B, P]`."""
    memory: Tensor
    """Memory of the method, `[B, K]`."""
    step: Tensor
    """Number of steps so far, whole numbers `[B]`."""


@dataclass(frozen=True)
class Problem(training.Problem):
    """Trainable network and method of members that share all `shape` knobs."""

    race: Race
    usual: Mapping[str, Tensor]
    """Numbers that the method reads beside its step size and decay, `[B]` each."""


def build(configs: Configs, device: torch.device) -> Problem:
    """Build the subject, and the method. Raises `ConfigError` for vectors where it needs matrices."""
    plain, one = training.build(configs, device), configs[0]
    start, model = plain.subject.start, plain.subject.model
    layout: Any = getattr(model, "layout", model)
    leaves = leaves_of(layout.shapes)
    require_matrices(one.optimizer, leaves)
    beta1, beta2 = plain.betas
    numbers = USUAL | {"beta1": beta1, "beta2": beta2, "averaging": 0.0}
    usual = {name: start.new_full((len(start),), value) for name, value in numbers.items()}
    method = TABLE[one.optimizer](Options(own_method=one.own_method))
    own = {field.name: getattr(plain, field.name) for field in fields(plain)}
    return Problem(**own, race=race([(method, "none")] * len(start), leaves, start, usual), usual=usual)


def start(configs: Configs, problem: Problem) -> State:
    """State before the first step."""
    w = problem.subject.start
    memory = problem.race.start(w, problem.usual)
    return State(w, w, memory, torch.zeros_like(w[:, 0], dtype=torch.long))


def step(problem: Problem, state: State, knobs: Knobs) -> State:
    """One step of every member from its point `[B, P]`, with its own rate and decay."""
    loss, gradient = problem.subject.loss_and_gradient(state.at, training.next_minibatch(problem, state.step))
    rate, decay = (knobs[name].to(state.at.dtype) for name in ("learning_rate", "weight_decay"))
    numbers = {**problem.usual, "weight_decay": decay}
    at, memory = problem.race.step(state.at, state.memory, gradient, loss, rate, state.step + 1, numbers)
    return State(problem.race.reported(at, memory, numbers), at, memory, state.step + 1)


METHOD_TRAINING = Dynamics(
    problem=build, init=start, step=step, observe=training.observe, snapshot=training.snapshot,
    capturable=lambda problem: not (problem.batch_size or problem.race.needs_host),
)  # fmt: skip
