"""Effective dimension: the number of parameters that a loss level sees, from the eigenvalues h of a Hessian.

    N_eff(b, gamma) = sum_i b h_i/(b h_i + gamma)        b times the mean loss, window N(w*, I/gamma)

For a quadratic loss it is `2 lambda(b) = -2 d log Z/d log b` exactly, and the rank as b -> infinity. Where the loss is
not quadratic within the window, zero modes that interact included, it is too small or too large. Negative eigenvalues,
which a least loss has by rounding only, count as zero. h `[..., P]`; all that goes with it, `[...]`, broadcasts against
its leading axes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engines.core.protocol.errors import ConfigError


def soft_rank(h: Tensor, b: Tensor | float, gamma: Tensor | float = 1.0) -> Tensor:
    """Effective dimension `N_eff(b, gamma)`, `[...]`: also the degrees of freedom of ridge regression."""
    b, gamma = (torch.as_tensor(value, dtype=h.dtype, device=h.device)[..., None] for value in (b, gamma))
    scaled = b * h.clamp_min(0)
    return (scaled / (scaled + gamma)).sum(-1)


def hard_rank(h: Tensor, eps: Tensor | float, gamma: float = 1.0) -> Tensor:
    """Number of eigenvalues `h_i > 2 eps gamma`, `[...]`: a poor proxy of the soft rank, for comparison."""
    return (h > 2 * gamma * torch.as_tensor(eps, device=h.device)[..., None]).sum(-1)


def mean_loss(h: Tensor, b: Tensor, gamma: float = 1.0) -> Tensor:
    """Mean loss at inverse temperature b `[...]`, `eps(b) = 1/2 sum_i h_i/(gamma + b h_i)`."""
    h = h.clamp_min(0)
    return (h / (gamma + b[..., None] * h)).sum(-1) / 2


def inverse_temperature(h: Tensor, eps: Tensor | float, gamma: float = 1.0) -> Tensor:
    """Solve `eps(b) = eps` for b, `[...]`: then `2 b eps = N_eff(b)`. Bisection of log b, to rounding.

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


POINTS, REACH = 4001, 40.0
"""Points of the quadrature, and how many standard deviations of the tilted loss they span to each side."""


def volume_slope(h: Tensor, eps: float, gamma: float = 1.0) -> float:
    """Slope of the volume below a loss level, `N(eps) = 2 d log V/d log eps`, for a quadratic; `h [P]`.

    This is what the soft rank approximates: `V(eps) = P(1/2 sum h_i w_i^2 < eps)`, w ~ N(0, I/gamma). Bromwich
    integrals of `M(s) = prod (1 + s h_i/gamma)^-1/2` along `s = b + i t` through the saddle point b(eps):
    `V = int M e^{s eps}/s`, `V' = int M e^{s eps}`, so that a volume however small keeps its relative accuracy. The
    integrand falls as `t^(-rank/2)`: raises `ConfigError` below rank 10.
    """
    h = h[h > 0]
    if len(h) < 10:
        raise ConfigError(f"the rank is {len(h)}; the volume is integrated from rank 10 on")
    b = float(inverse_temperature(h, torch.tensor(eps, dtype=h.dtype), gamma))
    width = float((h / (gamma + b * h)).square().sum() / 2) ** -0.5  # of M(s) along the line, at its top
    s = b + 1j * width * torch.linspace(-REACH, REACH, POINTS, dtype=torch.float64)
    logs = s * eps - (torch.log1p(s[:, None] * h / gamma) / 2).sum(-1)
    integrand = (logs - logs[POINTS // 2].real).exp()
    return float(2 * eps * integrand.sum().real / (integrand / s).sum().real)
