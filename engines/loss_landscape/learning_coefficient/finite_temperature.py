"""Learning coefficients that are known at finite temperature: by quadrature, or far out by Aoyagi's formula."""

from __future__ import annotations

from functools import lru_cache
from math import exp, log
from typing import NamedTuple

from engines.loss_landscape.config import LossLandscape
from engines.loss_landscape.learning_coefficient import closed_form, quadrature

QUADRATURE = "λ(b) by quadrature"

FAR = 100
"""b over gamma from which directions at the corner count as those of a quadratic."""

SETTLED = log(1e5)
"""Logarithm of b/gamma^L from which the expansion holds."""


class Known(NamedTuple):
    """A learning coefficient."""

    value: float
    """`lambda(b)` in the window: finite b included."""
    limit: float
    """lambda, as b grows."""
    multiplicity: int
    label: str = QUADRATURE
    broken: str = ""
    """Why the value does not hold; "" where it does."""


def known(config: LossLandscape, b: float, gamma: float) -> Known | None:
    """The coefficient of crossing planes, and of deep linear maps at their corner; None of everything else."""
    if config.subject == "linear" and config.corner and config.sampled:
        return _linear(config.sizes, config.rank, config.scale, b, gamma)
    if config.subject != "potential" or config.potential not in ("crossing", "planes"):
        return None
    first = 1 if config.potential == "crossing" else config.inputs // 2
    rest = 1 if config.potential == "crossing" else config.inputs - first
    one = closed_form.crossing_planes(first, rest)
    return Known(float(quadrature.crossing_planes(first, rest, b, gamma)), one.value, one.multiplicity)


@lru_cache(maxsize=256)
def _linear(sizes: tuple[int, ...], rank: int, scale: float, b: float, gamma: float) -> Known:
    """Directions at the true map's corner count softly; what is spare is a deep linear map around 0."""
    one, spare = closed_form.deep_linear(sizes, rank), tuple(width - rank for width in sizes)
    curved = b * corner_curvature(sizes, scale)
    strength = log(b) - (len(spare) - 1) * log(gamma)
    rest = quadrature.deep_linear(spare, b, gamma) if min(spare) else 0.0
    label, reasons = QUADRATURE if rank == 0 else "λ(b) for b ≫ γ, within 5 %", []
    if rank and curved < FAR * gamma:
        reasons.append("b times the curvature at the corner is not much larger than the precision of the window")
    if rest is None:
        label, rest = "λ − (m − 1)/ln(b/γᴸ), within 5 %", _far_out(spare, strength)
        if strength < SETTLED:
            reasons.append("b is too small for the expansion around b = ∞")
    return Known(_corner(sizes, rank, curved, gamma) + rest, one.value, one.multiplicity, label, "; ".join(reasons))


def corner_curvature(sizes: tuple[int, ...], scale: float) -> float:
    """`scale^(2 (L - 1))`: the least curvature that is not zero at the true map's corner; the largest is L times it."""
    return scale ** (2 * (len(sizes) - 2))


def _corner(sizes: tuple[int, ...], rank: int, curved: float, gamma: float) -> float:
    """Half the soft rank of the true map's corner: `r²` eigenvalues L, and `r (H_0 + H_L - 2 r)` of 1, L layers.

    Both times the corner's curvature; curved: b times that.
    """
    layers, beside = len(sizes) - 1, rank * (sizes[0] + sizes[-1] - 2 * rank)
    return (rank**2 * layers * curved / (layers * curved + gamma) + beside * curved / (curved + gamma)) / 2


def _far_out(spare: tuple[int, ...], strength: float) -> float:
    """`lambda - (m - 1)/ln(b/gamma^L)`, 0 where that is below; strength: the logarithm."""
    return max(closed_form.finite(closed_form.deep_linear(spare, 0), exp(strength)), 0.0) if strength > 0 else 0.0
