"""Sentences about limits of a configuration, and about step sizes."""

from __future__ import annotations

from engines.optimizer_dynamics.config import OptimizerDynamics
from engines.optimizer_dynamics.predictions import curvature_limit

TIE = 1e-9
"""Closest to a multiple of the step size at which the sign of rounding decides."""


def factorisation(config: OptimizerDynamics) -> str:
    """Why a run of this scene cannot show what it should, "" where it can."""
    checks = (_still(config), _unstable(config), _tie(config), _repeated(config), _leaps(config), _exactly(config))
    return next((text for text in checks if text), "")


def _still(config: OptimizerDynamics) -> str:
    if config.alpha > 0:
        return ""
    if config.method == "muon":
        return "alpha = 0 is a saddle: every gradient is 0, and so is the polar factor of 0. Nothing happens."
    return "alpha = 0 is a saddle: every gradient is 0, and nothing happens."


def _unstable(config: OptimizerDynamics) -> str:
    limit = curvature_limit(config)
    if not limit or config.eta <= limit:
        return ""
    return f"eta = {config.eta:g} is above {limit:.3g}, where {config.method} is unstable at the solution."


def _tie(config: OptimizerDynamics) -> str:
    """Say that equal steps hit a singular value exactly."""
    equal = config.method == "sign" or (config.method == "muon" and config.orthogonalise == "polar")
    if not equal or config.start == "random" or config.schedule != "constant" or config.momentum:
        return ""
    steps = (config.values ** (1 / config.depth) - config.alpha) / config.eta
    hit = [float(s) for s, k in zip(config.values, steps, strict=True) if k > 0 and abs(k - round(k)) < TIE * k + 1e-9]
    if not hit:
        return ""
    return (
        f"alpha = {config.alpha:g} is on the grid of steps of {config.eta:g} below the root of s = {hit[0]:g}: there "
        "the sign of rounding decides. Try an alpha such as 0.0303."
    )


def _repeated(config: OptimizerDynamics) -> str:
    if config.method != "soap" or len(set(config.values)) == len(config.values):
        return ""
    return "Equal singular values leave SOAP's basis to rounding: modes may mix."


def _leaps(config: OptimizerDynamics) -> str:
    if config.method != "polyak" or config.alpha > 0.1:
        return ""
    return (
        f"Near the saddle (alpha = {config.alpha:g}) the loss is finite and the gradient nearly 0: Polyak's first step "
        "is huge."
    )


def _exactly(config: OptimizerDynamics) -> str:
    if config.orthogonalise != "newton_schulz_bf16" or config.method != "muon":
        return ""
    return "In bfloat16 a matrix of condition 2000 comes out 12 % wrong; nothing is predicted of single steps."


def stability(config: OptimizerDynamics) -> str:
    """Say up to which step size the method is stable."""
    limit = curvature_limit(config) if config.scene == "factorisation" else 0.0
    if limit:
        return f"{config.method} is stable at the solution up to eta = {limit:.3g} (it was {config.eta:g})."
    return f"Try a smaller eta (it was {config.eta:g})."
