"""Which law is drawn on which channel, and which assumption the current knobs break."""

from __future__ import annotations

import numpy as np

from engines.core.numerics.collapse_metrics import ROUNDING
from engines.core.protocol.declarations import Prediction
from engines.neural_collapse import laws, near_collapse
from engines.neural_collapse.config import NeuralCollapse

PAPER = "Tirer, Huang, Niles-Weed 2023"
OURS = "derived, see the tests"

WITHIN = 0.25
"""Largest distance of a run from the laws near collapse, relative to them, where they are drawn."""

LARGEST_TRACE, LARGEST_NC1 = 0.25, 0.12
"""Largest errors, estimated by the next order, at which the laws are drawn: `WITHIN` holds there in a random test."""

COARSE = 0.05
"""The most that the steps of the flow may add to the logarithm of NC1."""

DROWNED = 100.0
"""NC1 is drawn down to so many times the square of `ROUNDING` times the trace: rounding of the spread out of the span
adds up to 20 times that square. A solved layer amplifies it: by 20/√λ_W at most in 19 measured cases."""

Curves = list[Prediction]


def predictions(config: NeuralCollapse, steps: np.ndarray) -> Curves:
    """Predict one configuration of a model of free features at steps `[T]`.

    A law that is not grey holds within the factor of its label at every step; a bound is a bound at every step; a
    "limit" is where the run ends. Of one layer, both are those of the solved layer, and of its input at step 0.
    """
    t = np.asarray(steps, dtype=float)
    close = config.init == "near_collapse" and config.epsilon > 0 and config.per_class > 1 and 0 < config.c < 1
    curves = _near(config, t) if close else []
    return [*curves, *_bounds(config, t, late=not close), *_limits(config, t)]


def _near(config: NeuralCollapse, t: np.ndarray) -> Curves:
    """Laws of a start that is made of a frame."""
    law, coarse = near_collapse.predict_metrics(config, t), _coarse(config, t)
    amplified = 1.0 if config.model == "central_path" else max(3 / config.lambda_w**0.5, 1.0)
    nc1 = np.where(law.nc1 > DROWNED * amplified * ROUNDING**2 * law.nc1_trace, law.nc1, np.nan)
    begun = near_collapse.predict_metrics(config, np.zeros(1))
    traces, first = _far(config, law.off_trace, LARGEST_TRACE), _far(config, law.off_nc1, LARGEST_NC1)
    curves = [
        ("trace_within", law.trace_within, traces),
        ("nc1_trace", law.nc1_trace, traces),
        ("nc1_trace_ratio", law.nc1_trace / begun.nc1_trace, traces),
        ("nc1", nc1, first),
        ("nc1_ratio", nc1 / begun.nc1, first),
    ]
    text = f"near collapse, within {WITHIN:.0%}" + (", once solved" if config.model == "proximal" else "")
    return [_prediction(name, text, values, "law", OURS, far or coarse) for name, values, far in curves]


def _far(config: NeuralCollapse, off: float, most: float) -> str:
    """Why the law near collapse does not hold, "" where it does."""
    if off <= most:
        return ""
    return f"ε = {config.epsilon:.3g} is not small here: the next order is estimated at {off:.0%}"


def _coarse(config: NeuralCollapse, t: np.ndarray) -> str:
    """Why steps of the flow are no flow, "" where they are: an error `x⁵ eˣ/120` a step, x the step times its rate.

    Counted while NC1 is above rounding.
    """
    if config.model != "central_path":
        return ""
    x = config.step_size * near_collapse.fastest(config)
    if x < 1 and 2 * min(t.max(initial=0), 32 / x) * x**5 * np.exp(x) / 120 <= COARSE:
        return ""
    return (
        f"step_size = {config.step_size:.3g} is too long for the flow, whose fastest rate is {x / config.step_size:.3g}"
    )


def _share_left(config: NeuralCollapse, t: np.ndarray) -> np.ndarray:
    """Share of any spread that lambda_H alone leaves."""
    if config.model == "central_path":
        return np.exp(-config.lambda_h * config.step_size * t)
    layers = t if config.model == "layers" else np.minimum(t, 1)
    return np.exp(-np.log1p(config.lambda_h / config.beta) * layers)


def _bounds(config: NeuralCollapse, t: np.ndarray, late: bool) -> Curves:
    """Bounds and late slopes that hold from any start."""
    within, between = laws.initial_traces(config)
    outside = _share_left(config, t)
    flow, same = config.model == "central_path", np.ones_like(t)
    theorem = f"{PAPER}, Theorem 3.1" if flow else OURS
    why = _unproven(config, t) if flow else ""
    shrunk = "Tr Σ_W(0) e^{−2λ_H t}" if flow else "Tr Σ_W(0) (β/(β+λ_H))²"
    curves = [_prediction("trace_within", shrunk, within * outside**2, "upper", theorem, why)]
    if config.model != "proximal":
        curves.append(_prediction("trace_within_scaled", "never rises", within * same, "upper", theorem, why))
    if flow:
        curves.append(_prediction("trace_between_scaled", "never falls", between * same, "lower", theorem, why))
    if within <= ROUNDING**2 * between:  # no spread, so that its ratio has neither a value nor a slope
        return curves
    if flow:
        curves.append(_prediction("nc1_trace_ratio", "never rises", same, "upper", theorem, why))
    elif config.model == "proximal":
        text = f"{PAPER}, Corollary 3.2, for β large enough; seen for every β"
        curves.append(_prediction("nc1_trace_ratio", "below the start, once solved", same, "upper", text, ""))
    if late and config.model != "proximal" and 0 < config.rho < np.inf:
        curves.append(_late(config, t, within))
    return curves


def _unproven(config: NeuralCollapse, t: np.ndarray) -> str:
    """Why Theorem 3.1 does not bind the run, "" where it does: its steps err by `x⁵/120` of the decay by lambda_H."""
    if config.bias:
        return "the theorem is stated without a bias"
    rate = 1 / (4 * config.lambda_w) + config.lambda_h
    drift = t.max(initial=0) * (config.lambda_h * config.step_size) ** 5 / 60
    if config.step_size * rate > 1 or drift > 1e-9:
        return f"the theorem is about the flow, and step_size = {config.step_size:.3g} is too long for it"
    return ""


def _late(config: NeuralCollapse, t: np.ndarray, within: float) -> Prediction:
    """The slope that the trace ratio ends up with: of spread out of the span, or in it where there is no other."""
    rate, name = laws.slowest_rate(config), "λ_H" if laws.has_spare_directions(config) else "√(λ_H/λ_W)"
    flow = config.model == "central_path"
    logs = -2 * rate * config.step_size * t if flow else -2 * np.log1p(rate / config.beta) * t
    slope = f"slope −2{name}" if flow else f"slope −2 ln(1+{name}/β)"
    values = within * np.exp(logs) / (config.rho * (1 - 1 / config.classes))
    why = "a slope and no level: once the frame is found, the curve runs parallel"
    return _prediction("nc1_trace", slope, values, "law", OURS, why)


def _limits(config: NeuralCollapse, t: np.ndarray) -> Curves:
    """Limits at which the run ends."""
    same, theorem = np.ones_like(t), f"{PAPER}, Theorem 2.1" if not config.bias else OURS
    least_loss = [_prediction("loss", "least loss c(2−c)/2", laws.optimum(config) * same, "lower", theorem, "")]
    if config.model == "proximal" or not 0 < config.rho < np.inf:
        return least_loss
    norm, square = laws.feature_norm(config), laws.frame_distance(config.classes)
    limits = [("feature_norm", "frame √ρ", norm), ("classifier_norm", "frame √(λ_H/λ_W) √ρ", config.a * norm)]
    if config.bias:
        limits.append(("nc2_of", "of a simplex", square**0.5))
    else:
        limits.append(("nc3", "of an orthogonal frame", square))
    return [
        *least_loss,
        *(_prediction(name, f"limit: {text}", value * same, "law", theorem, "") for name, text, value in limits),
    ]


def _prediction(channel: str, label: str, values: np.ndarray, kind: str, reference: str, why: str) -> Prediction:
    return Prediction(channel=channel, label=label, values=values, reference=reference, broken=why, kind=kind)  # type: ignore[arg-type]
