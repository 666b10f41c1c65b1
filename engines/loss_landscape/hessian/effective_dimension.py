"""Effective dimension: the number of parameters that a loss level sees, from the eigenvalues h of a Hessian.

    N_eff(b, gamma) = sum_i b h_i/(b h_i + gamma)        b times the mean loss, window N(w*, I/gamma)

For a quadratic loss it is `2 lambda(b) = -2 d log Z/d log b` exactly, and the rank as b -> infinity. Where the loss is
not quadratic within the window, zero modes that interact included, it is too small or too large. Negative eigenvalues,
which a least loss has by rounding only, count as zero. h `[*, P]`; all that goes with it, `[*]`, broadcasts against
its leading axes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engines.core.protocol.errors import ConfigError


def soft_rank(h: Tensor, b: Tensor | float, gamma: Tensor | float = 1.0) -> Tensor:
    """Effective dimension `N_eff(b, gamma)`, `[*]`: also the degrees of freedom of ridge regression."""
    b, gamma = (torch.as_tensor(value, dtype=h.dtype, device=h.device)[..., None] for value in (b, gamma))
    scaled = b * h.clamp_min(0)
    return (scaled / (scaled + gamma)).sum(-1)


def mean_loss(h: Tensor, b: Tensor, gamma: float = 1.0) -> Tensor:
    """Mean loss at inverse temperature b `[*]`, `eps(b) = 1/2 sum_i h_i/(gamma + b h_i)`."""
    h = h.clamp_min(0)
    return (h / (gamma + b[..., None] * h)).sum(-1) / 2


def inverse_temperature(h: Tensor, eps: Tensor | float, gamma: float = 1.0) -> Tensor:
    """Solve `eps(b) = eps` for b, `[*]`: then `2 b eps = N_eff(b)`. Bisection of log b, to rounding.

    Raises `ConfigError` unless 0 < eps < sum h/(2 gamma), the mean loss of the window itself.
    """
    eps = torch.as_tensor(eps, dtype=h.dtype, device=h.device)
    limit = mean_loss(h, torch.zeros_like(eps), gamma)
    if not bool(((eps > 0) & (eps < limit)).all()):
        raise ConfigError(f"eps is {eps.tolist()}; it must lie between 0 and the window's mean loss {limit.tolist()}")
    # N_eff = 2 b eps is at most P; no eigenvalue is above the largest, hence eps >= limit/(1 + b h_max/gamma).
    high = (h.shape[-1] / (2 * eps)).log()
    low = (gamma * (limit / eps - 1) / h.amax(-1)).log()
    for _ in range(100):
        middle = (low + high) / 2
        above = mean_loss(h, middle.exp(), gamma) > eps
        low, high = torch.where(above, middle, low), torch.where(above, high, middle)
    return high.exp()
