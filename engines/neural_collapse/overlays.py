"""Which law is drawn on which channel, and which assumption the current knobs break."""

from __future__ import annotations

import numpy as np

from engines.core.engine import Prediction
from engines.neural_collapse import laws
from engines.neural_collapse.config import NeuralCollapse

PAPER = "Tirer, Huang, Niles-Weed 2023"
OURS = "derived, see the tests"

SMALL = {"nc1": 0.3, "nc1_ratio": 0.3}
"""Perturbations above this are not small: first order is off by more than about 15 per cent."""

TRACES = 0.8
"""The same for traces."""

Curves = list[Prediction]


def predictions(config: NeuralCollapse, steps: np.ndarray) -> Curves:
    """All overlays of one configuration of a model of free features."""
    t = np.asarray(steps, dtype=float)
    near = _near(config, t) if config.framed and config.epsilon > 0 and config.h0 != "collapsed" else []
    return [*near, *_bounds(config, t, late=not near), *_limits(config, t)]


def left(config: NeuralCollapse, t: np.ndarray) -> np.ndarray:
    """What the linear response leaves of the six kinds of direction, `[6, T]`; of one layer, its minimiser's."""
    rates = laws.rates(config)[:, None]
    if config.model == "central_path":
        return np.exp(-rates * config.step_size * t)
    layers = t if config.model == "layers" else np.ones_like(t)
    return np.exp(-np.log1p(rates / config.beta) * layers)


def _near(config: NeuralCollapse, t: np.ndarray) -> Curves:
    """First order in epsilon."""
    spread = laws.spread(config)
    within, outside, length = _factors(config, t)
    K, s = config.classes, config.length
    trace = within**2 * spread.within + outside**2 * spread.outside
    whole = spread.within + spread.outside
    text = "leading order in ε"
    curves = [
        ("trace_within", trace),
        ("nc1_trace", trace / (length**2 * (1 - 1 / K))),
        ("nc1_trace_ratio", trace / whole * (s / length) ** 2),
        ("nc1", within**2 * spread.counted / length**2),
        ("nc1_ratio", within**2 * (s / length) ** 2),
    ]
    return [
        _said(name, text, np.broadcast_to(values, t.shape), "law", OURS, _far(config, SMALL.get(name, TRACES)))
        for name, values in curves
    ]


def _factors(config: NeuralCollapse, t: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Left of deviations in the span, left out of it, and the length of the means."""
    if config.scale and config.model == "proximal":
        found = laws.fixed(config)
        return np.full_like(t, found.within), np.full_like(t, found.outside), found.length
    within, outside, *_ = left(config, t)
    return within, outside, config.length


def _far(config: NeuralCollapse, most: float) -> str:
    """Why first order near collapse does not hold, "" where it does."""
    if config.epsilon > most:
        return f"ε = {config.epsilon:.3g} is not small: first order holds up to {most:g}"
    if config.scale and config.model != "proximal":
        return "the start's means do not have the minimiser's length, so that they move"
    if config.scale and config.bias:
        return "means of a length of their own: the formula is for no bias"
    return ""


def _bounds(config: NeuralCollapse, t: np.ndarray, late: bool) -> Curves:
    """What holds of any start."""
    within, between = laws.begun(config)
    outside = left(config, t)[1]
    flow, same = config.model == "central_path", np.ones_like(t)
    theorem = f"{PAPER}, Theorem 3.1" if flow else OURS
    why = "the theorem is stated without a bias" if config.bias and flow else ""
    shrunk = "Tr Σ_W(0) e^{−2λ_H t}" if flow else "Tr Σ_W(0) (β/(β+λ_H))²"
    found = [_said("trace_within", shrunk, within * outside**2, "upper", theorem, why)]
    if config.model != "proximal":
        found.append(_said("trace_within_scaled", "never rises", within * same, "upper", theorem, why))
    if flow:
        found.append(_said("trace_between_scaled", "never falls", between * same, "lower", theorem, why))
        found.append(_said("nc1_trace_ratio", "never rises", same, "upper", theorem, why))
    elif config.model == "proximal":
        text = f"{PAPER}, Corollary 3.2, for β large enough; seen for every β"
        found.append(_said("nc1_trace_ratio", "below the start", same, "upper", text, ""))
    if late and config.model != "proximal" and 0 < config.rho < np.inf:
        values = within * outside**2 / (config.rho * (1 - 1 / config.classes))
        slope = "slope −2λ_H, once the frame is found" if flow else "slope −2 ln(1+λ_H/β), once the frame is found"
        found.append(_said("nc1_trace", slope, values, "upper", OURS, ""))
    return found


def _limits(config: NeuralCollapse, t: np.ndarray) -> Curves:
    """Where everything ends."""
    same, theorem = np.ones_like(t), f"{PAPER}, Theorem 2.1" if not config.bias else OURS
    found = [_said("loss", "least loss c(2−c)/2", laws.optimum(config) * same, "lower", theorem, "")]
    if config.model == "proximal" or not 0 < config.rho < np.inf:
        return found
    norm, square = laws.feature_norm(config), laws.crossed(config.classes)
    limits = [("feature_norm", "frame √ρ", norm), ("classifier_norm", "frame √(λ_H/λ_W) √ρ", config.a * norm)]
    if config.bias:
        limits.append(("nc2_of", "of a simplex", square**0.5))
    else:
        limits.append(("nc3", "of an orthogonal frame", square))
    return found + [_said(name, f"limit: {text}", value * same, "law", theorem, "") for name, text, value in limits]


def _said(channel: str, label: str, values: np.ndarray, kind: str, reference: str, why: str) -> Prediction:
    return Prediction(channel=channel, label=label, values=values, reference=reference, broken=why, kind=kind)  # type: ignore[arg-type]
