"""Measures of members and how they are judged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engines.core.measures import Curve, rate
from engines.core.run import Run

CONVERGED = 1e-11
"""Rates are fitted above this error, where rounding does not show yet."""


def error(run: Run, member: int) -> Curve:
    """|E| over steps."""
    return run.curve("error", member)


def tail(run: Run, member: int, high: float = 1e-6) -> float | None:
    """Late rate of |E|, above thirty times the final error."""
    values = error(run, member)[1]
    return rate(error(run, member), max(CONVERGED, 30 * float(values[-1])), high)


def exponent(run: Run, members: Sequence[int], largest: float = 0.45) -> float | None:
    """Power of alpha in the tail rate over members that differ in alpha alone."""
    pairs = [(run.configs[i].alpha, tail(run, i)) for i in members if run.configs[i].alpha <= largest]
    known = [(alpha, found) for alpha, found in pairs if found is not None]
    if len(known) < 3:
        return None
    alphas, rates = np.log(np.array(known)).T
    return float(np.polyfit(alphas, rates, 1)[0])
