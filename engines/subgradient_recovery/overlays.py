"""Which law is drawn on which channel, and which assumption the current knobs break."""

from __future__ import annotations

import numpy as np

from engines.core.engine import Prediction
from engines.subgradient_recovery import flow, laws
from engines.subgradient_recovery.config import DECAYING, SubgradientRecovery

PAPER = "Ma, Fattahi 2022"

SMALL = 1e-2
"""A start above this is not small: the residual is not negligible while the signal grows."""

EVEN = 1.5
"""Above this condition number the residual grows less than the floor's law has it: see `laws.floor`."""


def predictions(config: SubgradientRecovery, steps: np.ndarray) -> list[Prediction]:
    """All overlays of one configuration; none for methods that the laws do not describe."""
    t = np.asarray(steps, dtype=float)
    if config.method == "subgm_loss":
        return _noiseless(config, t)
    if config.method not in DECAYING or config.loss != "l1":
        return []
    why, floor = broken(config), _floor(config, t, broken(config))
    level = max((float(one.values[0]) for one in floor), default=0.0)
    return [*_learning(config, t, why, level), *floor]


def _learning(config: SubgradientRecovery, t: np.ndarray, why: str, level: float) -> list[Prediction]:
    seen, tau = flow.follow(config), flow.spent(config, t)
    error, weakest = np.maximum(flow.error(config, t), level), seen.signal[:, -1] / config.sigma[-1]
    size = error * np.linalg.norm(config.sigma)
    label = f"learning, then the size of the steps{_end(config, level)}"
    curves = [
        ("relative_error", label, error, "law"),
        ("signal_min", "flow of the weakest signal", np.interp(tau, seen.tau, weakest), "law"),
        ("residual_norm", "flow of the residual", np.interp(tau, seen.tau, seen.residual), "upper"),
        ("phi", "φ = √(2/π) E exp(−s²/2‖Δ‖²)", laws.phi(config, size), "law"),
        ("direction_norm", "flow", np.interp(tau, seen.tau, seen.norm), "law"),
        ("loss_gap", "∫ φ up to ‖Δ‖", laws.loss_gap(config, size), "law"),
        ("deviation", "w/φ", laws.edge(config) / laws.phi(config, size), "law"),
    ]  # fmt: skip
    found = [_said(name, text, values, kind, why) for name, text, values, kind in curves]
    for j, learned in enumerate(seen.signal.T):
        found.append(_said("signal_eigenvalues", "flow", np.interp(tau, seen.tau, learned), "law", why, j))
    if config.method == "subgm":
        found.append(_said("normalised_step", "η₀ρᵗ", flow.step_size(config, t), "law", ""))
    return found


def _end(config: SubgradientRecovery, level: float) -> str:
    """What stops the error."""
    if config.noise > 0:
        return ", down to least absolute deviations"
    return ", down to the floor" if level else ""


def _floor(config: SubgradientRecovery, t: np.ndarray, why: str) -> list[Prediction]:
    """Where k > r stops: sharp without outliers; with them its power of alpha is too high by up to a half."""
    small = config.alpha <= SMALL and config.init in ("spectral", "random")
    if config.k == config.r or not small or config.noise > 0 or config.kappa > EVEN:
        return []
    sharp = config.outlier_fraction == 0 and config.init == "spectral"
    value = np.full(len(t), laws.floor(config) / np.linalg.norm(config.sigma))
    text = "floor α^2(1−λ_b/λᵣ)" if sharp else "floor α^2(1−λ_b/λᵣ), roughly"
    return [_said("relative_error", text, value, "law", why)]


def _noiseless(config: SubgradientRecovery, t: np.ndarray) -> list[Prediction]:
    why = _noisy(config) or _unsuitable(config)
    values = flow.population(config, t)
    return [_said("relative_error", "population, m → ∞", values, "law", why), *_floor(config, t, why)]


def _said(
    channel: str, label: str, values: np.ndarray, kind: str, why: str, component: int | None = None
) -> Prediction:
    reference = f"shape: {PAPER}; constants: derived, see the tests"
    return Prediction(
        channel=channel, label=label, values=values, reference=reference, broken=why, kind=kind, component=component  # type: ignore[arg-type]
    )  # fmt: skip


def _noisy(config: SubgradientRecovery) -> str:
    noisy = config.outlier_fraction > 0 or config.noise > 0
    return "with noise the loss does not fall to zero, so a step made of it never decays" if noisy else ""


def _unsuitable(config: SubgradientRecovery) -> str:
    return f"the {config.init} start is none of the laws'" if config.init in ("truncated", "truth") else ""


def broken(config: SubgradientRecovery) -> str:
    """The first assumption that does not hold, "" when all do."""
    checks = [
        (_unsuitable(config) != "", _unsuitable(config)),
        (config.outlier_kind == "signflip" and config.outlier_fraction > 0,
         "sign flips depend on the measurements: no formula covers them"),
        (config.alpha > SMALL and config.k > config.r, f"α = {config.alpha:.3g} is not small"),
        (config.method == "geometric", "the steps are not relative to the norm of the direction"),
        (config.eta0 > 0.3, "first step"),
        (laws.edge(config) > 0.8*laws.eigenvalues(config)[config.r-1], "edge"),
        (config.m < laws.threshold(config),
         f"m = {config.m} is below {np.ceil(laws.threshold(config)):.0f}: the weakest signal is lost in the noise"),
        (_unlearned(config), f"the budget B = {laws.budget(config):.3g} ends before the signal is learned"),
    ]  # fmt: skip
    return next((message for wrong, message in checks if wrong), "")


def _unlearned(config: SubgradientRecovery) -> bool:
    return bool(np.isinf(flow.follow(config).half_times(config.sigma)).any())


def needed(config: SubgradientRecovery) -> float:
    """The budget at which the flow has learned every component, infinite where it never does."""
    return float(flow.follow(config.replace(budget=laws.LONGEST)).half_times(config.sigma).max())


def caution(config: SubgradientRecovery) -> str:
    """What a configuration cannot show, and which knob to move; "" where all is well."""
    if config.m < config.unknowns:
        return (
            f"m = {config.m} measurements cannot identify the {config.unknowns} unknowns of a rank-{config.r} matrix: "
            f"raise m above {config.unknowns}."
        )
    if config.method == "subgm_loss" and _noisy(config):
        return (
            "The loss step is for noiseless data: its length is the loss, which with noise never vanishes. "
            "Choose the method subgm."
        )
    if config.method not in DECAYING or config.loss != "l1":
        return ""
    if config.m < laws.threshold(config):
        return (
            f"At m = {config.m} the weakest signal is likely lost in the noise of the measurements: raise m above "
            f"{np.ceil(laws.threshold(config)):.0f}, or lower the outlier fraction."
        )
    return _slow(config)


def _slow(config: SubgradientRecovery) -> str:
    """A budget that is spent before the weakest signal has grown."""
    if config.budget == 0 or config.method == "geometric" or not _unlearned(config):
        return ""
    return (
        f"The budget B = {config.budget:.3g} is spent before the signal is learned, which takes about "
        f"{needed(config):.3g} from α = {config.alpha:.3g}: raise budget (0 sets it from the data), or raise alpha."
    )
