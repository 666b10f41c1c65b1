"""Knobs that change nothing with the values that others have."""

from __future__ import annotations

from engines.matrix_sensing.config import MatrixSensing

LIFT = frozenset(("beta", "lift", "trigger", "trigger_level", "lift_at"))
"""Knobs of the one-step method."""


def idle(config: MatrixSensing) -> frozenset[str]:
    """Find the knobs of other operators, truths, starts and methods."""
    unused = {
        "precision": not config.dense,
        "m": config.operator == "identity",
        "kappa": config.spectrum not in ("linear", "geometric"),
        "target": config.rows != config.columns,
        "gradient_factor": not config.symmetric,
        "init_ratio": config.symmetric or config.init == "unbalanced",
        "alpha": not config.symmetric and config.init == "unbalanced",
        "init_variance": config.init in ("orthonormal", "unbalanced"),
        "momentum": config.method != "nesterov",
        "damping": config.method != "scaled_gd_lambda",
        "trigger_level": config.trigger == "manual",
    }
    lift = frozenset() if config.method == "one_step" else LIFT
    return lift | {name for name, changes_nothing in unused.items() if changes_nothing}
