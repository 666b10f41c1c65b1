"""Sentences about limits of a configuration, and about step sizes."""

from __future__ import annotations

import numpy as np

from engines.subgradient_recovery import flow, laws
from engines.subgradient_recovery.config import DECAYING, SubgradientRecovery
from engines.subgradient_recovery.predictions import RECOVERED, noisy, unlearned


def caution(config: SubgradientRecovery) -> str:
    """Warn of what a configuration cannot show, and name the knob to move; "" where all is well."""
    if config.m < config.unknowns:
        return (
            f"m = {config.m} measurements cannot identify the {config.unknowns} unknowns of a rank-{config.r} matrix: "
            f"raise m above {config.unknowns}."
        )
    if config.method == "subgm_loss" and noisy(config):
        return (
            "The loss step is for noiseless data: its length is the loss, which with noise never vanishes. "
            "Choose the sub-gradient method."
        )
    if config.method not in DECAYING or config.loss != "l1":
        return ""
    if config.m < laws.threshold(config):
        return (
            f"At m = {config.m} the weakest signal is likely lost in the noise of the measurements: raise m above "
            f"{np.ceil(laws.threshold(config)):.0f}, or lower the outlier fraction."
        )
    return _slow(config) or _spare_directions(config)


def _spare_directions(config: SubgradientRecovery) -> str:
    """Warn of spare directions that grow nearly as fast as the signal, or until the budget is spent."""
    left = float(flow.spare_error(config, np.array([1e9]))[0]) if config.k > config.r else 0.0
    if left < RECOVERED or config.method == "geometric" or config.init not in ("spectral", "random"):
        return ""
    return (
        f"The {config.k - config.r} columns to spare may grow up to a relative error of {min(left, 1):.2g}"
        f"{' and more' if left > 1 else ''}: raise m, lower α or the budget, or lower k towards r."
    )


def _slow(config: SubgradientRecovery) -> str:
    """Warn of a budget that is spent before the weakest signal has grown."""
    if config.method == "geometric" or not unlearned(config):
        return ""
    takes = needed(config)
    if not np.isfinite(takes):
        return f"From this start and at m = {config.m} no budget learns the weakest signal: raise m, or lower kappa."
    return (
        f"The budget B = {laws.budget(config):.3g} is spent before the signal is learned, which takes about "
        f"{takes:.3g} from α = {config.alpha:.3g}: raise budget to {1.1 * takes:.3g} (0 sets it from the data), or "
        "raise α."
    )


def needed(config: SubgradientRecovery) -> float:
    """Budget at which the flow has learned half of every component, infinite where it never does."""
    return float(flow.follow(config.replace(budget=laws.LONGEST)).half_times(config.sigma).max())


def stability(config: SubgradientRecovery) -> str:
    """The first step below which runs are stable."""
    return (
        "The first step is relative to the norm of the direction and is stable up to about 0.3 "
        f"(it was {config.eta0:g}); that of gradient descent on squares up to about 0.2."
    )
