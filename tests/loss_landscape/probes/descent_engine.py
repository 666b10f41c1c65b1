"""An engine that does no more than plain gradient descent, so that probes have a run to be asked of."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from engines.core import api
from engines.core.protocol.declarations import Channel, Story
from engines.core.protocol.engine import Engine, Probe
from engines.core.runs.run import Run
from engines.loss_landscape.config import LossLandscape
from engines.loss_landscape.models import digits, factory, network_at_step
from tests.loss_landscape.trained import train


class State(NamedTuple):
    theta: Tensor


class Descent(Engine):
    name, title, summary, opening = "descent", "Descent", "Gradient descent", ""
    references, plots, presets, Config = (), (), (), LossLandscape
    channels = (Channel(name="loss", label="loss", doc="what is trained"),)

    def __init__(self, *probes: Probe) -> None:
        self.probes = probes

    def problem(self, configs, device):
        return factory.build(configs)

    def init(self, configs, problem):
        return State(problem.start)

    def step(self, problem, state, knobs):
        return State(state.theta - knobs["learning_rate"][:, None] * problem.gradient(state.theta))

    def observe(self, problem, state, knobs):
        return {"loss": problem.loss(state.theta)}

    def story(self, run, member):
        return Story(formula="", text="", reference="")


def descended(probe: Probe, steps: int, **knobs) -> Run:
    """A run of one member."""
    return api.simulate(Run(Descent(probe), [LossLandscape(optimizer="sgd", **knobs)]), steps)


DIGITS = LossLandscape(subject="digits", learning_rate=1e-2, weight_decay=1e-2)
"""L20 to L22: P = 1482, 800 steps of AdamW."""


@cache
def learned() -> Tensor:
    """How two of them learn, seeds 0 and 1, every 20 steps: `[41, 2, P]`."""
    subject = digits.digits_subject([0, 1]).to(torch.float32)
    return torch.stack([theta.double() for _, theta in train(subject, 800, 1e-2, 1e-2, every=20)])


def last(parts):
    """The outcome; shares may not fall, and the last one is 1."""
    found = list(parts)
    shares = [part.share for part in found]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    return found[-1].values


def still(subject="planted", **knobs) -> network_at_step.NetworkAtStep:
    """A network that is not trained."""
    return network_at_step.network_of_config(LossLandscape(subject=subject, optimizer="langevin", **knobs))
