"""Training: AdamW or gradient descent on all samples, or on minibatches, with live observables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from engines.core.protocol.composite import Dynamics
from engines.loss_landscape.config import LABELLED
from engines.loss_landscape.dynamics import live_observables
from engines.loss_landscape.dynamics.protocol import Configs, Knobs, filled
from engines.loss_landscape.models import factory
from engines.loss_landscape.models.model import Samples, Trainable
from engines.loss_landscape.training.train import AdamState, adamw, init_moments, minibatch, sgd

GROKKING = (0.9, 0.98)
"""Betas of AdamW where it learns to add, as is usual there."""

USUAL = (0.9, 0.999)
"""Betas of AdamW elsewhere."""


class Trained(Protocol):
    """A state that is looked at: its parameters `[B, P]`."""

    @property
    def theta(self) -> Tensor:
        """The point that counts, `[B, P]`."""
        ...


@dataclass(frozen=True)
class Problem:
    """Trainable network and optimiser of members that share all `shape` knobs."""

    subject: Trainable
    optimizer: str
    betas: tuple[float, float]
    batch_size: int
    """Number of samples of one step; 0: all."""


def build(configs: Configs, device: torch.device) -> Problem:
    """Build the subject: samples and starts."""
    one = configs[0]
    is_addition = one.subject in LABELLED and one.subject != "digits"
    subject = factory.build(configs).on(device)
    return Problem(subject, one.optimizer, GROKKING if is_addition else USUAL, one.batch_size)


def start(configs: Configs, problem: Problem) -> AdamState:
    """State before the first step."""
    return init_moments(problem.subject.start)


def step(problem: Problem, state: AdamState, knobs: Knobs) -> AdamState:
    """Take one step of every member's parameters `[B, P]` with its own rate and decay, `[B]` each."""
    subject = problem.subject
    gradient = subject.gradient(state.theta, next_minibatch(problem, state.step))
    lr, wd = (knobs[name].to(state.theta.dtype) for name in ("learning_rate", "weight_decay"))
    if problem.optimizer == "sgd":
        return state._replace(theta=sgd(state.theta, gradient, lr, wd), step=state.step + 1)
    return adamw(state, gradient, lr, wd, problem.betas)


def next_minibatch(problem: Problem, step: Tensor) -> Samples | None:
    """Minibatch that follows `step [B]`, a function of it and of each member's seed; None for all samples."""
    if not problem.batch_size:
        return None
    train = problem.subject.train
    chosen = minibatch(train.X.shape[-2], problem.batch_size, int(step.max()), problem.subject.seeds)
    return train.take(chosen.to(train.X.device))


def observe(problem: Problem, state: Trained, knobs: Knobs) -> dict[str, Tensor]:
    """Channels `[B]` of losses, accuracies and the norm."""
    subject, theta = problem.subject, state.theta
    values = {"weight_norm": torch.linalg.vector_norm(theta, dim=-1)}
    for prefix, samples in (("", subject.train), ("test_", subject.test)):
        made = subject.model(theta, samples.X)
        values[f"{prefix}loss"] = subject.loss_of(made, samples)
        if not samples.y.is_floating_point():
            values[f"{prefix}accuracy"] = (made.argmax(-1) == samples.y).to(theta.dtype).mean(-1)
    return filled(values, len(theta), thin=False)


def snapshot(problem: Problem, state: Trained, knobs: Knobs) -> dict[str, Tensor]:
    """Channels `[B, *dims]` of effective parameters, ranks, a slice of the loss, and of the model."""
    subject, theta = problem.subject, state.theta
    values = live_observables.degeneracy_channels(subject, theta, knobs["n_beta"], knobs["gamma"])
    values |= {"slice": live_observables.loss_slice(subject, theta)} | live_observables.model_channels(subject, theta)
    return filled(values, len(theta), thin=True)


TRAINING = Dynamics(
    problem=build, init=start, step=step, observe=observe, snapshot=snapshot,
    capturable=lambda problem: not problem.batch_size,  # minibatches are drawn on the host
)  # fmt: skip
