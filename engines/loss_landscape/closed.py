"""From knobs to a loss in closed form, and where it is least."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from engines.core.errors import ConfigError
from engines.loss_landscape.config import LossLandscape
from engines.loss_landscape.potentials import Loss, Regression, crossing_planes, normal_crossing, quadratic
from engines.loss_landscape.training.starts import SAMPLES, stream


def loss(config: LossLandscape) -> tuple[Loss, Tensor]:
    """Losses `[...]` of parameters `[..., P]`, and the point w* `[P]`. Raises `ConfigError` for a network."""
    if config.subject != "potential":
        raise ConfigError(f"subject={config.subject} is a network: its loss has no closed form")
    return POTENTIALS[config.potential](config)


def _quadratic(config: LossLandscape) -> tuple[Loss, Tensor]:
    """Curvatures from .1 to 10, evenly on a logarithmic scale."""
    return quadratic(torch.logspace(-1, 1, config.inputs, dtype=torch.float64)), _origin(config.inputs)


def _regression(config: LossLandscape) -> tuple[Loss, Tensor]:
    """`y = x . 1 + noise`, all N(0, 1)."""
    source = stream(config.seed, SAMPLES)
    X, noise = (torch.randn(*shape, generator=source, dtype=torch.float64)
                for shape in ((config.samples, config.inputs), (config.samples,)))  # fmt: skip
    found = Regression(X, X.sum(-1) + noise)
    return found, found.star


def _crossing(config: LossLandscape) -> tuple[Loss, Tensor]:
    return normal_crossing((1, 1)), _origin(2)


def _planes(config: LossLandscape) -> tuple[Loss, Tensor]:
    """Half of the parameters each, v one more where they are odd."""
    return crossing_planes(config.inputs // 2), _origin(config.inputs)


def _box(config: LossLandscape) -> tuple[Loss, Tensor]:
    crossing = normal_crossing((1, 1))
    return lambda theta: config.strength * crossing(theta), _origin(2)


def _origin(P: int) -> Tensor:
    return torch.zeros(P, dtype=torch.float64)


POTENTIALS: dict[str, Callable[[LossLandscape], tuple[Loss, Tensor]]] = {
    "quadratic": _quadratic,
    "regression": _regression,
    "crossing": _crossing,
    "planes": _planes,
    "box": _box,
}
