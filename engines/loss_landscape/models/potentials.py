"""Losses in closed form whose learning coefficient is known: functions `loss(theta [*, P]) -> [*]`.

Least, 0, at 0, except for `Regression`, which says where it is least. `potential` makes one from the knobs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from engines.core.numerics.noise import stream
from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.config import LossLandscape
from engines.loss_landscape.models.initialisation import SAMPLES

Loss = Callable[[Tensor], Tensor]
"""Map parameters `[*, P]` to losses `[*]`."""


def quadratic(h: Tensor) -> Loss:
    """Quadratic loss `1/2 sum_i h_i theta_i^2`, `h [P]`: regular, lambda = P/2 where all h_i are positive."""
    return lambda theta: (h * theta.square()).sum(-1) / 2


def normal_crossing(k: tuple[int, ...]) -> Loss:
    """Loss `prod_i theta_i^(2 k_i)` of `theta [*, P]`, P = len(k): lambda is the least `1/(2 k_i)`, m how many have it.

    Watanabe 2009. Raises `ConfigError` unless all k_i are at least 0.
    """
    if min(k, default=-1) < 0:
        raise ConfigError(f"the exponents k of a normal crossing are {k}; they must be integers of at least 0")

    def loss(theta: Tensor) -> Tensor:
        value = torch.ones_like(theta[..., 0])
        for w, power in zip(theta.unbind(-1), k, strict=True):
            value = value * w ** (2 * power)
        return value

    return loss


def crossing_planes(first: int) -> Loss:
    """Loss `|u|^2 |v|^2` of two flat planes that interact, u the `first` parameters of `theta [*, P]`, v the others.

    Coefficient `closed_form.crossing_planes`.
    """

    def loss(theta: Tensor) -> Tensor:
        return theta[..., :first].square().sum(-1) * theta[..., first:].square().sum(-1)

    return loss


@dataclass(frozen=True)
class Regression:
    """Least squares `L = 1/(2n) sum (y - x . theta)^2`, `X [n, d]`, `y [n]`: regular, lambda = d/2."""

    X: Tensor
    y: Tensor

    def __call__(self, theta: Tensor) -> Tensor:
        """Losses `[*]` on all data of theta `[*, d]`."""
        return (self.y - theta @ self.X.mT).square().mean(-1) / 2

    def on(self, theta: Tensor, rows: Tensor) -> Tensor:
        """Losses `[C]` on minibatches `rows [C, B]` of indices, one for each chain of theta `[C, d]`."""
        residuals = self.y[rows] - (self.X[rows] @ theta[..., None])[..., 0]
        return residuals.square().mean(-1) / 2

    @property
    def star(self) -> Tensor:
        """Parameters of least squares, `[d]`."""
        return torch.linalg.lstsq(self.X, self.y[:, None]).solution[:, 0]

    @property
    def spectrum(self) -> tuple[Tensor, Tensor]:
        """Eigenvalues h of the Hessian and variances s of the gradients of single samples at `star` along its modes.

        `s_i = mean (residual x . v_i)^2`, both `[d]`: s = h noise^2 on average if the model is well specified.
        """
        h, V = torch.linalg.eigh(self.X.mT @ self.X / len(self.X))
        residuals = self.y - self.X @ self.star
        return h, ((self.X @ V) * residuals[:, None]).square().mean(0)


SPREADS = (1.0, 0.7, 0.5, 0.3, 0.2)
"""Standard deviations of the inputs of a regression, in turn."""


class Potential(NamedTuple):
    """A loss in closed form and where it is least."""

    loss: Loss
    star: Tensor
    """Parameters of the minimum, `[P]`."""
    n: int = 0
    """Number of samples; 0 for a loss without any."""


def potential(config: LossLandscape) -> Potential:
    """Loss of `subject=potential`. Raises `ConfigError` for a network."""
    if config.subject != "potential":
        raise ConfigError(f"subject={config.subject} is a network: its loss has no closed form")
    return POTENTIALS[config.potential](config)


def quadratic_curvatures(config: LossLandscape) -> Tensor:
    """Curvatures of the quadratic: from .1 to 10, evenly on a logarithmic scale, `[P]`."""
    return torch.logspace(-1, 1, config.inputs, dtype=torch.float64)


def draw_regression(config: LossLandscape) -> Regression:
    """Draw inputs of unequal spread, true parameters and noise N(0, 1)."""
    source, d = stream(config.seed, SAMPLES), config.inputs
    spreads = torch.tensor([SPREADS[i % len(SPREADS)] for i in range(d)], dtype=torch.float64)
    X = torch.randn(config.samples, d, dtype=torch.float64, generator=source) * spreads
    truth = torch.randn(d, dtype=torch.float64, generator=source)
    return Regression(X, X @ truth + torch.randn(config.samples, dtype=torch.float64, generator=source))


def _regression_potential(config: LossLandscape) -> Potential:
    drawn = draw_regression(config)
    return Potential(drawn, drawn.star, config.samples)


def _box_potential(config: LossLandscape) -> Potential:
    crossing = normal_crossing((1, 1))
    return Potential(lambda theta: config.strength * crossing(theta), _origin(2))


def _origin(P: int) -> Tensor:
    return torch.zeros(P, dtype=torch.float64)


POTENTIALS: dict[str, Callable[[LossLandscape], Potential]] = {
    "quadratic": lambda config: Potential(quadratic(quadratic_curvatures(config)), _origin(config.inputs)),
    "regression": _regression_potential,
    "crossing": lambda config: Potential(normal_crossing((1, 1)), _origin(2)),
    "planes": lambda config: Potential(crossing_planes(config.inputs // 2), _origin(config.inputs)),
    "box": _box_potential,
}
"""Losses by name. Planes have half of the parameters each, v one more where they are odd."""
