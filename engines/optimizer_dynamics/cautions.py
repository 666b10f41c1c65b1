"""Sentences about limits of a configuration, and about step sizes."""

from __future__ import annotations

import numpy as np

from engines.core.methods.names import METHOD_LABELS, RATE_FREE
from engines.core.methods.own import slower
from engines.optimizer_dynamics import risk
from engines.optimizer_dynamics.config import OptimizerDynamics
from engines.optimizer_dynamics.laws import curvature_limit
from engines.optimizer_dynamics.predictions import threshold

TIE = 1e-9
"""Closest to a multiple of the step size at which the sign of rounding decides."""


def factorisation(config: OptimizerDynamics) -> str:
    """Why a run of this scene cannot show what it should, "" where it can."""
    checks = (
        _still(config),
        _unstable(config),
        _hits_a_mode(config),
        _repeated(config),
        _leaps(config),
        _exactly(config),
    )
    return next((text for text in checks if text), "")


def _still(config: OptimizerDynamics) -> str:
    if config.alpha > 0:
        return ""
    if config.method == "muon":
        return "α = 0 is a saddle: every gradient is 0, and so is the polar factor of 0. Nothing happens."
    return "α = 0 is a saddle: every gradient is 0, and nothing happens."


def _unstable(config: OptimizerDynamics) -> str:
    limit = curvature_limit(config)
    if not limit or config.eta <= limit:
        return ""
    return f"η = {config.eta:g} is above {limit:.3g}, where {METHOD_LABELS[config.method]} is unstable at the solution."


def _hits_a_mode(config: OptimizerDynamics) -> str:
    """Say that equal steps hit a singular value exactly."""
    equal = config.method == "sign" or (config.method == "muon" and config.orthogonalise == "polar")
    if not equal or config.start == "random" or config.schedule != "constant" or config.momentum:
        return ""
    steps = (config.values ** (1 / config.depth) - config.alpha) / config.eta
    hit = [float(s) for s, k in zip(config.values, steps, strict=True) if k > 0 and abs(k - round(k)) < TIE * k + 1e-9]
    if not hit:
        return ""
    return (
        f"α = {config.alpha:g} is on the grid of steps of {config.eta:g} below the root of s = {hit[0]:g}: there "
        "the sign of rounding decides. Try α = 0.0303."
    )


def _repeated(config: OptimizerDynamics) -> str:
    if config.method != "soap" or len(set(config.values)) == len(config.values):
        return ""
    return "Equal singular values leave SOAP's basis to rounding: modes may mix."


def _leaps(config: OptimizerDynamics) -> str:
    if config.method != "polyak" or config.alpha > 0.1:
        return ""
    return (
        f"Near the saddle (α = {config.alpha:g}) the loss is finite and the gradient nearly 0: Polyak's first step "
        "is huge."
    )


def _exactly(config: OptimizerDynamics) -> str:
    if config.orthogonalise != "newton_schulz_bf16" or config.method != "muon":
        return ""
    return "In bfloat16 a matrix of condition 2000 comes out 12 % wrong; nothing is predicted of single steps."


def quadratic(config: OptimizerDynamics) -> str:
    """Why a run of the quadratic cannot show what it should, "" where it can."""
    top = risk.largest_rate(config)
    if config.method in (*risk.STEADY, "schedule_free") and config.eta >= top:
        return f"η = {config.eta:g} is above {top:.4g}, from where on the risk grows without end at a constant rate."
    if config.method == "polyak" and config.noise > 0:
        return "Polyak's step takes the loss of the drawn samples for the whole: with noisy labels it does not settle."
    reach = float(np.linalg.norm(risk.minimiser(config)))
    if config.method in RATE_FREE and config.method != "mechanic" and config.d0 > reach:
        return f"The first guess {config.d0:g} is above the distance {reach:.3g}: no theory covers such a first guess."
    return ""


def line(config: OptimizerDynamics) -> str:
    """Why a run of the line cannot show what it should, "" where it can."""
    if config.method in RATE_FREE and config.d0 > config.goal:
        return (
            f"The first guess {config.d0:g} is above the distance {config.goal:g}: no theory covers such a first guess."
        )
    return ""


def edge(config: OptimizerDynamics) -> str:
    """Why a run at the edge cannot show what it should, "" where it can."""
    limit = threshold(config)
    if config.model == "product" and config.method == "gd" and config.eta * config.sharpness >= 4 and not config.centre:
        return f"η times the sharpness is {config.eta * config.sharpness:.3g}: from 4 on it diverges."
    if config.method == "polyak" and config.model == "valley":
        return "Polyak's step needs the least loss f*, and the valley has none: its loss falls without end."
    if config.method == "polyak" and config.model == "network" and config.least_loss <= 0:
        return "Polyak's step takes 0 for the least loss f*, which this network need not reach."
    if config.flow_start >= 0 and config.method == "gd" and config.model == "network" and config.weight_decay:
        return "The flows know of no weight decay: gradient descent leaves both."
    if config.model == "network" and limit and limit / config.eta > SHARPEST and config.method == "gd":
        return (
            f"The edge is at a sharpness of {limit / config.eta:.3g}, and this network rises to about {SHARPEST:g} "
            f"only: choose η above {limit / SHARPEST:.2g}."
        )
    return ""


SHARPEST = 3.7
"""Sharpness to which gradient descent on the small network rises at most."""


def network(config: OptimizerDynamics) -> str:
    """Why a race cannot show what it should, "" where it can."""
    if config.batch_size < 8:
        return f"batch_size = {config.batch_size} of 1500 images: losses are mostly noise."
    if config.method == "polyak":
        return "Polyak's step takes the loss of one minibatch for the whole, and its least loss for 0."
    return ""


def one_at_a_time(config: OptimizerDynamics) -> str:
    """Say that an optimiser's class takes its steps one member at a time; "" of other methods."""
    return slower(config.own_method) if config.method == "own" else ""


def stability(config: OptimizerDynamics) -> str:
    """Say up to which step size the method is stable."""
    if config.scene == "quadratic" and config.method != "own":
        known = config.method in (*risk.STEADY, "schedule_free")
        name = METHOD_LABELS[config.method] if known else METHOD_LABELS["gd"]
        return f"At a constant rate {name} is stable below η = {risk.largest_rate(config):.4g}."
    limit = curvature_limit(config) if config.scene == "factorisation" else 0.0
    if limit:
        return (
            f"At the solution {METHOD_LABELS[config.method]} is stable up to η = {limit:.3g} (it was {config.eta:g})."
        )
    return f"Try a smaller η (it was {config.eta:g})."
