"""The network that a probe analyses: one member of a run, its data and its parameters at a step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from engines.core.protocol.engine import RunData
from engines.core.protocol.errors import ConfigError
from engines.core.runs import replay
from engines.loss_landscape.config import LossLandscape
from engines.loss_landscape.models import factory
from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.models.model import Samples, Trainable
from engines.loss_landscape.models.modular_addition import Embedding
from engines.loss_landscape.models.own_model import OwnModel
from engines.loss_landscape.models.perceptron_reader import NotRead


class NetworkAtStep(NamedTuple):
    """One member at a step. Everything in float64 on the CPU: ranks will be counted."""

    config: LossLandscape
    subject: Trainable
    """Trainable network of this member, a batch of one."""
    theta: Tensor
    """Parameters that training has reached, `[P]`; of a sampled member, the point w* around which it samples."""
    samples: Samples
    """Training samples of this member, without a leading axis."""

    def take(self, rows: Tensor) -> NetworkAtStep:
        """Keep the samples with the numbers `rows [m]` only."""
        X, y = self.samples
        return self._replace(samples=Samples(X[rows], y[rows]))

    def layers(self) -> dict[str, Tensor]:
        """Places `[p]` of each layer's parameters in the flat vector, by a name for readers."""
        model: Any = self.subject.model
        if isinstance(model, OwnModel):
            slices = model.subject.layers
        else:
            sizes = [prod(shape) for shape in getattr(model, "layout", model).shapes]
            ends = np.cumsum(sizes).tolist()
            slices = {f"{i}": [slice(b - p, b)] for i, (p, b) in enumerate(zip(sizes, ends, strict=True), 1)}
        every = torch.arange(len(self.theta))
        return {name: torch.cat([every[part] for part in parts]) for name, parts in slices.items()}

    def perceptron(self) -> tuple[Mlp, Tensor, Tensor]:
        """View as a perceptron: the net, its parameters `[P]`, its inputs `[n, d_0]`.

        An embedding counts as a layer that is not analysed: its outputs are the inputs. Raises `ConfigError` for a
        transformer and for superposition.
        """
        model = self.subject.model
        if isinstance(model, Mlp):
            return model, self.theta, self.samples.X
        if isinstance(model, Embedding):
            return model.perceptron(self.theta, self.samples.X)
        if isinstance(model, OwnModel):
            try:
                read, X = model.perceptron(self.theta, self.samples.X)
            except NotRead as reason:
                raise ConfigError(f"your model is no perceptron whose layers can be taken apart: {reason}") from None
            return read.net, read.theta, X
        raise ConfigError(f"subject={self.config.subject} is no perceptron: its layers cannot be taken apart")


def network_of_run(run: RunData, member: int, step: int) -> NetworkAtStep:
    """Network of a member of a run at a step (-1: the newest). Raises `ConfigError` for a loss without a network."""
    step = int(run.steps[-1]) if step < 0 else step
    config = run.config(member, step)
    return (
        network_of_config(config) if config.sampled else network_of_config(config, trajectory(run, member, [step])[0])
    )


def network_of_config(config: LossLandscape, theta: Tensor | None = None) -> NetworkAtStep:
    """Network of a configuration, with parameters `theta [P]`, or where it starts. Errors as `network_of_run`."""
    subject = factory.build([config])
    X, y = subject.train
    shared = X.ndim == 2
    theta = subject.start[0] if theta is None else theta
    return NetworkAtStep(config, subject, theta, subject.train if shared else Samples(X[0], y[0]))


def trajectory(run: RunData, member: int, steps: Sequence[int]) -> Tensor:
    """Parameters at ascending steps, `[T, P]`, replayed once; of chains, those of the first chain."""
    return torch.stack(list(snapshots(run, member, steps)))


def snapshots(run: RunData, member: int, steps: Sequence[int]) -> Iterator[Tensor]:
    """Yield the parameters at ascending steps one by one, each `[P]`."""
    running = None
    for step in steps:
        if running is None:
            running = replay.simulation_at(run, step, member)
        else:
            running = replay.continue_simulation(run, running, step, member)
        theta = running.batches[0].state.theta[0]
        yield (theta if theta.ndim == 1 else theta[0]).detach().cpu().double().clone()
