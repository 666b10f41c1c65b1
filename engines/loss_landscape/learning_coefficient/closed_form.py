"""Learning coefficients in closed form: lambda and the multiplicity m of the pole, and lambda(b) at finite temperature.

`V(eps) ~ eps^lambda (-log eps)^(m-1)`: lambda is half the number of parameters that a loss level sees. At finite b the
coefficient comes from `quadrature`, or far out from the expansion around b = infinity.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations
from math import exp, log
from typing import NamedTuple

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.config import LossLandscape
from engines.loss_landscape.learning_coefficient import quadrature


class LearningCoefficient(NamedTuple):
    """Learning coefficient lambda with the multiplicity m of its pole, as b -> infinity."""

    value: float
    """Learning coefficient lambda."""
    multiplicity: int
    """Multiplicity m of the pole."""


def at_finite_temperature(coefficient: LearningCoefficient, b: float, gamma: float = 1.0) -> float:
    """Expansion `lambda(b) ~ lambda - (m - 1)/ln(b/gamma)`, valid for b >> gamma.

    Raises `ConfigError` if b <= gamma.
    """
    if not b > gamma > 0:
        raise ConfigError(f"b = {b} and gamma = {gamma}; the rule of finite b needs b > gamma > 0")
    return coefficient.value - (coefficient.multiplicity - 1) / log(b / gamma)


def crossing_planes(n1: int, n2: int) -> LearningCoefficient:
    """Coefficient `min(n1, n2)/2` of `|u|^2 |v|^2` with u in R^n1, v in R^n2; m = 2 if they are equal, else 1."""
    return LearningCoefficient(min(n1, n2) / 2, 1 + (n1 == n2))


def decisive_layers(D: tuple[int, ...]) -> list[tuple[int, ...]]:
    """All sets Q of two or more layers with `l max_Q D <= sum_Q D < l min_rest D`, `l = |Q| - 1`, by trying all.

    D are the widths less the true rank. Hence `max_Q D < min_rest D`; the condition on an empty rest holds. There is
    exactly one such set (tested, not proved).
    """
    layers = range(len(D))
    return [Q for size in range(2, len(D) + 1) for Q in combinations(layers, size) if _is_decisive(D, Q)]


def _is_decisive(D: tuple[int, ...], Q: tuple[int, ...]) -> bool:
    inside = [D[i] for i in Q]
    outside = [D[i] for i in range(len(D)) if i not in Q]
    span, total = len(Q) - 1, sum(inside)
    return total >= span * max(inside) and (not outside or total < span * min(outside))


def deep_linear(widths: tuple[int, ...], rank: int) -> LearningCoefficient:
    """Coefficient of `W^{L-1} .. W^0` of widths H_0 .. H_L and true rank r, at its most degenerate true parameter.

    With `D = H - r`, the decisive set Q, `l = |Q| - 1`, `T = sum_Q D`, `c = ceil(T/l)`, `a = T - (c - 1) l`:
    `lambda = (r (H_0 + H_L) - r^2)/2 + a (l - a)/(4 l) - l (l - 1)/4 (T/l)^2 + 1/2 sum_{i<j in Q} D_i D_j`,
    `m = a (l - a) + 1`. At other true parameters lambda may be larger. Attributed to Aoyagi 2024; confirmed by
    sampling, not against the paper's text. Raises `ConfigError` for fewer than two layers, and unless 0 <= r <= min H.
    """
    if len(widths) < 3 or not 0 <= rank <= min(widths):
        raise ConfigError(f"widths {widths}, rank {rank}: three widths or more, and a rank of 0 to the smallest")
    (Q,) = decisive_layers(tuple(width - rank for width in widths))
    D = [widths[i] - rank for i in Q]
    span, total = len(D) - 1, sum(D)
    a = total - (-(-total // span) - 1) * span
    target = (rank * (widths[0] + widths[-1]) - rank**2) / 2
    pairs = sum(one * other for one, other in combinations(D, 2)) / 2
    value = target + a * (span - a) / (4 * span) - (span - 1) / (4 * span) * total**2 + pairs
    return LearningCoefficient(value, a * (span - a) + 1)


QUADRATURE = "λ(b) by quadrature"

FAR = 100
"""Ratio b/gamma from which directions at the corner count as those of a quadratic."""

EXPANSION_HOLDS = log(1e5)
"""Logarithm of b/gamma^L from which the expansion holds."""


class ExactCoefficient(NamedTuple):
    """A learning coefficient that is known at a finite temperature."""

    value: float
    """`lambda(b)` in the window, at the temperature asked for."""
    limit: float
    """lambda, as b grows."""
    multiplicity: int
    label: str = QUADRATURE
    """How the value was computed, as text beside a line."""
    broken: str = ""
    """Why the value does not hold; "" where it does."""


def exact_coefficient(config: LossLandscape, b: float, gamma: float) -> ExactCoefficient | None:
    """Coefficient of crossing planes, and of deep linear maps at their corner; None for every other loss."""
    if config.subject == "linear" and config.corner and config.sampled:
        return _exact_deep_linear(config.sizes, config.rank, config.scale, b, gamma)
    if config.subject != "potential" or config.potential not in ("crossing", "planes"):
        return None
    first = 1 if config.potential == "crossing" else config.inputs // 2
    second = 1 if config.potential == "crossing" else config.inputs - first
    limit = crossing_planes(first, second)
    return ExactCoefficient(float(quadrature.crossing_planes(first, second, b, gamma)), limit.value, limit.multiplicity)


@lru_cache(maxsize=256)
def _exact_deep_linear(sizes: tuple[int, ...], rank: int, scale: float, b: float, gamma: float) -> ExactCoefficient:
    """Sum of the true map's corner, whose directions count softly, and of a map around 0 with the spare widths."""
    limit, spare = deep_linear(sizes, rank), tuple(width - rank for width in sizes)
    curved = b * corner_curvature(sizes, scale)
    strength = log(b) - (len(spare) - 1) * log(gamma)
    around_zero = quadrature.deep_linear(spare, b, gamma) if min(spare) else 0.0
    label, reasons = QUADRATURE if rank == 0 else "λ(b) for b ≫ γ, within 5 %", []
    if rank and curved < FAR * gamma:
        reasons.append("b times the curvature at the corner is not much larger than the precision of the window")
    if around_zero is None:
        label, around_zero = "λ − (m − 1)/ln(b/γᴸ), within 5 %", _expansion(spare, strength)
        if strength < EXPANSION_HOLDS:
            reasons.append("b is too small for the expansion around b = ∞")
    return ExactCoefficient(
        _corner_coefficient(sizes, rank, curved, gamma) + around_zero,
        limit.value,
        limit.multiplicity,
        label,
        "; ".join(reasons),
    )


def corner_curvature(sizes: tuple[int, ...], scale: float) -> float:
    """Least non-zero curvature at the true map's corner, `scale^(2 (L - 1))` of L layers; the largest is L times it."""
    return scale ** (2 * (len(sizes) - 2))


def _corner_coefficient(sizes: tuple[int, ...], rank: int, curved: float, gamma: float) -> float:
    """Half the soft rank of the true map's corner: `r²` eigenvalues L, and `r (H_0 + H_L - 2 r)` of 1, L layers.

    Both times the corner's curvature; curved is b times that.
    """
    layers, rectangular = len(sizes) - 1, rank * (sizes[0] + sizes[-1] - 2 * rank)
    return (rank**2 * layers * curved / (layers * curved + gamma) + rectangular * curved / (curved + gamma)) / 2


def _expansion(spare: tuple[int, ...], strength: float) -> float:
    """Expansion `lambda - (m - 1)/ln(b/gamma^L)` of the spare widths, at least 0; strength is the logarithm."""
    return max(at_finite_temperature(deep_linear(spare, 0), exp(strength)), 0.0) if strength > 0 else 0.0
