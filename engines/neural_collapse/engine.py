"""Neural collapse as an engine: the dynamics of free features and of networks under one name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from engines.core.files.npz_reader import FILE
from engines.core.protocol.composite import CompositeEngine, Dynamics
from engines.core.protocol.declarations import OwnFile, OwnFiles
from engines.neural_collapse import (
    cautions,
    central_path,
    diagnostics,
    problem,
    proximal,
    relevance,
    response,
    story,
)
from engines.neural_collapse.channels import CHANNELS
from engines.neural_collapse.config import NeuralCollapse
from engines.neural_collapse.diagnostics import Readout
from engines.neural_collapse.features import Knobs
from engines.neural_collapse.glossary import GLOSSARY
from engines.neural_collapse.network.dynamics import NETWORK
from engines.neural_collapse.plots import PLOTS
from engines.neural_collapse.predictions import predictions
from engines.neural_collapse.presets import PRESETS
from engines.neural_collapse.probes import PROBES
from engines.neural_collapse.sweeps import SWEEPS


def _free(
    init: Callable[..., Any], step: Callable[..., Any], readout: Callable[..., Readout], *,
    steps: Callable[..., Any] | None = None, needs_host: bool = False,
) -> Dynamics:  # fmt: skip
    """Dynamics of free features: three functions of their own, and what all of them share.

    `needs_host` says that the host decides within a step.
    """

    def observe(constants: Any, state: Any, knobs: Knobs) -> dict[str, Tensor]:
        return diagnostics.observe(constants, readout(constants, state, knobs), knobs)

    def snapshot(constants: Any, state: Any, knobs: Knobs) -> dict[str, Tensor]:
        return diagnostics.snapshot(constants, readout(constants, state, knobs))

    return Dynamics(
        problem=response.build,
        init=init,
        step=step,
        steps=steps,
        observe=observe,
        snapshot=snapshot,
        gather=problem.gather,
        capturable=lambda constants: not needs_host,
        nbytes=problem.nbytes,
        place=problem.place,
        theory=predictions,
        phases=story.phases,
        story=story.story,
        caution=cautions.caution,
        stability=cautions.stability,
    )


DYNAMICS: dict[str, Dynamics] = {
    "central_path": _free(central_path.init, central_path.step, central_path.readout, steps=central_path.steps),
    "proximal": _free(proximal.init, proximal.step, proximal.readout),
    "layers": _free(proximal.init_layers, proximal.step_layers, proximal.readout_layers, needs_host=True),
    "network": NETWORK,
}
"""Dynamics of each value of the knob `model`: they differ in what one step is."""


class NeuralCollapseEngine(CompositeEngine[NeuralCollapse]):
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
    sweeps = SWEEPS
    own_files = (
        OwnFiles(
            name="data",
            label="Your own samples",
            files=(OwnFile(knob="data", suffix=".npz", limit=FILE, doc="X [N, D] and whole labels y [N]"),),
            knobs={"model": "network"},
        ),
    )
    probes = PROBES
    glossary = GLOSSARY
    opening = "P0"

    def choose(self, config: NeuralCollapse) -> Dynamics[NeuralCollapse]:
        """Choose what a step is: of the flow, of the solver of a layer, a whole layer, or a batch of a network."""
        return DYNAMICS[config.model]

    def idle(self, config: NeuralCollapse) -> frozenset[str]:
        """Find the knobs of other models, and of other starts."""
        return relevance.idle(config)

    def blank(self, config: NeuralCollapse) -> frozenset[str]:
        """Find the plots of other models, and of other starts."""
        return relevance.blank(config)


ENGINE = NeuralCollapseEngine()
