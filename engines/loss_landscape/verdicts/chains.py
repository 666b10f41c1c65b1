"""Presets of chains: learning coefficients against what they must be."""

from __future__ import annotations

from math import log, sqrt

from engines.core.engine import Verdict
from engines.core.judging import final, verdict
from engines.core.run import Run
from engines.loss_landscape import exact, theory

CLOSE = 3.5
"""Standard errors within which an estimate and its prediction agree."""


def coefficient(run: Run, member: int) -> float | None:
    """The estimate of one member at the preset's end."""
    return final(run, "llc", member)


def against(run: Run, member: int, predicted: float, share: float = 0.0) -> float | None:
    """Deviation in standard errors, to which a share of the prediction is added."""
    value, error = coefficient(run, member), final(run, "llc_error", member)
    if value is None or error is None:
        return None
    return (value - predicted) / sqrt(error**2 + (share * predicted) ** 2)


def formula(run: Run) -> list[Verdict]:
    """L6, and wherever the loss is quadratic: the bias of the step size is the formula's."""
    members = range(len(run.configs))
    off = [against(run, i, theory.laws(run.configs[i])[-1].value, 0.005) for i in members]
    return [verdict("farthest estimate from the formula, in standard errors", off, 0.0, CLOSE)]


def crossing(run: Run) -> list[Verdict]:
    """L7: plain steps are off, MALA is not, and Richardson's rule takes the bias out."""
    line = theory.laws(run.configs[0])[0].value
    coarse, fine = _one(run, 0.002), _one(run, 0.0005)
    exactly = [_over(coefficient(run, i), line) for i in run.where(optimizer="mala")]
    third = None if coarse is None or fine is None else (4 * fine - coarse) / 3
    return [
        verdict("MALA over the quadrature", exactly, 1.0, 0.03),
        verdict("Richardson over the quadrature", [_over(third, line)], 1.0, 0.04),
        verdict("largest step over the quadrature", [_over(_one(run, 0.005), line)], 1.26, 0.05),
        verdict("MALA accepted at the largest step", [_accepted(run)], 0.95, 0.03),
    ]  # fmt: skip


def _one(run: Run, kappa: float) -> float | None:
    found = run.where(optimizer="langevin", kappa=kappa)
    return coefficient(run, found[0]) if found else None


def _accepted(run: Run) -> float | None:
    found = run.where(optimizer="mala", kappa=0.005)
    return final(run, "acceptance", found[0]) if found else None


def _over(value: float | None, predicted: float) -> float | None:
    return None if value is None else value / predicted


def linear(run: Run) -> list[Verdict]:
    """L8: Gibbs' sampler finds the coefficient of Aoyagi's formula, less its logarithm."""
    members = run.where(optimizer="gibbs", n_beta=1e7)
    off = [_from_rule(run, i) for i in members]
    return [verdict("farthest from λ − (m − 1)/ln(b/γ)", off, 0.0, 0.05), *_deep(run)]


def _from_rule(run: Run, member: int) -> float | None:
    config, value = run.configs[member], coefficient(run, member)
    known = exact.deep_linear(config.sizes, config.rank)
    return (
        None if value is None else value - (known.value - (known.multiplicity - 1) / log(config.n_beta / config.gamma))
    )


def _deep(run: Run) -> list[Verdict]:
    """Langevin steps on three layers, against Gibbs at the same temperature: far off, unless extrapolated."""
    coarse, fine = (run.where(optimizer="langevin", kappa=kappa) for kappa in KAPPAS)
    gibbs = run.where(optimizer="gibbs", n_beta=100.0)
    if not (coarse and fine and gibbs):
        return []
    a, b, right = (coefficient(run, found[0]) for found in (coarse, fine, gibbs))
    if a is None or b is None or right is None:
        return [verdict("three layers: Richardson over Gibbs", [None], 1.0, 0.05)]
    return [
        verdict("three layers: plain steps over Gibbs", [a / right], 1.5, 0.15),
        verdict("three layers: Richardson over Gibbs", [(4 * b - a) / 3 / right], 1.0, 0.08),
    ]


KAPPAS = (0.6, 0.15)
"""Step sizes of the deep linear network, over the curvature at its centre."""


def bridge(run: Run) -> list[Verdict]:
    """L9: of a ReLU network, half its soft rank; planted degeneracy lowers it."""
    members = range(len(run.configs))
    values = [coefficient(run, i) for i in members]
    off = [_over(value, theory.laws(run.configs[i])[-1].value) for i, value in zip(members, values, strict=True)]
    fall = None if None in values else values[0] - max(values[1:])  # type: ignore[type-var, operator]
    return [
        verdict("coefficient over half the soft rank", off, 1.0, 0.05),
        verdict("planted degeneracy takes away, at least", [fall], 3.0, 2.5),
    ]


def box(run: Run) -> list[Verdict]:
    """L23: a logarithm, and a hard zero."""
    members = range(len(run.configs))
    off = [
        None if (value := coefficient(run, i)) is None else 2 * value - 2 * theory.laws(run.configs[i])[0].value
        for i in members
    ]
    return [verdict("farthest N_eff from 1 − 1/(1 + ½ ln(c/ε))", off, 0.0, 3e-3)]
