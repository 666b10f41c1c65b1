"""Training of a network as one of the dynamics of the engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from engines.core.compute.batching import tensor
from engines.core.protocol.composite import Dynamics
from engines.neural_collapse.config import NeuralCollapse
from engines.neural_collapse.network import cautions, diagnostics, problem, story, training
from engines.neural_collapse.network.problem import Problem

KNOBS = ("epochs", "weight_decay_features", "weight_decay_last", "learning_rate")


def build(configs: Sequence[NeuralCollapse], device: torch.device) -> Problem:
    """Load the samples, draw the networks, and measure both before the first step."""
    made = problem.build(configs, device)
    made = replace(made, input_channels=diagnostics.input_channels(made))
    knobs = {name: tensor([getattr(config, name) for config in configs], device) for name in KNOBS}
    initial = diagnostics.observe(made, made.initial, knobs)
    return replace(made, initial_channels={name: initial[name] for name in diagnostics.COMPARED})


NETWORK = Dynamics(
    problem=build,
    init=problem.init,
    step=training.step,
    observe=diagnostics.observe,
    snapshot=diagnostics.snapshot,
    capturable=lambda problem: not problem.greedy,  # which layer a member is at is read on the host
    nbytes=problem.nbytes,
    phases=story.phases,
    story=story.story,
    caution=cautions.caution,
    stability=cautions.stability,
)
