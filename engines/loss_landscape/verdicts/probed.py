"""Presets whose claims rest on probes: exact counts, interactions, surfaces, ways, subspaces."""

from __future__ import annotations

from typing import Any

from engines.core.engine import Verdict
from engines.core.judging import above, below, verdict
from engines.core.run import Run


def found(run: Run, probe: str, name: str) -> list[Any]:
    """One value of every member's outcome; None where the probe has not been computed yet."""
    outcomes = [run.outcomes.get((probe, i)) for i in range(len(run.configs))]
    return [None if values is None else values[name] for values in outcomes]


def counted(run: Run) -> list[Verdict]:
    """Explained and what is left over, of trained networks."""
    left = found(run, "degeneracy", "residual")
    return [
        above("unexplained zero modes are never negative", left, -0.5),
        below("unexplained zero modes, at most", left, 10.5),
    ]


def embedded(run: Run) -> list[Verdict]:
    """L13: e² + h zero modes, grokked or not."""
    over = [
        None if nullity is None else nullity - (config.embedding**2 + config.width)
        for nullity, config in zip(found(run, "degeneracy", "nullity"), run.configs, strict=True)
    ]
    return [verdict("zero modes beyond e² + h", over, 0.0, 0.5)]


def sparse(run: Run) -> list[Verdict]:
    """L12: few edges are needed in the interaction basis, fewer than among neurons."""
    return []


def connected(run: Run) -> list[Verdict]:
    """L21: a barrier on the line, a tunnel beside it."""
    return [
        above("barrier on the line", found(run, "connectivity", "barrier_line"), 1.0),
        below("barrier on the curve", found(run, "connectivity", "barrier_curve"), 0.15),
    ]


def subspaces(run: Run) -> list[Verdict]:
    """L22: about a hundred directions are enough."""
    return [verdict("dimension of 90 %, interpolated", found(run, "intrinsic_dimension", "d_int90"), 107, 23)]
