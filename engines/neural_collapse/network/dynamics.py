"""Networks as one of the models of the engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from engines.core.compute.batching import tensor
from engines.core.protocol.declarations import Prediction
from engines.neural_collapse.config import NeuralCollapse
from engines.neural_collapse.models import Model
from engines.neural_collapse.network import diagnostics, problem, story, training
from engines.neural_collapse.network.problem import Problem

NUMBERS = ("epochs", "weight_decay_features", "weight_decay_last", "learning_rate")


def build(configs: Sequence[NeuralCollapse], device: torch.device) -> Problem:
    """Samples, networks and what is known of both before the first step."""
    made = problem.build(configs, device)
    made = replace(made, input=diagnostics.of_input(made))
    knobs = {name: tensor([getattr(config, name) for config in configs], device) for name in NUMBERS}
    begun = diagnostics.observe(made, made.begun, knobs)
    return replace(made, start={name: begun[name] for name in diagnostics.COMPARED})


def theory(config: NeuralCollapse, steps: np.ndarray) -> list[Prediction]:
    """No theorem speaks of the curves of a trained network."""
    return []


NETWORK = Model(
    build=build,
    start=problem.begin,
    step=training.step,
    observe=diagnostics.observe,
    snapshot=diagnostics.snapshot,
    nbytes=problem.nbytes,
    theory=theory,
    phases=story.phases,
    story=story.story,
    caution=story.caution,
    stability=story.stability,
)
