"""Sentences about limits of a configuration, and about step sizes."""

from __future__ import annotations

import numpy as np

from engines.matrix_sensing.config import MatrixSensing
from engines.matrix_sensing.predictions import unstable


def caution(config: MatrixSensing) -> str:
    """Why a run with these knobs cannot show what it should, "" where it can."""
    return _narrow(config) or _underdetermined(config) or _diverging(config)


def _narrow(config: MatrixSensing) -> str:
    if config.k >= config.r:
        return ""
    floor = float(np.linalg.norm(config.sigma[config.k :]))
    return (
        f"k = {config.k} columns cannot hold a matrix of rank {config.r}: the error stays above {floor:.3g}, that of "
        "the best matrix of rank k."
    )


def _underdetermined(config: MatrixSensing) -> str:
    """Warn of fewer measurements than unknowns: many matrices of rank r fit them, and a small loss says nothing."""
    if config.operator == "identity" or config.m >= config.unknowns:
        return ""
    formula = "nr − r(r−1)/2" if config.symmetric else "(n₁ + n₂ − r) r"
    return (
        f"A matrix of rank {config.r} has {formula} = {config.unknowns} unknowns here: it cannot be identified from "
        f"m = {config.m} measurements, and the error can stay large however small the loss becomes."
    )


def _diverging(config: MatrixSensing) -> str:
    why = unstable(config) if config.method in ("gd", "one_step") else ""
    return f"{why}; the run diverges or never settles." if why else ""


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
