"""Temperatures and volumes at a level of a quadratic loss, and counts of null directions: oracles of soft ranks."""

from __future__ import annotations

import torch
from torch import Tensor

from engines.core.numerics import lapack
from engines.core.protocol.errors import ConfigError


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


def hard_rank(h: Tensor, eps: Tensor | float, gamma: float = 1.0) -> Tensor:
    """Number of eigenvalues `h_i > 2 eps gamma`, `[...]`: a poor proxy of the soft rank, for comparison."""
    return (h > 2 * gamma * torch.as_tensor(eps, device=h.device)[..., None]).sum(-1)


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


def null_eigenvectors(H: Tensor, tolerance: float = 1e-12) -> Tensor:
    """Orthonormal basis `[P, nullity]` of the eigenvalues of `H [P, P]` up to `tolerance` of the largest, in modulus.

    A Gram matrix in float64 cannot tell singular values apart that are below 1e-8 of the largest. Raises `ConfigError`
    for float32, whose rounding is far above the tolerance.
    """
    if H.dtype != torch.float64:
        raise ConfigError(f"null directions were asked for in {H.dtype}; they are counted in float64 only")
    values, vectors = lapack.eigh(H)
    sizes = values.abs()
    return vectors[:, sizes <= tolerance * sizes.max()]
