"""The engine of watched trainings: what is recorded and shown. Its steps are taken by a loop that is not here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

import numpy as np

from engines.core.protocol.config import Config, knob
from engines.core.protocol.declarations import Channel, Plot, Story
from engines.core.protocol.engine import Engine, RunData
from engines.core.protocol.errors import ConfigError

NOT_HERE = "the steps of a watched training are taken by its own loop, and cannot be computed here"

COHEN = "J. Cohen et al. 2021 (arXiv 2103.00065); V. Papyan, X. Y. Han, D. Donoho 2020 (arXiv 2008.08186)"


@dataclass(frozen=True, kw_only=True)
class WatchedTraining(Config):
    """Configuration of a training as it says it; the names of what is recorded, with spaces between them."""

    model: str = knob("", "what is trained")
    parameters: int = knob(0, "numbers that are trained", bounds=(0, 1e15))
    optimizer: str = knob("", "the method that takes the steps")
    eta: float = knob(0.0, "learning rate at the first step; 0 where it is not known", label="η", bounds=(0, 1e6))
    momentum: float = knob(0.0, "momentum of the method", label="β", bounds=(0, 1))
    threshold: bool = knob(False, "whether 2/η, (2 + 2β)/η with momentum, bounds what is stable", more=True)
    scalars: str = knob("", "numbers that the loop records itself", more=True)
    layers: str = knob("", "layers whose features are measured", more=True)
    curvature: bool = knob(False, "whether the loss is known, so that its curvature is measured", more=True)


class NoState(NamedTuple):
    """The state of a training that is not computed here."""


LOSS = Channel(name="loss", label="loss", doc="Loss of a step, as the loop says it.", formula="L")

RATE = Channel(
    name="learning_rate", label="learning rate", doc="Size of the next step, as the optimiser has it.", formula="η"
)

GRADIENT = Channel(
    name="gradient_norm", label="norm of the gradient", formula="‖∇L‖", thin=True,
    doc="Gradient of the mean loss of the samples on which curvature is measured; without them, of the loop's own.",
)  # fmt: skip

DISTANCE = Channel(
    name="distance", label="distance from the start", formula="‖θ − θ₀‖", thin=True, log=False,
    doc="How far the parameters have come.",
)  # fmt: skip

SHARPNESS = Channel(
    name="sharpness", label="sharpness", formula="λ_max(∇²L)", thin=True,
    doc="The largest eigenvalue of the Hessian of the loss.",
)  # fmt: skip

THRESHOLD = Channel(
    name="threshold", label="threshold 2/η", formula="2/η", thin=True,
    doc="Above it gradient descent oscillates along the sharpest direction. With momentum it is (2 + 2β)/η.",
)  # fmt: skip


class WatchedTrainingEngine(Engine[WatchedTraining, None, NoState]):
    """Declares what is recorded of watched trainings with one configuration."""

    name = "watched_training"
    title = "Watched training"
    summary = "A training that its own loop computes, as it was recorded meanwhile."
    references = (COHEN,)
    Config = WatchedTraining
    channels = (LOSS,)
    plots = ()
    presets = ()
    opening = ""

    def for_configs(self, configs: Sequence[Any]) -> WatchedTrainingEngine:
        """Return the engine whose channels and plots are those of a training. Raises `ConfigError` where they clash."""
        config: WatchedTraining = configs[0]
        scalars, layers = config.scalars.split(), config.layers.split()
        channels = tuple(_channels(config, scalars, layers))
        names = [channel.name for channel in channels]
        if len(set(names)) < len(names):
            raise ConfigError(f"two things that are recorded have one name: {', '.join(names)}")
        declared = {"channels": channels, "plots": _plots(names, scalars, layers)}
        return type(type(self).__name__, (type(self),), declared)()

    def problem(self, configs: Any, device: Any) -> NoReturn:
        """Refuse to compute."""
        raise ConfigError(NOT_HERE)

    def init(self, configs: Any, problem: Any) -> NoReturn:
        """Refuse to compute."""
        raise ConfigError(NOT_HERE)

    def step(self, problem: Any, state: Any, knobs: Mapping[str, Any]) -> NoReturn:
        """Refuse to compute."""
        raise ConfigError(NOT_HERE)

    def observe(self, problem: Any, state: Any, knobs: Mapping[str, Any]) -> NoReturn:
        """Refuse to compute."""
        raise ConfigError(NOT_HERE)

    def story(self, run: RunData, member: int) -> Story:
        """Tell where the loss is, and the sharpness beside its threshold."""
        steps, losses = run.curve("loss", member)
        text = f"At step {int(steps[-1])} the loss is **{losses[-1]:.4g}**; it began at {losses[0]:.4g}."
        sharp, limit = (_newest(run, name) for name in ("sharpness", "threshold"))
        if sharp is not None and limit is not None:
            where = "below" if sharp < 0.9 * limit else "above" if sharp > 1.1 * limit else "at"
            text += f"\nThe sharpness, {sharp:.4g}, is **{sharp / limit:.2f}** of the threshold {limit:.4g}: "
            text += f"{where} the edge of stability."
        elif sharp is not None:
            text += f"\nThe sharpness is **{sharp:.4g}**."
        for layer in run.configs[member].layers.split():
            if (ratio := _newest(run, f"nc1_{layer}")) is not None:
                text += f"\nIn {layer} the spread within the classes is **{ratio:.3g}** of that between them."
        return Story(formula="λ_max(∇²L) < 2/η" if limit else "", text=text, reference=COHEN if sharp else "")


def _newest(run: RunData, name: str) -> float | None:
    """Return the newest value of a channel that is recorded and finite; None where there is none."""
    series = run.recording.series(name)
    values = series[name][:, 0] if name in series.names else np.empty(0)
    good = values[np.isfinite(values)]
    return float(good[-1]) if len(good) else None


def _channels(config: WatchedTraining, scalars: Sequence[str], layers: Sequence[str]) -> list[Channel]:
    has_rate = config.eta > 0
    channels = [LOSS, *([RATE] if has_rate else []), GRADIENT, DISTANCE]
    channels += [SHARPNESS, *([THRESHOLD] if has_rate and config.threshold else [])] if config.curvature else []
    said = "A number that the loop records itself."
    channels += [Channel(name=one, label=one.replace("_", " "), doc=said, log=False) for one in scalars]
    for layer in layers:
        within = "The spread of the features within the classes over that of their means: tr Σ_W / tr Σ_B."
        angle = "How far the cosines between class means are from −1/(C − 1), those of a simplex, on average."
        channels.append(Channel(name=f"nc1_{layer}", label=f"NC1 of {layer}", doc=within, thin=True))
        channels.append(Channel(name=f"nc2_{layer}", label=f"NC2 of {layer}", doc=angle, thin=True))
    return channels


def _plots(names: Sequence[str], scalars: Sequence[str], layers: Sequence[str]) -> tuple[Plot, ...]:
    def plot(name: str, title: str, *channels: str, **how: Any) -> list[Plot]:
        shown = tuple(one for one in channels if one in names)
        return [Plot(name=name, title=title, channels=shown, doc=title, **how)] if shown else []

    return (
        *plot("loss", "Loss", "loss"),
        *plot("sharpness", "Sharpness and its threshold", "sharpness", "threshold"),
        *(each for name in scalars for each in plot(f"own_{name}", name.replace("_", " "), name, log_y=False)),
        *plot("gradient_norm", "Norm of the gradient", "gradient_norm"),
        *plot("distance", "Distance from the start", "distance", log_y=False),
        *plot("nc1", "Spread within classes over that between", *(f"nc1_{layer}" for layer in layers)),
        *plot("nc2", "Angles of class means, from a simplex's", *(f"nc2_{layer}" for layer in layers)),
        *plot("learning_rate", "Learning rate", "learning_rate"),
    )


ENGINE = WatchedTrainingEngine()
