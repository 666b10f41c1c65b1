"""Which prediction is drawn on which channel, and which assumption the current knobs break.

Not grey means what the label says: exact until the first crossing, or half times within a share.
`tests/optimizer_dynamics/test_predictions.py` holds it against runs at random knobs.
"""

from __future__ import annotations

import numpy as np

from engines.core.protocol.declarations import Prediction
from engines.optimizer_dynamics import modes
from engines.optimizer_dynamics.config import ENTRYWISE, OptimizerDynamics
from engines.optimizer_dynamics.scenes import factorisation

DERIVED = "derived, see the tests"

WITHIN = 0.1
"""Half times of random small starts are met within this share, where the line is not grey."""

SMALL = 0.05
"""Largest strength of the start over the smallest singular value at which random starts align in time."""


def factorisation_lines(config: OptimizerDynamics, steps: np.ndarray) -> list[Prediction]:
    """Predict the modes and, where the factors are aligned, the loss, by the mode recursion."""
    why, aligned = broken(config), config.start != "random"
    u0 = factorisation.strengths(config)
    u = modes.strengths(config, np.maximum(u0, 1e-300) ** (1 / config.depth), np.asarray(steps))
    label = "mode recursion" if aligned else "mode recursion from the start's growing part"
    label += "" if why else (", exact to the first crossing" if aligned else f", half times within {WITHIN:.0%}")
    lines = [
        Prediction(channel="modes", component=i, label=label, values=u[:, i], reference=DERIVED, broken=why)
        for i in range(u.shape[1])
    ]
    if aligned:
        loss = ((u - config.values) ** 2).sum(1) / 2
        lines.append(Prediction(channel="loss", label=label, values=loss, reference=DERIVED, broken=why))
    return lines


def broken(config: OptimizerDynamics) -> str:
    """The first assumption of the mode recursion that does not hold, "" when all do."""
    if config.method in ENTRYWISE + ("sign",) and config.start != "diagonal":
        return f"{config.method} is an entrywise method in a rotated basis: factors do not stay aligned"
    limit = curvature_limit(config)
    if limit and config.eta > limit:
        return f"η = {config.eta:g} is unstable at the solution: the limit is {limit:.3g}"
    if config.method == "soap" and len(set(config.values)) < len(config.values):
        return "equal singular values leave SOAP's basis to rounding"
    return "" if config.start != "random" else _unaligned(config)


def _unaligned(config: OptimizerDynamics) -> str:
    if config.method not in ("gd", "heavy_ball", "nesterov", "muon"):
        return f"from a random start {config.method} need not align the factors"
    if config.method == "muon" and config.orthogonalise != "polar":
        return "from a random start Newton–Schulz gains between 0.68 and 1.13 of the line's speed"
    if config.depth > 2 and config.method != "muon":
        return f"from a random start {config.depth} factors need not be balanced"
    u0 = factorisation.strengths(config)
    if u0.max() > SMALL * config.values.min():
        return f"α = {config.alpha:g} is not small: modes meet before they are aligned"
    return ""


def curvature_limit(config: OptimizerDynamics) -> float:
    """Largest stable step size of methods that follow the gradient, 0 for others.

    The curvature at the solution is `L s^(2-2/L)` for the largest s; momentum beta allows `2 + 2 beta` over it, and
    Nesterov's `(2 + 2 beta)/(1 + 2 beta)`.
    """
    beta = config.beta1
    factor = {"gd": 2.0, "heavy_ball": 2 + 2 * beta, "nesterov": (2 + 2 * beta) / (1 + 2 * beta)}.get(config.method)
    if factor is None:
        return 0.0
    return factor / (config.depth * config.values[0] ** (2 - 2 / config.depth))
