"""The loss landscape as an engine: networks and losses, trained or sampled, under one name."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import Any

import numpy as np
import torch

from engines.core.files.npz_reader import FILE
from engines.core.protocol.composite import CompositeEngine, Dynamics
from engines.core.protocol.declarations import OwnFile, OwnFiles, Phase, Prediction, Story
from engines.core.protocol.engine import RunData
from engines.core.subjects import named_subjects
from engines.core.subjects.subject import Subject
from engines.loss_landscape import cautions, memory, predictions, relevance, story
from engines.loss_landscape.channels import CHANNELS
from engines.loss_landscape.config import METHODS_HERE, LossLandscape
from engines.loss_landscape.dynamics import milestones
from engines.loss_landscape.dynamics.method_training import METHOD_TRAINING
from engines.loss_landscape.dynamics.sampling import CHAINS
from engines.loss_landscape.dynamics.training import TRAINING
from engines.loss_landscape.dynamics.uniform_box import BOX
from engines.loss_landscape.glossary import GLOSSARY
from engines.loss_landscape.models.own_model import MAX_ROWS
from engines.loss_landscape.models.own_network import MAX_FILE_BYTES
from engines.loss_landscape.plots import PLOTS
from engines.loss_landscape.presets import PRESETS
from engines.loss_landscape.probes import PROBES
from engines.loss_landscape.sweeps import SWEEPS


class LossLandscapeEngine(CompositeEngine[LossLandscape]):
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
    sweeps = SWEEPS
    own_files = (
        OwnFiles(
            name="network",
            label="Your own network",
            files=(
                OwnFile(knob="network", suffix=".safetensors", limit=MAX_FILE_BYTES, doc="the state of a perceptron"),
                OwnFile(knob="data", suffix=".npz", limit=FILE, doc="X [n, d], and y: labels [n] or targets [n, k]"),
            ),
            knobs={"subject": "own_network"},
            choices=("network_activation",),
        ),
    )
    takes_subjects = True
    probes = PROBES
    glossary = GLOSSARY
    opening = "L0"

    def choose(self, config: LossLandscape) -> Dynamics[LossLandscape]:
        """Choose training, chains or draws in a box."""
        if not config.sampled:
            return METHOD_TRAINING if config.optimizer in METHODS_HERE else TRAINING
        return BOX if config.boxed else CHAINS

    def place(self, configs: Sequence[LossLandscape], device: torch.device) -> torch.device:
        """Sample small losses on the processor, and train there what is small or where float64 is needed."""
        if configs[0].sampled or device.type == "mps":
            return torch.device("cpu")
        return super().place(configs, device)

    def nbytes(self, configs: Sequence[LossLandscape]) -> int:
        """Estimate the memory of samples, activations and parameters."""
        return memory.nbytes(configs)

    def theory(self, config: LossLandscape, steps: np.ndarray) -> list[Prediction]:
        """Predict the learning coefficient at steps `[T]`; see `predictions`."""
        return predictions.predictions(config, steps)

    def phases(self, run: RunData, member: int) -> list[Phase]:
        """Find when a member has memorised and when it generalises, or the end of burn-in."""
        return milestones.phases(run, member)

    def story(self, run: RunData, member: int) -> Story:
        """Explain what the reader is seeing."""
        return story.story(run, member)

    def caution(self, config: LossLandscape) -> str:
        """Say what a configuration cannot show."""
        return cautions.caution(config)

    def idle(self, config: LossLandscape) -> frozenset[str]:
        """Find the knobs of other subjects and of other dynamics."""
        return relevance.idle(config)

    def blank(self, config: LossLandscape) -> frozenset[str]:
        """Find the plots of other subjects and of other dynamics."""
        return relevance.blank(config, frozenset(plot.name for plot in PLOTS))

    def knobs_for(self, subject: Subject) -> dict[str, Any]:
        """Sample a person's own model around its parameters, by few chains at the temperature n/ln n."""
        name, n = named_subjects.register(subject), min(subject.train.n, MAX_ROWS)
        return {"subject": "own_model", "model": name, "optimizer": "langevin", "chains": 4,
                "burn_in": 300, "weight_decay": 0.0, "n_beta": n / log(n) if n > 1 else 1.0}  # fmt: skip

    def stability(self, config: LossLandscape) -> str:
        """Say which step size does not diverge."""
        return cautions.stability(config)


ENGINE = LossLandscapeEngine()
