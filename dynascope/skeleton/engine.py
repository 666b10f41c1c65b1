"""The engine: the functions of `dynamics`, and what is recorded, drawn and offered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from engines.core.protocol.declarations import Channel, Plot, Prediction, Story
from engines.core.protocol.engine import Engine, RunData

from . import dynamics
from .config import Skeleton
from .presets import PRESETS


class SkeletonEngine(Engine[Skeleton, torch.device, dynamics.State]):
    """Gradient descent on a parabola; the problem of a batch is only the device on which it is computed."""

    name = "skeleton"
    title = "Skeleton"
    summary = "Gradient descent on a parabola: a working engine to start from."
    references = ("any textbook of numerical optimisation",)
    Config = Skeleton
    channels = (
        Channel(name="loss", label="loss", doc="half the squared distance to the minimum, times the curvature",
                formula="f(x) = c|x|²/2"),
        Channel(name="x", label="x", doc="the iterate", dims=("coordinate",), log=False),
    )  # fmt: skip
    plots = (
        Plot(name="loss", title="Loss", channels=("loss",), doc="The loss over the steps, and the predicted line."),
        Plot(name="x", title="Iterate", channels=("x",), doc="The coordinates of the iterate.", kind="profile",
             log_y=False),
    )  # fmt: skip
    presets = PRESETS
    opening = "S1"

    def problem(self, configs: Sequence[Skeleton], device: torch.device) -> torch.device:
        """Return the constants of a batch."""
        return device

    def init(self, configs: Sequence[Skeleton], problem: torch.device) -> dynamics.State:
        """Return the state at step 0."""
        return dynamics.start(configs, problem)

    def step(self, problem: torch.device, state: dynamics.State, knobs: Mapping[str, Tensor]) -> dynamics.State:
        """Return the state after one step; the one handed in stays as it is."""
        return dynamics.step(state, knobs)

    def observe(self, problem: torch.device, state: dynamics.State, knobs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return all channels, each `[B, *dims]`."""
        return {"loss": dynamics.loss(state, knobs), "x": state.x}

    def nbytes(self, configs: Sequence[Skeleton]) -> int:
        """Return the bytes of the states of a batch, in double precision."""
        return 8 * sum(config.d for config in configs)

    def theory(self, config: Skeleton, steps: np.ndarray) -> list[Prediction]:
        """Predict the loss from the knobs alone: its start is that of the seed."""
        first = np.random.default_rng(config.seed).standard_normal(config.d)
        with np.errstate(over="ignore"):
            values = 0.5 * config.curvature * float(first @ first) * dynamics.rate(config) ** steps.astype(float)
        return [Prediction(channel="loss", label="(1 - ηc)²ᵗ", values=values, reference=self.references[0])]

    def story(self, run: RunData, member: int) -> Story:
        """Tell what there is to see."""
        factor = dynamics.rate(run.configs[member])
        text = f"Each step multiplies the loss by {factor:.3g}, wherever the start was."
        return Story(formula="x ← x - ηcx", text=text, reference=self.references[0])

    def stability(self, config: Skeleton) -> str:
        """Say from which step size on a run diverges."""
        return f"It diverges for step sizes above 2 / curvature = {2 / config.curvature:.3g}."


ENGINE = SkeletonEngine()
