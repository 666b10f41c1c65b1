"""The loss landscape as an engine: subjects and ways to move under one name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engines.core.protocol.declarations import Phase, Prediction, Story
from engines.core.protocol.engine import Engine, RunData
from engines.loss_landscape import cautions, memory, overlays, relevance, story
from engines.loss_landscape.channels import CHANNELS
from engines.loss_landscape.config import LossLandscape
from engines.loss_landscape.dynamics import milestones
from engines.loss_landscape.dynamics.protocol import Model
from engines.loss_landscape.dynamics.select import model
from engines.loss_landscape.plots import PLOTS
from engines.loss_landscape.presets import PRESETS
from engines.loss_landscape.probes import PROBES


@dataclass(frozen=True)
class Chosen:
    """A problem and the way to move that it belongs to."""

    model: Model
    problem: Any


class LossLandscapeEngine(Engine[LossLandscape, Chosen, Any]):
    """Trained networks have fewer effective parameters than weights."""

    name = "loss_landscape"
    title = "Degenerate loss landscapes"
    summary = (
        "A trained network has fewer effective parameters than weights. Count the directions in which nothing "
        "changes, say why they are free, and watch them appear as a network understands."
    )
    references = (
        "L. Bushnaq, J. Mendel, S. Heimersheim, D. Braun, N. Goldowsky-Dill, K. Hänni, C. Wu, M. Hobbhahn: Using "
        "Degeneracy in the Loss Landscape for Mechanistic Interpretability. 2024, arXiv 2405.10927",
    )
    Config = LossLandscape
    channels = CHANNELS
    plots = PLOTS
    presets = PRESETS
    probes = PROBES
    opening = "L0"

    def problem(self, configs: Sequence[LossLandscape], device: torch.device) -> Chosen:
        """Data, starts and what is known of both; the way to move is one for the batch."""
        chosen = model(configs[0])
        return Chosen(chosen, chosen.build(configs, device))

    def place(self, configs: Sequence[LossLandscape], device: torch.device) -> torch.device:
        """Training where it is asked for, if that has float64; chains of small losses on the processor."""
        return torch.device("cpu") if configs[0].sampled or device.type == "mps" else device

    def init(self, configs: Sequence[LossLandscape], problem: Chosen) -> Any:
        """The starting point."""
        return problem.model.start(configs, problem.problem)

    def step(self, problem: Chosen, state: Any, knobs: Mapping[str, Tensor]) -> Any:
        """One step of training, or of all chains."""
        return problem.model.step(problem.problem, state, knobs)

    def observe(self, problem: Chosen, state: Any, knobs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """All channels but the thin ones."""
        return problem.model.observe(problem.problem, state, knobs)

    def snapshot(self, problem: Chosen, state: Any, knobs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Counts, ranks, slices and pictures."""
        return problem.model.snapshot(problem.problem, state, knobs)

    def nbytes(self, configs: Sequence[LossLandscape]) -> int:
        """Samples, activations and parameters."""
        return memory.nbytes(configs)

    def theory(self, config: LossLandscape, steps: np.ndarray) -> list[Prediction]:
        """What the coefficient must be; see `theory`."""
        return overlays.predictions(config, steps)

    def phases(self, run: RunData, member: int) -> list[Phase]:
        """Memorised, generalises; the end of burn-in."""
        return milestones.phases(run, member)

    def story(self, run: RunData, member: int) -> Story:
        """What the reader is seeing."""
        return story.story(run, member)

    def caution(self, config: LossLandscape) -> str:
        """What a configuration cannot show."""
        return cautions.caution(config)

    def idle(self, config: LossLandscape) -> frozenset[str]:
        """Knobs of other subjects and of other ways to move."""
        return relevance.idle(config)

    def blank(self, config: LossLandscape) -> frozenset[str]:
        """Plots of other subjects and of other ways to move."""
        return relevance.blank(config, frozenset(plot.name for plot in PLOTS))

    def stability(self, config: LossLandscape) -> str:
        """A step size that does not diverge."""
        return cautions.stability(config)


ENGINE = LossLandscapeEngine()
