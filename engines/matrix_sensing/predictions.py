"""Which prediction is drawn on which channel, and which assumption the current knobs break.

Not grey means: from the first step to the last, down to relative errors of 1e-11, the run is within the factor that the
label states; smaller ones are rounding.
`tests/matrix_sensing/test_predictions.py` holds this against runs at random knobs.
"""

from __future__ import annotations

import numpy as np

from engines.core.protocol.declarations import Prediction
from engines.matrix_sensing import factor_parts, first_steps, laws
from engines.matrix_sensing.config import MatrixSensing

PAPER = "Xiong, Ding, Du 2023"

FACTOR = 1.5
"""A line of the closed form that is not grey is met within this factor."""

LARGE, FAST = {"symmetric": 3.0, "asymmetric": 0.8}, 1.6
"""Largest `max(|F₀|₂², |G₀|₂²)/σᵣ` and `η·2σ₁` at which `FACTOR` holds where the first steps are followed."""

LARGE_FORM, FAST_FORM = 0.1, 0.6
"""Largest values of these two at which the closed form describes the first steps as well."""


def predictions(config: MatrixSensing, steps: np.ndarray) -> list[Prediction]:
    """Predict one configuration at steps `[T]`; of methods without a closed form no more than a floor."""
    t = np.asarray(steps, dtype=float)
    floor = _floor(config, t) if config.k < config.r else []
    if config.method not in ("gd", "one_step"):
        return floor
    limit = _constant("sharpness", "stability limit, η·sharpness = 2", 2.0, t, "quadratic stability", unstable(config))
    return [limit, *(floor or _law(config, t))]


def _law(config: MatrixSensing, t: np.ndarray) -> list[Prediction]:
    error = laws.error(config, t)
    size = float(np.linalg.norm(config.sigma))
    why, reference = broken(config), f"{PAPER}, {theorem(config)}"
    label = "closed form" if config.operator == "identity" else "closed form for m → ∞"
    curves = {"error": (error, FACTOR), "relative_error": (error / size, FACTOR), "loss": (error**2 / 2, FACTOR**2)}
    return [
        Prediction(
            channel=name, label=label if why else f"{label} (within a factor of {factor:g})", values=values,
            reference=reference, broken=why,
        )
        for name, (values, factor) in curves.items()
    ]  # fmt: skip


def _floor(config: MatrixSensing, t: np.ndarray) -> list[Prediction]:
    """Bound the error of fewer columns than the rank: no rank-k matrix is closer than the discarded singular values."""
    floor = float(np.linalg.norm(config.sigma[config.k :]))
    return [
        _constant("error", "best rank-k error", floor, t, "Eckart, Young 1936", kind="lower"),
        _constant("relative_error", "best rank-k error", floor / float(np.linalg.norm(config.sigma)), t,
                  "Eckart, Young 1936", kind="lower"),
    ]  # fmt: skip


def _constant(
    channel: str, label: str, value: float, t: np.ndarray, reference: str, why: str = "", kind: str = "law"
) -> Prediction:
    values = np.full(len(t), value)
    return Prediction(channel=channel, label=label, values=values, reference=reference, broken=why, kind=kind)  # type: ignore[arg-type]


def theorem(config: MatrixSensing) -> str:
    """The statement of the paper that covers a configuration."""
    if config.method == "one_step":
        return "section 5"
    exact = config.k == config.r
    if config.symmetric:
        return "exact parameterisation" if exact else "theorem 1.1"
    return "theorem 1.2" if exact else "theorem 1.3"


def unstable(config: MatrixSensing) -> str:
    """Why gradient descent, or what follows the lift, does not stay at the solution; "" where it does."""
    fastest = config.eta * config.factor * 2 * config.sigma[0]
    if fastest >= 2:
        return f"η = {config.eta:g} is unstable: η · 2σ₁ must stay below 2"
    if config.method != "one_step" or config.k < config.r:
        return ""
    lifted = config.eta * float(np.add(*laws.lifted_rates(config)).max())
    return f"η = {config.eta:g} is unstable after the lift: η(f² + g²) = {lifted:.3g} must stay below 2" * (lifted >= 2)


def broken(config: MatrixSensing) -> str:
    """The first assumption that does not hold, "" when all do."""
    if config.operator != "identity":
        return f"m = {config.m} is finite: the line is for m → ∞, where A*A is the identity"
    if config.init == "spectral":
        return "the spectral start is the solution up to rounding"
    fastest = config.eta * config.factor * 2 * config.sigma[0]
    size = factor_parts.initial_parts(config).size / config.sigma[-1]
    followed = first_steps.learning(config) is not None
    fast, large = (FAST, LARGE[config.parameterization]) if followed else (FAST_FORM, LARGE_FORM)
    checks = [
        unstable(config),
        _lift(config, followed) if config.method == "one_step" else "",
        f"η·2σ₁ = {fastest:.3g} exceeds {fast}: such steps overshoot" if fastest > fast else "",
        f"α = {config.alpha:g} is not small: max(‖F₀‖², ‖G₀‖²) is {size:.2g} σᵣ"
        if size > large and not (followed and config.init == "unbalanced")
        else "",
    ]
    return next(filter(None, checks), "")


def _lift(config: MatrixSensing, followed: bool) -> str:
    """Say what keeps the lift from being foretold."""
    if not followed:
        return f"the lift and what it leads to take more than {first_steps.STEPS} steps or {first_steps.WIDEST} columns"
    twice = config.lift_at >= 0 and config.trigger != "manual"
    return "a lift by hand comes on top of the trigger's" if twice else ""
