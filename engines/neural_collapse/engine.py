"""Neural collapse as an engine: the models of this folder under one name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engines.core.protocol.declarations import Phase, Prediction, Story
from engines.core.protocol.engine import Engine, RunData
from engines.neural_collapse import relevance
from engines.neural_collapse.channels import CHANNELS
from engines.neural_collapse.config import NeuralCollapse
from engines.neural_collapse.models import Chosen, Model
from engines.neural_collapse.plots import PLOTS
from engines.neural_collapse.presets import PRESETS
from engines.neural_collapse.probes import PROBES
from engines.neural_collapse.select import MODELS


class NeuralCollapseEngine(Engine[NeuralCollapse, Chosen, Any]):
    """The features of a classifier contract onto a frame."""

    name = "neural_collapse"
    title = "Neural collapse, perturbed"
    summary = (
        "At the end of training the samples of a class fall into one point, and the classes spread onto a frame. "
        "Disturb that, and watch which errors a layer removes, and which survive."
    )
    references = (
        "T. Tirer, H. Huang, J. Niles-Weed: Perturbation Analysis of Neural Collapse. ICML 2023, arXiv 2210.16658",
    )
    Config = NeuralCollapse
    channels = CHANNELS
    plots = PLOTS
    presets = PRESETS
    probes = PROBES
    opening = "P0"

    def problem(self, configs: Sequence[NeuralCollapse], device: torch.device) -> Chosen:
        """Draw where the members start; the model is one for the batch."""
        model = MODELS[configs[0].model]
        return Chosen(model, model.build(configs, device))

    def init(self, configs: Sequence[NeuralCollapse], problem: Chosen) -> Any:
        """The starting point."""
        return problem.model.start(configs, problem.problem)

    def step(self, problem: Chosen, state: Any, knobs: Mapping[str, Tensor]) -> Any:
        """One step of the model."""
        return problem.model.step(problem.problem, state, knobs)

    def observe(self, problem: Chosen, state: Any, knobs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """All channels but the thin ones."""
        return problem.model.observe(problem.problem, state, knobs)

    def snapshot(self, problem: Chosen, state: Any, knobs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Samples and angles."""
        return problem.model.snapshot(problem.problem, state, knobs)

    def nbytes(self, configs: Sequence[NeuralCollapse]) -> int:
        """What the model says."""
        return _model(configs[0]).nbytes(configs)

    def theory(self, config: NeuralCollapse, steps: np.ndarray) -> list[Prediction]:
        """Laws and bounds of the model; see `overlays`."""
        return _model(config).theory(config, steps)

    def phases(self, run: RunData, member: int) -> list[Phase]:
        """Moments that the model names."""
        return _model(run.configs[member]).phases(run, member)

    def story(self, run: RunData, member: int) -> Story:
        """What the reader is seeing."""
        return _model(run.configs[member]).story(run, member)

    def caution(self, config: NeuralCollapse) -> str:
        """What a configuration cannot show."""
        return _model(config).caution(config)

    def idle(self, config: NeuralCollapse) -> frozenset[str]:
        """Knobs of other models, and of other starts."""
        return relevance.idle(config)

    def blank(self, config: NeuralCollapse) -> frozenset[str]:
        """Plots of other models, and of other starts."""
        return relevance.blank(config)

    def stability(self, config: NeuralCollapse) -> str:
        """A step size that does not diverge."""
        return _model(config).stability(config)


def _model(config: NeuralCollapse) -> Model:
    return MODELS[config.model]


ENGINE = NeuralCollapseEngine()
