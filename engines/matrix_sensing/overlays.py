"""Which prediction is drawn on which channel, and which assumption the current knobs break."""

from __future__ import annotations

import numpy as np

from engines.core.engine import Prediction
from engines.matrix_sensing import theory
from engines.matrix_sensing.config import MatrixSensing

PAPER = "Xiong, Ding, Du 2023"


def predictions(config: MatrixSensing, steps: np.ndarray) -> list[Prediction]:
    """All overlays of one configuration on the given steps; none for methods without a closed form."""
    t = np.asarray(steps, dtype=float)
    limit = _constant("sharpness", "stability limit, η·sharpness = 2", 2.0, t, "quadratic stability", kind="upper")
    if config.k < config.r:
        return [limit, *_floor(config, t)]
    if config.method not in ("gd", "one_step"):
        return [limit]
    return [limit, *_law(config, t), *_conserved(config, t)]


def _law(config: MatrixSensing, t: np.ndarray) -> list[Prediction]:
    error = theory.error(config, t)
    size = float(np.linalg.norm(config.sigma))
    curves = {"error": error, "relative_error": error / size, "loss": error**2 / 2}
    label = "closed form" if config.operator == "identity" else "closed form for m → ∞"
    why, reference = broken(config), f"{PAPER}, {theorem(config)}"
    return [
        Prediction(channel=name, label=label, values=values, reference=reference, broken=why)
        for name, values in curves.items()
    ]


def _conserved(config: MatrixSensing, t: np.ndarray) -> list[Prediction]:
    if config.method == "one_step" or config.init == "spectral":
        return []
    begun = theory.start(config)
    rows = [_constant("imbalance_min", "conserved by the flow", begun.imbalance_min, t, PAPER)]
    if len(begun.delta) and begun.delta[0] > 0:
        smallest = float(begun.delta[0])
        rows.append(_constant("factor_min", "λ_min of the idle imbalance", smallest, t, PAPER, broken(config)))
    return rows


def _floor(config: MatrixSensing, t: np.ndarray) -> list[Prediction]:
    """Fewer columns than the rank: no rank-k matrix is closer than the discarded singular values."""
    floor = float(np.linalg.norm(config.sigma[config.k :]))
    return [
        _constant("error", "best rank-k error", floor, t, "Eckart, Young 1936", kind="lower"),
        _constant("relative_error", "best rank-k error", floor / float(np.linalg.norm(config.sigma)), t,
                  "Eckart, Young 1936", kind="lower"),
    ]  # fmt: skip


def _constant(
    channel: str, label: str, value: float, t: np.ndarray, reference: str, why: str = "", kind: str = "law"
) -> Prediction:
    values = np.full(len(t), value)
    return Prediction(channel=channel, label=label, values=values, reference=reference, broken=why, kind=kind)  # type: ignore[arg-type]


def theorem(config: MatrixSensing) -> str:
    """The statement of the paper that covers a configuration."""
    if config.method == "one_step":
        return "section 5"
    exact = config.k == config.r
    if config.symmetric:
        return "exact parameterisation" if exact else "theorem 1.1"
    return "theorem 1.2" if exact else "theorem 1.3"


def broken(config: MatrixSensing) -> str:
    """The first assumption that does not hold, "" when all do."""
    fastest = config.eta * config.factor * 2 * config.sigma[0]
    needed = (config.rows + config.columns) * config.k
    gaussian = config.operator in ("gaussian", "gaussian_symmetric")
    checks = [
        (fastest >= 2, f"η = {config.eta:g} is unstable: η · 2σ₁ must stay below 2"),
        (config.init in ("spectral", "unbalanced"), f"the {config.init} start is not small and random"),
        (config.alpha > 0.5, f"α = {config.alpha:g} is not small"),
        (config.operator in ("rank_one", "completion"), "these measurements have no restricted isometry"),
        (gaussian and config.m < needed, f"m = {config.m} is below (n₁ + n₂)k = {needed}: no restricted isometry"),
        (config.operator == "gaussian_symmetric" and not config.symmetric,
         "symmetric measurements cannot see the antisymmetric error of FGᵀ"),
        (config.noise > 0, "the theorem is for noiseless measurements"),
        (_unbalanced(config), f"k = {config.k} is not below n/4: the imbalance may not be positive"),
    ]  # fmt: skip
    return next((message for wrong, message in checks if wrong), "")


def _unbalanced(config: MatrixSensing) -> bool:
    """The conservative criterion (1 - s)² > ρ² (1 + s)², s = sqrt(k/n), fails for an independent start."""
    s = np.sqrt(config.k / min(config.rows, config.columns))
    random = not config.symmetric and config.init == "random" and config.init_ratio < 1
    return bool(random and config.k > config.r and (1 - s) <= config.init_ratio * (1 + s))
