"""Stories: what the reader is seeing, in words with the run's own numbers, and the moments that the theory names."""

from __future__ import annotations

import numpy as np

from engines.core.analysis.curve_fits import power, slope
from engines.core.protocol.declarations import Phase, Story
from engines.core.protocol.engine import RunData
from engines.matrix_sensing import factor_parts, laws
from engines.matrix_sensing.config import MatrixSensing
from engines.matrix_sensing.predictions import broken, theorem

REFERENCE = "Xiong, Ding, Du 2023 (arXiv 2310.01769)"

NAMES = {"fp64": "float64", "fp32": "float32", "bf16": "bfloat16"}


def phases(run: RunData, member: int) -> list[Phase]:
    """Growth, signal fit, idle tail, and the lift.

    The fit begins when the weakest mode is half learned, `signal_min² >= sigma_r/2`; the tail when the signal part
    of the error falls below the other parts together.
    """
    config = run.configs[member]
    channels = ("signal_min", "error_signal", "error_cross", "error_noise", "lifted_at")
    steps, smallest, signal, cross, noise, lifted = run.curves(member, *channels)
    fitted = smallest**2 >= config.sigma[-1] / 2
    tail = fitted & (signal**2 < cross**2 + noise**2)
    moments = {"growth": 0.0}
    moments |= {name: float(steps[m.argmax()]) for name, m in (("fit", fitted), ("tail", tail)) if m.any()}
    moments |= {"lift": float(lifted[-1])} if len(lifted) and lifted[-1] >= 0 else {}
    return [Phase(step=step, label=name, doc=PHASES[name]) for name, step in moments.items()]


PHASES = {
    "growth": "The signal grows out of the start.",
    "fit": "The weakest true direction is half learned, and the error falls.",
    "tail": "The signal is fitted: what is left of the error lies in idle directions.",
    "lift": "The one modified step has been taken.",
}
"""A sentence for each phase."""


def story(run: RunData, member: int) -> Story:
    """Formula, a few sentences and the reference for one member."""
    config = run.configs[member]
    formula, text = _explain(run, member, config)
    operator = f", operator in {NAMES[config.precision]}" if config.dense else ""
    noise = " Noise ends all this at an error of its own size; wider factors fit more of it." if config.noise else ""
    arithmetic = f"Factors in float64{operator}, on {run.device}."
    return Story(formula=formula, text=text + noise, reference=f"{REFERENCE}, {theorem(config)}. {arithmetic}")


def _explain(run: RunData, member: int, config: MatrixSensing) -> tuple[str, str]:
    if config.k < config.r:
        floor = float(np.linalg.norm(config.sigma[config.k :]))
        return "rank(FGᵀ) ≤ k < r", (
            f"With fewer columns than the rank the truth is out of reach: ‖E‖ stays above {floor:.3g}, that of the "
            "best matrix of rank k."
        )
    if config.operator == "gaussian_symmetric" and not config.symmetric:
        return "⟨Aᵢ, E⟩ = ⟨Aᵢ, (E + Eᵀ)/2⟩", (
            "Symmetric measurements cannot see the antisymmetric error: the loss falls, ‖E‖ need not. "
            + _rate(run, member, None)
        )
    if config.method == "one_step":
        return _one_step(run, member, config)
    if config.method != "gd":
        formula, idea = METHODS[config.method]
        return formula, f"{idea} {_rate(run, member, None)}"
    if config.k == config.r:
        return _exact(run, member, config)
    return _over(run, member, config)


METHODS = {
    "scaled_gd": (
        "F ← F − η R G (GᵀG)⁻¹",
        "Dividing by the factor's own Gram matrix makes small directions move as fast as large ones.",
    ),
    "scaled_gd_lambda": (
        "F ← F − η R G (GᵀG + λI)⁻¹",
        "Dividing by the factor's damped Gram matrix makes small directions move as fast as large ones, idle ones not.",
    ),
    "prec_gd": (
        "F ← F − η R G (GᵀG + √(2 loss) I)⁻¹",
        "Dividing by the factor's Gram matrix, damped as much as there is error left, makes small directions move as "
        "fast as large ones.",
    ),
    "agn": (
        "F ← F − η R (G⁺)ᵀ, then G ← G − η Rᵀ (F⁺)ᵀ",
        "Each factor in turn is moved towards its least-squares solution, so that small directions move as fast as "
        "large ones.",
    ),
    "nesterov": (
        "P⁺ = Y − η∇, Y = P⁺ + μ(P⁺ − P)",
        "Momentum carries each step on, which shortens the wait in flat directions.",
    ),
}


def _exact(run: RunData, member: int, config: MatrixSensing) -> tuple[str, str]:
    """Tell of factors with exactly as many columns as the rank: formula and text."""
    return "‖E‖ ~ (1 − ηg²)ᵗ, g² = (√(x² + 4σᵣ²) − |x|)/2", (
        "With exactly r columns there is no idle direction: every part of the error dies geometrically, at ησᵣ where "
        "the imbalance x is small against σᵣ. " + _rate(run, member, _foretold(config))
    )


def _foretold(config: MatrixSensing) -> float | None:
    """Late rate `-d ln|E|/dt` where the prediction holds, else None."""
    return None if broken(config) else laws.late_rate(config)


def _over(run: RunData, member: int, config: MatrixSensing) -> tuple[str, str]:
    """Tell of factors with more columns than the rank: what the imbalance on the idle ones says."""
    factors = factor_parts.initial_parts(config)
    signs = "zero" if config.symmetric or config.init == "spectral" else laws.signs(factors.delta, factors.size)
    if signs == "zero":
        return _balanced(run, member, config)
    rate = _foretold(config)
    formula = "‖E‖ ~ exp(−η min|λ(Δ)| t), Δ = FᵀF − GᵀG"
    text = f"{IMBALANCE[signs]} {_rate(run, member, rate)}"
    span = int(run.steps[-1]) if len(run) else 0
    if rate is not None and 0 < rate * span < 3:
        text += f" At this rate a factor of e takes {1 / rate:.3g} steps; before that the fall can look like 1/t."
    return formula, text


IMBALANCE = {
    "positive": "Unequal starts leave an imbalance Δ > 0 that gradient descent conserves: it keeps F alive where G "
    "must die, and pulls G to zero geometrically.",
    "negative": "Unequal starts leave an imbalance Δ < 0 that gradient descent conserves: it keeps G alive where F "
    "must die, and pulls F to zero geometrically.",
    "both": "Unequal starts leave an imbalance Δ of both signs that gradient descent conserves: in some idle "
    "directions F stays alive and G dies geometrically, in the others G stays and F dies.",
}
"""Effect of the imbalance on the idle columns, a sentence for each sign of its eigenvalues."""


def _balanced(run: RunData, member: int, config: MatrixSensing) -> tuple[str, str]:
    """Tell of factors without imbalance, which obey the 1/t law."""
    steps, values = run.curve("error", member)
    late = 1 / (2 * config.eta * config.factor * factor_parts.initial_parts(config).size)
    exponent = power((steps, values**2), steps[-1] / 3, steps[-1]) if len(steps) else None
    number = "too short for a slope" if exponent is None else f"local log-log slope of ‖E‖²: **{exponent:.2f}**"
    return "‖E‖² = Σᵢ (2ηt + sᵢ⁻²)⁻² ~ 1/t²", (
        f"F and G are balanced, Δ = 0: the {config.k - config.r} idle directions obey s ← s(1 − ηs²), whose curvature "
        f"vanishes with them, so they never die geometrically ({number}, theory −2 once t is far beyond "
        f"1/(2ηs²) = {late:.3g})."
    )


def _one_step(run: RunData, member: int, config: MatrixSensing) -> tuple[str, str]:
    lifted = float(run["lifted_at"][-1, member]) if len(run) else -1.0
    other = "f⁻²σᵣ²" if config.lift == "below_beta" else "σᵣ²/β²"
    formula = f"F ← βA, G ← GBS/β, then ‖E‖ ~ exp(−η min(β², {other}) t)"
    if lifted < 0:
        return formula, (
            "One modified step will set the singular values of F to β without moving FGᵀ; it has not been taken yet: "
            "this is gradient descent so far. " + _rate(run, member, None)
        )
    return formula, (
        f"One modified step set the singular values of F to β without moving FGᵀ, at t = **{lifted:.0f}**. "
        f"From then on the rate does not depend on α. {_rate(run, member, _foretold(config))}"
    )


def _rate(run: RunData, member: int, expected: float | None) -> str:
    """Say the local rate over the last third of the steps, above the rounding floor."""
    steps, values = run.curve("error", member) if len(run) else (np.zeros(0), np.zeros(0))
    above = values > 1e-13
    last = steps[above][-1] if above.any() else 0
    recent = (steps >= 2 * last / 3) & (steps <= last) & above
    slope_now = slope(steps[recent].astype(float), np.log(values[recent])) if recent.sum() else None
    theory_says = "" if expected is None else f", theory at late times {expected:.3g}"
    return "" if slope_now is None else f"Local rate: **{-slope_now:.3g}** per step{theory_says}."
