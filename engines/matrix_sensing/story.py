"""What the reader is seeing, in words with the run's own numbers, and the moments that the theory names."""

from __future__ import annotations

import numpy as np

from engines.core.engine import Phase, Story
from engines.core.measures import power, slope
from engines.core.run import Run
from engines.matrix_sensing import theory
from engines.matrix_sensing.config import MatrixSensing
from engines.matrix_sensing.overlays import theorem

REFERENCE = "Xiong, Ding, Du 2023 (arXiv 2310.01769)"

NAMES = {"fp64": "float64", "fp32": "float32", "bf16": "bfloat16"}


def phases(run: Run, member: int) -> list[Phase]:
    """Growth, signal fit, idle tail, and the lift.

    The fit begins when the weakest mode is half learned, `signal_min² >= sigma_r/2`; the tail when the signal part
    of the error falls below the other parts together.
    """
    config = run.configs[member]
    channels = ("signal_min", "error_signal", "error_cross", "error_noise", "lifted_at")
    steps, smallest, signal, cross, noise, lifted = run.curves(member, *channels)
    fitted = smallest**2 >= config.sigma[-1] / 2
    tail = fitted & (signal**2 < cross**2 + noise**2)
    found = [Phase(step=0, label="growth")]
    found += [
        Phase(step=float(steps[m.argmax()]), label=name) for name, m in (("fit", fitted), ("tail", tail)) if m.any()
    ]
    return found + ([Phase(step=float(lifted[-1]), label="lift")] if len(lifted) and lifted[-1] >= 0 else [])


def story(run: Run, member: int) -> Story:
    """Formula, two sentences and the reference for one member."""
    config = run.configs[member]
    formula, text = _told(run, member, config)
    arithmetic = f"Factors in float64, operator in {NAMES[config.precision]}, on {run.device}."
    return Story(formula=formula, text=text, reference=f"{REFERENCE}, {theorem(config)}. {arithmetic}")


def _told(run: Run, member: int, config: MatrixSensing) -> tuple[str, str]:
    if config.k < config.r:
        return "rank(FGᵀ) ≤ k < r", "With fewer columns than the rank the truth is out of reach."
    if config.method == "one_step":
        return _one_step(run, member, config)
    if config.method != "gd":
        return "F ← F − η R G (GᵀG + λI)⁻¹", _contraction(run, member)
    if config.symmetric:
        return _symmetric(run, member, config)
    return _asymmetric(run, member, config)


def _symmetric(run: Run, member: int, config: MatrixSensing) -> tuple[str, str]:
    if config.k == config.r:
        expected = -np.log1p(-config.eta * config.sigma[-1])
        return "‖E‖ ~ (1 − ησᵣ)ᵗ", (
            "With exactly r columns there is no idle direction: every part of the error dies geometrically. "
            + _rate(run, member, float(expected))
        )
    steps, values = run.curve("error", member)
    found = power((steps, values**2), steps[-1] / 3, steps[-1]) if len(steps) else None
    number = (
        "still too short for a slope" if found is None else f"local log-log slope of ‖E‖²: **{found:.2f}**, theory −2"
    )
    return "‖E‖² = Σᵢ (2ηt + sᵢ⁻²)⁻² ~ 1/t²", (
        f"The {config.k - config.r} idle directions obey s ← s(1 − ηs²): their curvature vanishes with them, so they "
        f"never die geometrically ({number})."
    )


def _asymmetric(run: Run, member: int, config: MatrixSensing) -> tuple[str, str]:
    rate = theory.tail_rate(config)
    if config.k == config.r:
        return "‖E‖ ~ (1 − ησᵣ)ᵗ", "No idle direction: linear, whatever α is. " + _rate(run, member, None)
    if rate == 0:
        return "Δ = FᵀF − GᵀG = 0", "F and G start balanced: nothing keeps the idle directions alive, and 1/t is back."
    return "‖E‖ ~ exp(−ηλ_min(Δ)t), Δ = FᵀF − GᵀG ~ α²", (
        "Unequal starts leave an imbalance Δ that gradient descent conserves; it keeps F alive where G must die, and "
        "pulls G to zero geometrically. " + _rate(run, member, rate)
    )


def _one_step(run: Run, member: int, config: MatrixSensing) -> tuple[str, str]:
    lifted = float(run["lifted_at"][-1, member]) if len(run) else -1.0
    when = "has not been taken yet" if lifted < 0 else f"was taken at t = **{lifted:.0f}**"
    expected = theory.lifted_rate(config)
    return "F ← βA, G ← GBS/β, then ‖E‖ ~ exp(−η min(β², σᵣ²/β²) t)", (
        f"One modified step sets every singular value of F to β without moving FGᵀ; it {when}. From then on the rate "
        f"does not depend on α. {_rate(run, member, expected)}"
    )


def _contraction(run: Run, member: int) -> str:
    return "Dividing by the factor's own Gram matrix makes small directions move as fast as large ones. " + _rate(
        run, member, None
    )


def _rate(run: Run, member: int, expected: float | None) -> str:
    """The local rate over the last third of the steps, above the rounding floor."""
    steps, values = run.curve("error", member) if len(run) else (np.zeros(0), np.zeros(0))
    recent = (steps >= 2 * steps[-1] / 3) & (values > 1e-13) if len(steps) else np.zeros(0, bool)
    found = slope(steps[recent].astype(float), np.log(values[recent])) if recent.sum() else None
    theory_says = "" if expected is None else f", theory at late times {expected:.3g}"
    return "" if found is None else f"Local rate: **{-found:.3g}** per step{theory_says}."


def caution(config: MatrixSensing) -> str:
    """Fewer measurements than unknowns: many matrices of rank r fit them, and a small loss says nothing."""
    if config.operator == "identity" or config.m >= config.unknowns:
        return ""
    formula = "nr − r(r−1)/2" if config.symmetric else "(n₁ + n₂ − r) r"
    return (
        f"A matrix of rank {config.r} has {formula} = {config.unknowns} unknowns here: it cannot be identified from "
        f"m = {config.m} measurements, and the error can stay large however small the loss becomes."
    )


def stability(config: MatrixSensing) -> str:
    """The step size below which gradient descent is stable at the solution."""
    top = config.sigma[0]
    curvature = 2 * top * config.factor
    if config.method == "one_step" and config.lift == "full":
        curvature = config.beta**2 + top**2 / config.beta**2
    return (
        f"Gradient descent is stable while η·sharpness < 2; near the solution the sharpness is {curvature:.3g}, "
        f"so try η below {2 / curvature:.2g} (it was {config.eta:g})."
    )
