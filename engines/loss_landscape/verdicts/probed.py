"""Presets whose claims rest on probes: exact counts, interactions, surfaces, ways, subspaces."""

from __future__ import annotations

from typing import Any

import numpy as np

from engines.core.engine import Verdict
from engines.core.judging import above, below, order, verdict
from engines.core.run import Run


def outcomes(run: Run, probe: str) -> list[Any]:
    """Every member's outcome of a probe; None where it has not been computed yet."""
    return [run.outcomes.get((probe, i)) for i in range(len(run.configs))]


def found(run: Run, probe: str, name: str) -> list[Any]:
    """One value of every member's outcome; None where the probe has not been computed yet."""
    return [None if values is None else values[name] for values in outcomes(run, probe)]


def embedded(run: Run) -> list[Verdict]:
    """L13: e² + h zero modes, grokked or not."""
    over = [
        None if nullity is None else nullity - (config.embedding**2 + config.width)
        for nullity, config in zip(found(run, "degeneracy", "nullity"), run.configs, strict=True)
    ]
    return [verdict("zero modes beyond e² + h", over, 0.0, 0.5)]


def adds(run: Run) -> list[Verdict]:
    """L12: few interactions are needed in the interaction basis, fewer than among principal components."""
    first, second = (_section(run, "edges_needed_local", at) for at in (0, 1))
    return [
        verdict("edges needed into the hidden layer", first, 110, 70),
        below("edges needed out of it, at most", second, 13),
        below("edges needed, over those of principal components", _shares(run, "edges_needed"), 1),
    ]


def modular(run: Run) -> list[Verdict]:
    """L18: features of one module each, and fewer edges than among principal components."""
    purity = [None if value is None else float(np.mean(value)) for value in found(run, BASIS, "purity_local")]
    return [
        above("mean purity of the features", purity, 0.97),
        below("edges for 99 %, over those of principal components", _shares(run, "edges_for_99_percent"), 1),
    ]


def diagonal(run: Run) -> list[Verdict]:
    """L19: each feature acts on one feature alone."""
    off = [None if value is None else float(np.max(value)) for value in found(run, BASIS, "off_diagonal_local")]
    return [below("edges off the diagonal, over those on it", off, 1e-20)]


def sampled(run: Run) -> list[Verdict]:
    """L6: MALA has no bias, whatever the step."""
    half = run.configs[0].inputs / 2
    over = [None if value is None else value / half for value in found(run, "llc", "llc")]
    return [verdict("MALA, by the probe, over half the parameters", over, 1.0, 0.1)]


BASIS = "interaction_basis"


def _section(run: Run, name: str, at: int) -> list[float | None]:
    return [None if value is None else float(value[at]) for value in found(run, BASIS, name)]


def _shares(run: Run, name: str) -> list[float | None]:
    """Of all sections together, over those of principal components."""
    pairs = zip(found(run, BASIS, f"{name}_local"), found(run, BASIS, f"{name}_pca"), strict=True)
    return [None if own is None else float(np.sum(own) / np.sum(pca)) for own, pca in pairs]


def bowl(run: Run) -> list[Verdict]:
    """L20: low in the middle, high at the rim."""
    return [
        verdict("log₁₀ of the loss in the middle", [order(v) for v in found(run, "surface", "lowest")], -3.3, 0.5),
        verdict("log₁₀ of the loss at the rim", [order(v) for v in found(run, "surface", "highest")], 2.0, 0.35),
    ]


def connected(run: Run) -> list[Verdict]:
    """L21: a barrier on the line, a tunnel beside it."""
    return [
        above("barrier on the line", found(run, "connectivity", "barrier_line"), 1.0),
        below("barrier on the curve", found(run, "connectivity", "barrier_curve"), 0.15),
    ]


def subspaces(run: Run) -> list[Verdict]:
    """L22: about a hundred directions are enough."""
    reached = found(run, "intrinsic_dimension", "d_int90_interpolated")
    return [verdict("directions for 90 % of the accuracy, interpolated", reached, 102, 25)]
