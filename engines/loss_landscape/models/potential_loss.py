"""Losses in closed form as the knobs describe them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.config import LossLandscape
from engines.loss_landscape.models.initialisation import SAMPLES, stream
from engines.loss_landscape.models.potentials import Loss, Regression, crossing_planes, normal_crossing, quadratic

SPREADS = (1.0, 0.7, 0.5, 0.3, 0.2)
"""Standard deviations of the inputs of a regression, in turn."""


class Closed(NamedTuple):
    """A loss and where it is least."""

    loss: Loss
    star: Tensor
    """`[P]`."""
    n: int = 0
    """Its samples; 0 without any."""


def closed(config: LossLandscape) -> Closed:
    """The loss of `subject=potential`. Raises `ConfigError` for a network."""
    if config.subject != "potential":
        raise ConfigError(f"subject={config.subject} is a network: its loss has no closed form")
    return POTENTIALS[config.potential](config)


def curvatures(config: LossLandscape) -> Tensor:
    """Of the quadratic: from .1 to 10, evenly on a logarithmic scale, `[P]`."""
    return torch.logspace(-1, 1, config.inputs, dtype=torch.float64)


def regression(config: LossLandscape) -> Regression:
    """Inputs of unequal spread, true parameters and noise N(0, 1)."""
    source, d = stream(config.seed, SAMPLES), config.inputs
    spreads = torch.tensor([SPREADS[i % len(SPREADS)] for i in range(d)], dtype=torch.float64)
    X = torch.randn(config.samples, d, dtype=torch.float64, generator=source) * spreads
    truth = torch.randn(d, dtype=torch.float64, generator=source)
    return Regression(X, X @ truth + torch.randn(config.samples, dtype=torch.float64, generator=source))


def _regression(config: LossLandscape) -> Closed:
    found = regression(config)
    return Closed(found, found.star, config.samples)


def _box(config: LossLandscape) -> Closed:
    crossing = normal_crossing((1, 1))
    return Closed(lambda theta: config.strength * crossing(theta), _origin(2))


def _origin(P: int) -> Tensor:
    return torch.zeros(P, dtype=torch.float64)


POTENTIALS: dict[str, Callable[[LossLandscape], Closed]] = {
    "quadratic": lambda config: Closed(quadratic(curvatures(config)), _origin(config.inputs)),
    "regression": _regression,
    "crossing": lambda config: Closed(normal_crossing((1, 1)), _origin(2)),
    "planes": lambda config: Closed(crossing_planes(config.inputs // 2), _origin(config.inputs)),
    "box": _box,
}
"""Half of the parameters of two planes each, v one more where they are odd."""
