"""Stories: what the reader is seeing, in words with the run's own numbers, and the moments that the theory names."""

from __future__ import annotations

import numpy as np

from engines.core.analysis.curve_fits import power
from engines.core.protocol.declarations import Phase, Story
from engines.core.protocol.engine import RunData
from engines.subgradient_recovery import flow, laws, predictions
from engines.subgradient_recovery.config import DECAYING, SubgradientRecovery

REFERENCE = "Ma, Fattahi 2022 (arXiv 2202.08788)"

NAMES = {"fp64": "float64", "fp32": "float32"}

NEAR = 3.0
"""The error follows the steps when it is within this factor of them."""

SQUARES = (
    "U ← U − (2η/m) Σ resᵢ sym(Aᵢ) U",
    "Least squares weighs a measurement by its residual.",
)

HUBER = (
    "A residual counts as in least squares up to δ = {:.3g}, and as that much beyond: the smaller δ, the more only its "
    "sign counts."
)

METHODS = {
    "gd": (
        "U ← U − (2η/m) Σ ψ(resᵢ) sym(Aᵢ) U",
        "Gradient descent with a constant step. Huber's loss bounds the weight of an outlier, but not its bias.",
    ),
    "polyak": (
        "η = (f − f_true)/‖D‖²",
        "Polyak's step needs to know the loss at the truth. At k = r it converges in tens of steps; with columns to "
        "spare it crawls.",
    ),
    "scaled_sm": (
        "Z = D(UᵀU)⁻¹",
        "Dividing by the Gram matrix of U makes the speed independent of the condition number; it is singular for "
        "k > r.",
    ),
    "opsa": ("Z = D(UᵀU + μI)⁻¹", "Damping keeps the division possible for k > r; a constant μ slows the end."),
    "opsa_gap": (
        "Z = D(UᵀU + c(f − f_true)I)⁻¹",
        "A damping that falls with the loss is the fastest here, and needs to know the loss at the truth.",
    ),
    "trimmed": (
        "drop the largest |resᵢ|, then least squares",
        "Works when the share that is dropped is at least the share of outliers, which has to be known. At k > r it "
        "needs a small start as well.",
    ),
    "median": (
        "keep |resᵢ| ≤ c · median, then least squares",
        "Needs fewer than half of the measurements to be outliers, but not their share. At k > r it needs a small "
        "start as well.",
    ),
    "prox_linear": (
        "H = argmin (1/m)|A(UUᵀ + UHᵀ + HUᵀ) − y|₁ + μ‖H‖²",
        "Each step solves a convex problem: quadratic convergence, at a cost of (dk)² a measurement.",
    ),
    "dop": (
        "s = g² − h², least squares in U, g and h",
        "The outliers get factors of their own; the ratio of the two speeds has to be tuned by hand.",
    ),
}
"""Formula and sentences of each method beside the sub-gradient method."""


def phases(run: RunData, member: int) -> list[Phase]:
    """Learning, fast, tracking the step, floor; over-fitting where the loss is below the truth's and the error grows.

    Fast once half of the weakest signal is learned; tracking once the relative error is within a factor 3 of
    eta0 rho^t; floor once the residual part is more than half of the squared error.
    """
    channels = ("signal_min", "relative_error", "normalised_step", "residual_error", "error", "loss_gap")
    steps, signal, error, step, residual, size, gap = run.curves(member, *channels)
    learned = np.maximum.accumulate(signal >= 0.5)
    grows = error > NEAR * np.minimum.accumulate(error)
    moments = {
        "fast": learned,
        "tracking the step": learned & (error < NEAR * step) & (run.configs[member].method in DECAYING),
        "floor": learned & (residual**2 > 0.5 * size**2),
        "over-fitting": (gap < 0) & grows,
    }
    reached = [
        Phase(step=float(steps[m.argmax()]), label=name, doc=PHASES[name]) for name, m in moments.items() if m.any()
    ]
    return [Phase(step=0, label="learning", doc=PHASES["learning"]), *sorted(reached, key=lambda phase: phase.step)]


PHASES = {
    "learning": "The signal grows out of the start; the error is still about one.",
    "fast": "Half of the weakest signal is learned, and the error falls.",
    "tracking the step": "The error is as small as the steps are, and falls with them.",
    "floor": "What is left of the error lies in directions to spare.",
    "over-fitting": "The loss is below that of the truth, and the error grows.",
}
"""A sentence for each phase."""


def story(run: RunData, member: int) -> Story:
    """Formula, sentences and the reference for one member."""
    config = run.configs[member]
    formula, text = _explain(run, member, config)
    arithmetic = f"Factors in float64, measurements in {NAMES[config.precision]}, on {run.device}."
    return Story(formula=formula, text=f"{text}\n{_now(run, member)}", reference=f"{REFERENCE}. {arithmetic}")


def _explain(run: RunData, member: int, config: SubgradientRecovery) -> tuple[str, str]:
    if config.method == "gd" and config.loss == "l2":
        formula, text = SQUARES
        return formula, f"{text} {_squares(config)}"
    if config.method == "subgm_loss":
        return "U ← U − η₀(π/2) f(U) · 2QU", _noiseless(run, member)
    if config.method in METHODS:
        return METHODS[config.method]
    if config.loss != "l1":
        weights = SQUARES[1] + " " + _squares(config) if config.loss == "l2" else HUBER.format(config.huber_delta)
        formula = "U ← U − η₀ρᵗ/‖Q‖₂ · 2QU, Q = (1/m) Σ ψ(resᵢ) sym(Aᵢ)"
        return formula, f"{weights} {OUTCOMES['']} {_schedule(run, member)}"
    return "U ← U − η₀ρᵗ/‖Q‖₂ · 2QU, Q = (1/m) Σ sign(resᵢ) sym(Aᵢ)", _subgm(run, member, config)


def _squares(config: SubgradientRecovery) -> str:
    """Tell what comes of least squares with these outliers."""
    if config.outliers and config.outlier_scale >= 1:
        return "A few gross outliers decide where it goes: it fits them, and the answer is lost."
    return "Without gross outliers that is the best there is: the answer is as good as the noise allows."


def _subgm(run: RunData, member: int, config: SubgradientRecovery) -> str:
    pull = float(laws.phi(config, np.linalg.norm(config.sigma)))
    signs = (
        "Only the sign of a residual counts, so that an outlier has one vote however large it is: the direction is the "
        f"true one, shortened to φ = **{pull:.2f}** and blurred by noise of norm **{laws.edge(config):.2f}**."
    )
    claim = OUTCOMES[outcome(config)]
    return f"{signs} {claim} {_learned(run, member, config)} {_schedule(run, member)}"


OUTCOMES = {
    "": "No law says what comes of these settings.",
    "unlearned": "The budget ends before the weakest signal has grown: it is not found.",
    "exact": "With k = r there is no direction to spare: it converges, and the error is as small as the steps.",
    "recovers": "From a small start the signal grows first, and the budget ends before the directions to spare matter.",
    "large": "But this start is large: directions that are not needed are in it, and keep it from the truth.",
    "dense": "Noise on every measurement stops it at least absolute deviations.",
}
"""Claims of a story, a sentence for each outcome; a test holds them against runs."""


def outcome(config: SubgradientRecovery) -> str:
    """Find what the laws expect of the sub-gradient method: a key of `OUTCOMES`, "" where they cannot tell."""
    if config.alpha > predictions.SMALL and config.k > config.r and config.init in ("spectral", "random"):
        return "large" if config.alpha >= 0.1 and config.outliers else ""
    if predictions.broken(config):
        return "unlearned" if predictions.unlearned(config) and not predictions.hard(config) else ""
    spare = 0.0 if config.k == config.r else float(flow.spare_error(config, np.array([1e9]))[0])
    if spare > predictions.RECOVERED:
        return ""
    if config.noise > 0:
        return "dense"
    return "exact" if config.k == config.r else "recovers"


def _learned(run: RunData, member: int, config: SubgradientRecovery) -> str:
    """Say when the weakest component was half learned, and when the flow says that it is."""
    steps, signal, spent = run.curves(member, "signal_min", "spent") if len(run) else (np.zeros(0),) * 3
    foretold = flow.follow(config).half_times(config.sigma).max()
    expected = f"predicted τ = {foretold:.3g}" if np.isfinite(foretold) else "the budget is too short for it"
    passed = np.flatnonzero(signal >= 0.5)
    if not len(passed):
        return f"Not learned yet ({expected})."
    at = passed[0]
    return f"Half of the weakest one was learned at t = **{steps[at]:.0f}**, τ = **{spent[at]:.3g}** ({expected})."


def _schedule(run: RunData, member: int) -> str:
    """Say which budget and decay are in force."""
    rho = float(run["rho"][-1, member]) if len(run) else 1.0
    if rho >= 1:
        return ""
    return f"The steps shrink by ρ = **{rho:.5f}**, a budget of B = **{run.configs[member].eta0 / (1 - rho):.3g}**."


def _noiseless(run: RunData, member: int) -> str:
    config = run.configs[member]
    steps, values = run.curve("relative_error", member) if len(run) else (np.zeros(0), np.zeros(0))
    exponent = power((steps, values), steps[-1] / 3, steps[-1]) if len(steps) else None
    slope = "" if exponent is None else f" Local log-log slope of the error: **{exponent:.2f}**."
    return f"Without noise the loss itself sets the step, and the mean step is exactly U − 2η₀ΔU. {_end(config)}{slope}"


def _end(config: SubgradientRecovery) -> str:
    """Say how the error of the loss step ends."""
    if config.outliers or config.noise > 0:
        return "But with noise the loss never vanishes, nor does the step: the error stays large, or runs away."
    if config.k == config.r:
        return "With no direction to spare the error falls geometrically to rounding."
    if config.alpha > predictions.SMALL:
        return "From this large start the directions to spare die like 1/t."
    return "From this small start the error falls geometrically to a floor set by α."


def _now(run: RunData, member: int) -> str:
    """Say how far the run is: the error, and whether the data is explained better than by the truth."""
    if not len(run):
        return ""
    error, gap = float(run["relative_error"][-1, member]), float(run["loss_gap"][-1, member])
    where = "below" if gap < 0 else "above"
    return f"Relative error now **{error:.2e}**; the loss is **{abs(gap):.2e}** {where} the loss of the truth."
