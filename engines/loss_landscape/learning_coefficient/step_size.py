"""Step size and burn-in from the curvature at the centre of the window."""

from __future__ import annotations

from math import ceil

import torch
from torch import Tensor

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.hessian.extreme_eigenvectors import top
from engines.loss_landscape.hessian.lanczos import rademacher
from engines.loss_landscape.hessian.products import reverse_over_reverse
from engines.loss_landscape.learning_coefficient.state import Loss

KAPPA = 0.05
"""`eta kappa_max` of the recipe: a bias of at most 1.3 % where the loss is quadratic."""


def largest_curvature(loss: Loss, star: Tensor, generator: torch.Generator, k: int = 20) -> Tensor:
    """h_max `[...]` of the Hessian at `star [..., P]`, by k Lanczos steps; never more than the true one."""
    start = rademacher(generator, *star.shape)
    return top(reverse_over_reverse(loss, star), start, min(k, star.shape[-1]), 1).values[..., 0]


def step_size(h_max: Tensor, b: Tensor | float, gamma: Tensor | float, kappa: float = KAPPA) -> Tensor:
    """`eta = kappa/(b h_max + gamma)`; a negative h_max, at no minimum, counts as 0.

    Good for quadratic losses: singular and deep ones curve more away from w*, and need `richardson` besides. Raises
    `ConfigError` unless 0 < kappa < 4, beyond which the step is unstable.
    """
    if not 0 < kappa < 4:
        raise ConfigError(f"kappa = eta kappa_max is {kappa}; it must lie between 0 and 4")
    return kappa / (b * h_max.clamp_min(0) + gamma)


def relaxation(eta: float, stiffness: float) -> float:
    """`2/(eta kappa)`: steps in which a mode of stiffness `kappa = b h + gamma` forgets by 1/e; slowest gamma."""
    return 2 / (eta * stiffness)


def burn_in(eta: float, stiffness: float, times: float = 4.0) -> int:
    """Steps to discard, so many times the slowest relaxation."""
    return ceil(times * relaxation(eta, stiffness))
