"""Explanation of a run in words with its own numbers, and the moments that the theory names."""

from __future__ import annotations

import numpy as np

from engines.core.analysis.curve_fits import slope
from engines.core.protocol.declarations import Phase, Story
from engines.core.protocol.engine import RunData
from engines.neural_collapse import laws
from engines.neural_collapse.config import NeuralCollapse
from engines.neural_collapse.solver import TOLERANCE

REFERENCE = "Tirer, Huang, Niles-Weed 2023 (arXiv 2210.16658)"

FLOW = "dH/dt = Wᵀ(Y − WH) − λ_H H, W = W*(H)"
LAYER = "H ← argmin ‖WH − Y‖² + nλ_W‖W‖² + λ_H‖H‖² + β‖H − H₀‖²"

FOUND, COLLAPSED = 0.05, 1e-3
"""Distance to a simplex below which the frame is found, and trace ratio below which the features are collapsed."""


def phases(run: RunData, member: int) -> list[Phase]:
    """Spreading, frame, collapsed; of one layer, when it is solved."""
    steps, distance, trace, residual = run.curves(member, "nc2_etf", "nc1_trace", "residual")
    if run.configs[member].model == "proximal":
        moments = {"solved": (residual <= TOLERANCE) & (steps > 0)}
    else:
        moments = {"frame found": distance < FOUND, "collapsed": trace < COLLAPSED}
    reached = [
        Phase(step=float(steps[m.argmax()]), label=name, doc=PHASES[name]) for name, m in moments.items() if m.any()
    ]
    return [Phase(step=0, label="start", doc=PHASES["start"]), *sorted(reached, key=lambda phase: phase.step)]


PHASES = {
    "start": "The features are as they were drawn, or on their way.",
    "solved": "The layer's features no longer move: the solver has arrived.",
    "frame found": "The class means are within a twentieth of a simplex, once they are centred.",
    "collapsed": "The spread within the classes is below a thousandth of that between them.",
}
"""A sentence for each phase."""


def story(run: RunData, member: int) -> Story:
    """Formula, sentences and the reference for one member."""
    config = run.configs[member]
    formula = FLOW if config.model == "central_path" else LAYER
    text = f"{_aim(config)} {_explain(run, member, config)}\n{_now(run, member)}"
    return Story(formula=formula, text=text, reference=f"{REFERENCE}. In float64, on {run.device}.")


def _aim(config: NeuralCollapse) -> str:
    """Say where the minimiser is, and that a single layer goes part of the way."""
    one = config.model == "proximal"
    if config.c >= 1:
        end = "one layer shrinks both" if one else "features and classifier vanish"
        return (
            f"The product of the two decays, **{config.c**2:.3g}**, is not below one: the least loss is at zero, so "
            f"that {end}."
        )
    if config.lambda_h == 0:
        end = "one layer lengthens their means" if one else "they grow without end, ever more slowly"
        return (
            f"Features are free and have no weight decay: the longer the class means the less the loss, so that {end}."
        )
    frame = "a simplex" if config.bias else "an orthogonal frame"
    return (
        f"Features are free. The least loss puts all samples of a class on one point, and the classes on {frame} of "
        f"squared axes ρ = **{config.rho:.3g}**."
    )


def _explain(run: RunData, member: int, config: NeuralCollapse) -> str:
    if config.init == "counterexample":
        return (
            "NC1 by the pseudo-inverse divides by the spread between the classes direction by direction: where that is "
            "weak and falls, NC1 rises, although the trace ratio falls."
        )
    if not 0 < config.c < 1:
        return "There is no frame to find."
    if config.per_class == 1:
        return "With one sample a class there is no spread within the classes."
    if config.init == "collapsed":
        return _collapsed(config)
    if config.model == "central_path":
        return _flow(run, member, config)
    if config.model == "layers":
        return _layers(run, member, config)
    return _layer(config)


def _collapsed(config: NeuralCollapse) -> str:
    still = "Only the length of the class means changes." if config.scale else "So nothing moves."
    return f"The samples of each class begin on one point, on such a frame, and stay together. {still}"


def _flow(run: RunData, member: int, config: NeuralCollapse) -> str:
    late = -2 * laws.slowest_rate(config)
    return (
        f"Spread in the span of the frame dies at the rate {config.a:.3g}{_outside(config)}. "
        f"So the logarithm of the trace ratio ends up with the slope **{late:.3g}**"
        f"{_measured(run, member, config.step_size)}. Rotations of the frame cost nothing, and stay."
    )


def _outside(config: NeuralCollapse) -> str:
    if not laws.has_spare_directions(config):
        return ", and there is no other: the features have no dimension to spare"
    return f", out of it at {config.lambda_h:.3g} only, the decay of the features"


def _layers(run: RunData, member: int, config: NeuralCollapse) -> str:
    late = -2 * np.log1p(laws.slowest_rate(config) / config.beta)
    return (
        f"Each step is a whole layer. The logarithm of the trace ratio ends up with the slope **{late:.3g}**"
        f"{_measured(run, member, 1.0)}, that of NC1 with **{-2 * np.log1p(config.a / config.beta):.3g}**."
    )


def _measured(run: RunData, member: int, unit: float) -> str:
    """The slope of the log trace ratio over the last quarter of the run."""
    if not len(run):
        return ""
    steps, values = run.curve("nc1_trace", member)
    late = (steps >= 0.75 * steps[-1]) & (values > 0) if len(steps) else np.zeros(0, bool)
    rate = slope(steps[late].astype(float), np.log(values[late]))
    return "" if rate is None else f" (now **{rate / unit:.3g}**)"


def _layer(config: NeuralCollapse) -> str:
    in_span, outside, shape, *_ = config.beta / (config.beta + laws.rates(config))
    other = f", **{outside:.3g}** of that out of it" if laws.has_spare_directions(config) else ""
    return (
        f"One layer that holds on to its input with β = {config.beta:.3g}, solved in sight. Near collapse it leaves "
        f"**{in_span:.3g}** of the spread in the span of the frame{other}, **{shape:.3g}** of errors in the shape of "
        "the frame, and all of its rotations."
    )


def _now(run: RunData, member: int) -> str:
    """Both conventions of NC1, or why there are none."""
    if not len(run):
        return ""
    trace, first, size = (float(run[name][-1, member]) for name in ("nc1_trace", "nc1", "feature_norm"))
    if np.isnan(trace):
        what = "All features are zero" if size == 0 else "All class means coincide"
        return f"{what}: there is nothing that NC1 could compare with, so that it has no value. This is no collapse."
    return f"Now the trace ratio is **{trace:.3g}** and NC1 by the pseudo-inverse **{first:.3g}**."
