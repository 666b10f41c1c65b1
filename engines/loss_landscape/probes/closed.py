"""Losses in closed form as the knobs describe them, and learning coefficients that are known."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from engines.core.errors import ConfigError
from engines.loss_landscape import exact, potentials, quadratures
from engines.loss_landscape.config import LossLandscape
from engines.loss_landscape.potentials import Loss


class Closed(NamedTuple):
    """A loss and where it is least."""

    loss: Loss
    star: Tensor
    """`[P]`."""
    n: int
    """Its samples; 0 without any."""


class Known(NamedTuple):
    """A learning coefficient in closed form, or by quadrature."""

    value: float
    """`lambda(b)` in the window: finite b included."""
    limit: float
    """lambda, as b grows."""
    multiplicity: int


def closed(config: LossLandscape) -> Closed:
    """The loss of `subject=potential`. Raises `ConfigError` for the box, which has no Gaussian window."""
    d = config.inputs
    origin = torch.zeros(d, dtype=torch.float64)
    if config.potential == "quadratic":
        return Closed(potentials.quadratic(torch.logspace(-1, 1, d, dtype=torch.float64)), origin, 0)
    if config.potential == "regression":
        task = regression(config)
        return Closed(task, task.star, config.samples)
    if config.potential == "crossing":
        return Closed(potentials.normal_crossing((1, 1)), origin.new_zeros(2), 0)
    if config.potential == "planes":
        return Closed(potentials.crossing_planes(max(1, d // 2)), origin.new_zeros(max(2, d)), 0)
    raise ConfigError(f"potential={config.potential} is a volume in a box; it has no Gaussian window to be sampled in")


def regression(config: LossLandscape) -> potentials.Regression:
    """Inputs of standard deviations 1 to .2, unit weights, unit noise."""
    source = torch.Generator().manual_seed(config.seed)
    X = torch.randn(config.samples, config.inputs, dtype=torch.float64, generator=source)
    X = X * torch.logspace(0, -0.69897, config.inputs, dtype=torch.float64)
    return potentials.Regression(X, X.sum(-1) + torch.randn(len(X), dtype=torch.float64, generator=source))


def known(config: LossLandscape, b: float, gamma: float) -> Known | None:
    """What is known at the start of chains: of crossing planes, and of deep linear maps at their corner."""
    if config.subject == "linear" and config.corner and config.sampled:
        return _linear(config.sizes, config.rank, b, gamma)
    if config.subject != "potential" or config.potential not in ("crossing", "planes"):
        return None
    first = 1 if config.potential == "crossing" else max(1, config.inputs // 2)
    rest = 1 if config.potential == "crossing" else max(2, config.inputs) - first
    one = exact.crossing_planes(first, rest)
    return Known(float(quadratures.crossing_planes(first, rest, b, gamma)), one.value, one.multiplicity)


def _linear(sizes: tuple[int, ...], rank: int, b: float, gamma: float) -> Known:
    one = exact.deep_linear(sizes, rank)
    if len(sizes) == 3 and sizes[1] == 1 and rank == 0:
        return Known(float(quadratures.one_hidden(sizes[0], sizes[2], b, gamma)), one.value, one.multiplicity)
    value = exact.finite(one, b, gamma) if b > gamma else float("nan")
    return Known(value, one.value, one.multiplicity)
