"""Verdicts on presets of chains: learning coefficients against their laws."""

from __future__ import annotations

from collections.abc import Iterable
from math import hypot, sqrt

from engines.core.analysis.verdict_helpers import above, below, by_seed, final, per_member, ratio, verdict
from engines.core.protocol.declarations import Verdict
from engines.core.protocol.engine import RunData
from engines.loss_landscape import predictions

CLOSE = 3.5
"""Standard errors within which an estimate and its prediction agree."""


def coefficient(run: RunData, member: int) -> float | None:
    """The estimate of one member at the preset's end."""
    return final(run, "llc", member)


def standard_errors_off(run: RunData, member: int, predicted: float, share: float = 0.0) -> float | None:
    """Deviation in standard errors, to which a share of the prediction is added."""
    value, error = coefficient(run, member), final(run, "llc_error", member)
    if value is None or error is None:
        return None
    return (value - predicted) / sqrt(error**2 + (share * predicted) ** 2)


def formula(run: RunData) -> list[Verdict]:
    """Judge L6, and every quadratic loss: the bias of the step size is the formula's."""
    members = range(len(run.configs))
    off = [standard_errors_off(run, i, predictions.laws(run.configs[i])[-1].value, 0.005) for i in members]
    return [below("farthest estimate from the formula, in standard errors", _sizes(off), CLOSE)]


def _sizes(values: Iterable[float | None]) -> list[float | None]:
    return [None if value is None else abs(value) for value in values]


def normal_crossing(run: RunData) -> list[Verdict]:
    """Judge L7: plain steps are off, MALA is not, and Richardson's rule takes the bias out."""
    line = predictions.laws(run.configs[0])[0].value
    exactly = per_member(run, lambda i: ratio(coefficient(run, i), line), optimizer="mala")
    largest = per_member(run, lambda i: ratio(coefficient(run, i), line), optimizer="langevin", kappa=CROSSING[0])
    third = [ratio(value, line) for value in _extrapolated(run, *CROSSING[1:])]
    accepted = per_member(run, lambda i: final(run, "acceptance", i), optimizer="mala", kappa=CROSSING[0])
    return [
        verdict("MALA over the quadrature", exactly, 1.0, 0.03),
        verdict("Richardson over the quadrature", third, 1.0, 0.04),
        verdict("largest step over the quadrature", largest, 1.26, 0.05),
        verdict("MALA accepted at the largest step", accepted, 0.95, 0.02),
    ]  # fmt: skip


CROSSING = (0.005, 0.002, 0.0005)
"""Step sizes where directions cross."""


def _extrapolated(run: RunData, coarse: float, fine: float) -> list[float | None]:
    """Richardson's rule for Langevin steps of two sizes, one four times the other, seed by seed."""
    pairs = zip(*(run.where(optimizer="langevin", kappa=kappa) for kappa in (coarse, fine)), strict=True)
    values = [(coefficient(run, i), coefficient(run, j)) for i, j in pairs]
    return [None if a is None or b is None else (4 * b - a) / 3 for a, b in values]


def deep_linear(run: RunData) -> list[Verdict]:
    """Judge L8: Gibbs' sampler finds the coefficient at its temperature; Langevin steps do not, unless extrapolated."""
    members = run.where(optimizer="gibbs")
    laws = {i: predictions.laws(run.configs[i])[0].value for i in members}
    right = [laws[i] for i in run.where(optimizer="gibbs", n_beta=100.0)]
    plain = per_member(run, lambda i: coefficient(run, i), optimizer="langevin", kappa=KAPPAS[0])
    return [
        verdict("Gibbs over the law", [ratio(coefficient(run, i), laws[i]) for i in members], 1.0, 0.03),
        above("three layers: plain steps over the law", [ratio(a, b) for a, b in zip(plain, right, strict=True)], 1.25),
        verdict("three layers: Richardson over the law", [
            ratio(a, b) for a, b in zip(_extrapolated(run, *KAPPAS), right, strict=True)], 1.0, 0.08),
    ]  # fmt: skip


KAPPAS = (0.6, 0.15)
"""Step sizes of the deep linear network, over the curvature at its centre."""


def relu_networks(run: RunData) -> list[Verdict]:
    """Judge L9: a ReLU network has half its soft rank; planted degeneracy takes away what it takes from that."""
    laws = [predictions.laws(config)[-1].value for config in run.configs]
    over = [ratio(coefficient(run, i), law) for i, law in enumerate(laws)]
    falls = [
        _fall(run, laws, plain, i)
        for plain, *others in (_plain_first(run, group) for group in by_seed(run))
        for i in others
    ]
    return [
        verdict("coefficient over half the soft rank", over, 1.0, 0.05),
        below("what planted degeneracy takes away, from its law, in standard errors", falls, CLOSE),
    ]


def _plain_first(run: RunData, members: list[int]) -> list[int]:
    return sorted(members, key=lambda i: run.configs[i].planted != "none")


def _fall(run: RunData, laws: list[float], plain: int, member: int) -> float | None:
    """Deviation of the difference of two estimates from that of their laws, in standard errors of the difference."""
    a, b = coefficient(run, plain), coefficient(run, member)
    first, other = final(run, "llc_error", plain), final(run, "llc_error", member)
    if a is None or b is None or first is None or other is None:
        return None
    return abs((a - b) - (laws[plain] - laws[member])) / hypot(first, other)


def uniform_box(run: RunData) -> list[Verdict]:
    """Judge L23: a logarithm, and a hard zero."""
    members = range(len(run.configs))
    laws = [predictions.laws(config)[0].value for config in run.configs]
    off = [None if (value := coefficient(run, i)) is None else abs(2 * value - 2 * laws[i]) for i in members]
    nothing = [None if (value := coefficient(run, i)) is None else 2 * value for i in run.where(strength=0.5)]
    return [
        below("farthest N_eff from 1 − 1/(1 + ½ ln(c/ε))", off, 5e-3),
        below("N_eff of an interaction below the level", nothing, 1e-12),
    ]
