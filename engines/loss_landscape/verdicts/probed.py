"""Verdicts on presets whose claims rest on probes: exact counts, interactions, surfaces, curves, subspaces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from engines.core.analysis.verdict_helpers import above, below, log10, ratio, verdict
from engines.core.protocol.declarations import Verdict
from engines.core.protocol.engine import RunData

Judge = Callable[[RunData], list[Verdict]]


def results(run: RunData, probe: str) -> list[Any]:
    """Result of a probe of every member; None where it has not been computed yet."""
    return [run.probe_results.get((probe, i)) for i in range(len(run.configs))]


def probe_values(run: RunData, probe: str, name: str) -> list[Any]:
    """One value of every member's result; None where the probe has not been computed yet, or does not give it."""
    return [None if values is None else values.get(name) for values in results(run, probe)]


def explained(share: float, most: float) -> Judge:
    """Judge L10: nearly all zero modes of a trained network have a reason."""

    def judge(run: RunData) -> list[Verdict]:
        modes, reasons = (probe_values(run, "degeneracy", name) for name in ("nullity", "explained"))
        return [
            above(
                "explained share of the zero modes", [ratio(a, b) for a, b in zip(reasons, modes, strict=True)], share
            ),
            below("zero modes without a reason", probe_values(run, "degeneracy", "residual"), most),
        ]

    return judge


def embedded(run: RunData) -> list[Verdict]:
    """Judge L13: e² + h zero modes, grokked or not."""
    modes = probe_values(run, "degeneracy", "nullity")
    laws = [config.embedding**2 + config.width for config in run.configs]
    return [verdict("zero modes over e² + h", [ratio(a, b) for a, b in zip(modes, laws, strict=True)], 1.0, 0.002)]


def sparse_interaction(run: RunData) -> list[Verdict]:
    """Judge L12: in the interaction basis few edges out of the hidden layer are needed."""
    needed = [None if value is None else float(value[1]) for value in probe_values(run, BASIS, "edges_needed_local")]
    return [below("edges needed out of the hidden layer", needed, 13)]


def modular(run: RunData) -> list[Verdict]:
    """Judge L18: features of one module each, and fewer edges than among principal components or without modules."""
    purity = [None if value is None else float(np.min(value)) for value in probe_values(run, BASIS, "purity_local")]
    first = [(None, None) if local is None or pca is None else (float(local[0]), float(pca[0]))
             for local, pca in _beside(run, "edges_for_99_percent")]  # fmt: skip
    return [
        above("purity of the features of each layer", purity, 0.97),
        below("edges for 99 % of the first section, of 64", [local for local, _ in first], 24),
        below("edges for 99 % of the first section, over those of principal components", [
            ratio(local, pca) if pca else None for local, pca in first], 0.45),
    ]  # fmt: skip


def diagonal(run: RunData) -> list[Verdict]:
    """Judge L19: each feature acts on one feature alone."""
    off = [None if value is None else float(np.max(value)) for value in probe_values(run, BASIS, "off_diagonal_local")]
    most = [None if local is None else float(np.max(local)) for local, _ in _beside(run, "edges_for_99_percent")]
    return [
        below("edges off the diagonal, over those on it", off, 1e-20),
        below("edges for 99 % of a section", most, run.configs[0].rank + 0.5),
    ]


def mala_unbiased(run: RunData) -> list[Verdict]:
    """Judge L6: MALA has no bias, whatever the step."""
    half = run.configs[0].inputs / 2
    over = [None if value is None else value / half for value in probe_values(run, "llc", "llc")]
    return [verdict("MALA, by the probe, over half the parameters", over, 1.0, 0.1)]


BASIS = "interaction_basis"


def _beside(run: RunData, name: str) -> list[tuple[Any, Any]]:
    """Values of each section in the local basis, and those of principal components."""
    return list(zip(probe_values(run, BASIS, f"{name}_local"), probe_values(run, BASIS, f"{name}_pca"), strict=True))


def flat_centre(run: RunData) -> list[Verdict]:
    """Judge L20: low in the middle, high at the rim."""
    return [
        below("log₁₀ of the loss in the middle", [log10(v) for v in probe_values(run, "surface", "loss_min")], -2.7),
        above("log₁₀ of the loss at the rim", [log10(v) for v in probe_values(run, "surface", "loss_max")], 1.6),
    ]


def connected(run: RunData) -> list[Verdict]:
    """Judge L21: a barrier on the line, a tunnel beside it."""
    return [
        above("barrier on the line", probe_values(run, "connectivity", "barrier_line"), 1.0),
        below("barrier on the curve", probe_values(run, "connectivity", "barrier_curve"), 0.15),
    ]


def subspaces(run: RunData) -> list[Verdict]:
    """Judge L22: about a hundred directions are enough, of fifteen times as many."""
    reached = probe_values(run, "intrinsic_dimension", "d_int90_interpolated")
    return [verdict("directions for 90 % of the accuracy, interpolated", reached, 102, 25)]
