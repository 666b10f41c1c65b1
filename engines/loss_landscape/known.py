"""Learning coefficients that are known at finite temperature, by quadrature or by Aoyagi's formula."""

from __future__ import annotations

from typing import NamedTuple

from engines.loss_landscape import exact, quadratures
from engines.loss_landscape.config import LossLandscape


class Known(NamedTuple):
    """A learning coefficient."""

    value: float
    """`lambda(b)` in the window: finite b included."""
    limit: float
    """lambda, as b grows."""
    multiplicity: int


def known(config: LossLandscape, b: float, gamma: float) -> Known | None:
    """Of crossing planes, and of deep linear maps at their corner; None of everything else."""
    if config.subject == "linear" and config.corner and config.sampled:
        return _linear(config.sizes, config.rank, b, gamma)
    if config.subject != "potential" or config.potential not in ("crossing", "planes"):
        return None
    first = 1 if config.potential == "crossing" else config.inputs // 2
    rest = 1 if config.potential == "crossing" else config.inputs - first
    one = exact.crossing_planes(first, rest)
    return Known(float(quadratures.crossing_planes(first, rest, b, gamma)), one.value, one.multiplicity)


def _linear(sizes: tuple[int, ...], rank: int, b: float, gamma: float) -> Known:
    one = exact.deep_linear(sizes, rank)
    if len(sizes) == 3 and sizes[1] == 1 and rank == 0:
        return Known(float(quadratures.one_hidden(sizes[0], sizes[2], b, gamma)), one.value, one.multiplicity)
    value = exact.finite(one, b, gamma) if b > gamma else float("nan")
    return Known(value, one.value, one.multiplicity)
