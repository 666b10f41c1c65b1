"""Knobs that change nothing with the values that others have."""

from __future__ import annotations

from engines.subgradient_recovery.config import DECAYING, SubgradientRecovery

GAPS = frozenset(("polyak", "scaled_sm", "opsa", "opsa_gap", "prox_linear"))
"""Methods that need no step size."""


def idle(config: SubgradientRecovery) -> frozenset[str]:
    """Find the knobs of other losses, methods, starts and outliers."""
    decays = config.method in DECAYING
    unused = {
        "huber_delta": config.loss != "huber",
        "trim_fraction": config.method != "trimmed" and config.init != "truncated",
        "median_threshold": config.method != "median",
        "damping": config.method not in ("opsa", "opsa_gap"),
        "learning_rate_ratio": config.method != "dop",
        "budget": not decays,
        "eta0": config.method in GAPS,
        "alpha": config.init == "truncated" and config.method != "dop" and (not decays or config.budget > 0),
        "kappa": config.r == 1,
        "outlier_kind": config.outliers == 0,
        "outlier_scale": config.outliers == 0 or config.outlier_kind == "sign_flip",
    }
    return frozenset(name for name, changes_nothing in unused.items() if changes_nothing)
