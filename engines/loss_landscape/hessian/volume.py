"""The true slope of the volume below a loss, for a quadratic: what the soft count approximates."""

from __future__ import annotations

import torch
from torch import Tensor

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.hessian.effective_dimension import temperature

POINTS, REACH = 4001, 40.0
"""Points of the quadrature, over so many standard deviations of the tilted loss."""


def slope(h: Tensor, eps: float, gamma: float = 1.0) -> float:
    """`N(eps) = 2 d log V/d log eps`, `V(eps) = P(1/2 sum h_i w_i^2 < eps)`, w ~ N(0, I/gamma); `h [P]`.

    Bromwich integrals of `M(s) = prod (1 + s h_i/gamma)^-1/2` along `s = b + i t` through the saddle point b(eps):
    `V = int M e^{s eps}/s`, `V' = int M e^{s eps}`, so that a volume however small keeps its relative accuracy.
    The integrand falls as `t^(-rank/2)`: raises `ConfigError` below rank 10.
    """
    h = h[h > 0]
    if len(h) < 10:
        raise ConfigError(f"the rank is {len(h)}; the volume is integrated from rank 10 on")
    b = float(temperature(h, torch.tensor(eps, dtype=h.dtype), gamma))
    width = float((h / (gamma + b * h)).square().sum() / 2) ** -0.5  # of M(s) along the line, at its top
    s = b + 1j * width * torch.linspace(-REACH, REACH, POINTS, dtype=torch.float64)
    logs = s * eps - (torch.log1p(s[:, None] * h / gamma) / 2).sum(-1)
    integrand = (logs - logs[POINTS // 2].real).exp()
    return float(2 * eps * integrand.sum().real / (integrand / s).sum().real)
