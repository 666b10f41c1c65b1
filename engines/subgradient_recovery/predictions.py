"""Which law is drawn on which channel, and which assumption the current knobs break."""

from __future__ import annotations

import numpy as np

from engines.core.protocol.declarations import Prediction
from engines.subgradient_recovery import flow, laws
from engines.subgradient_recovery.config import DECAYING, SubgradientRecovery

PAPER = "Ma, Fattahi 2022"

SMALL = 1e-2
"""Largest alpha of a small start: above it the residual is not negligible while the signal grows."""

FASTEST = 0.3
"""Largest eta0 with a law: longer first steps overshoot."""

CLOSE = {"subgm": 0.7, "subgm_loss": 0.7, "subgm_frozen": 0.5}
"""Largest edge of the noise over the weakest signal's eigenvalue with a law, by method: above, 2 of 20 runs were 6 to
20 times off a line, below, none of 460."""

ENOUGH = 3.0
"""Measurements that a law needs, over d r/(1 - p)²: with fewer, outliers outlast the signal. For k > r twice as many at
r = 1, where nothing but the noise of the measurements holds the spare directions back."""

EXACT = 10.0
"""Measurements that the law of the loss step needs for k > r, over d r: its rate is the loss of a finite draw."""

FAINT = 0.6
"""Largest noise w of a sub-gradient over the pull phi that is left: above, phi does not measure the pull."""

EDGELESS = 4
"""Largest d at which the noise in a d x d matrix has no edge: its norm is anything below w."""

RANGES = {
    "relative_error": (0.05, 4),
    "signal_min": (0.1, 6),
    "signal_eigenvalues": (0.1, 6),
    "direction_norm": (0.3, 2.5),
    "phi": (0.5, 2),
    "loss_gap": (0.05, 5),
    "deviation": (0.3, 3),
}
"""Multiples of a line between which the run lies from the first step to the last, by channel; a random test holds them.

From one step to the next the error hops over the truth, so that it may be far below the size of the steps.
"""

HOPPING = ("relative_error", "loss_gap", "phi", "deviation")
"""Channels that leave their range where a step lands by chance on the truth, and return to it with the next steps."""

LATE = 0.15
"""Share of the time by which a line of the loss step may be early or late: a rate that is a little off adds up."""

SHIFTED = 0.03
"""Share of the time by which a line of the normalised step may be early or late: half times were within 2 %."""

RECOVERED = 1e-2
"""Relative error below which the truth counts as recovered."""

LEARNED = 0.05
"""Relative error at which the growth of the signal is over."""

SPAN = 1.08
"""Least budget over the flow's half times, which are within 5 % of a run's: a smaller one may cut learning short."""

FITTED = 20.0
"""Multiple of the error of least absolute deviations down to which lines of the pull are drawn. A run is down to a
twentieth of its line, and where it is near its minimum no pull is left, and the loss is below the truth's."""

MARGIN = 4.0
"""Factor by which the bound on the relative error is drawn above its formula, as far as a run may be above its line."""

SPOILED = 0.1
"""Relative error of the spare directions from which on no line of the signal is drawn."""

EARLY = 0.045
"""Share of the time by which learning may end early, with an edge above w: the bound on the residual allows for it."""

HIDDEN = 5.0
"""Multiple of the dense noise down to which they are drawn: in two dimensions a run stayed so near the truth that noise
hid it."""

ROUNDED = {"fp64": 1e-11, "fp32": 1e-5}
"""Relative error, a hundred times rounding, down to which lines of the pull are drawn: a run is down to a twentieth of
its line, and rounding decides the signs of the residuals then. In single precision errors end at 1e-8 to 1e-6, and no
line of them is drawn below, either."""

LEAST_GROWN = 1e-11
"""Least learned share of any component when the first is half learned: a smaller one has so long a way to go that
the few percent by which its rate is off add up to more than the factors of the lines."""

GROWN = 1e-2
"""Learned share from which on a component of a random start follows the flow: before, all the draw's parts count."""


def predictions(config: SubgradientRecovery, steps: np.ndarray) -> list[Prediction]:
    """Predict one configuration at steps `[T]`; nothing of methods that the laws do not describe."""
    t = np.asarray(steps, dtype=float)
    if config.method == "subgm_loss":
        return _noiseless(config, t)
    if config.method not in DECAYING or config.loss != "l1":
        return []
    return _learning(config, t, broken(config))


def _learning(config: SubgradientRecovery, t: np.ndarray, why: str) -> list[Prediction]:
    flowing, tau = flow.follow(config), flow.time_spent(config, t)
    whole, spare = flow.error(config, t), np.zeros(len(t)) if config.k == config.r else flow.spare_error(config, t)
    rounded, drawn = ROUNDED[config.precision], (spare <= whole) & _resolved(config, whole)
    error, weakest = np.where(drawn, whole, np.nan), flowing.signal[:, -1] / config.sigma[-1]
    size = error * np.linalg.norm(config.sigma)
    least = max(FITTED * laws.dense_floor(config), HIDDEN * config.noise, rounded * np.linalg.norm(config.sigma))
    size = np.where(size > least, size, np.nan)
    end = ", down to least absolute deviations" if config.noise > 0 else ""
    curves = [
        ("relative_error", f"learning, then the size of the steps{end}", error),
        ("signal_min", "flow of the weakest signal", _drawn_share(config, np.interp(tau, flowing.tau, weakest), spare)),
        ("phi", "φ = √(2/π) E exp(−s²/2‖Δ‖²)", laws.phi(config, size)),
        ("direction_norm", "flow, then hopping over the truth", _norm(config, flowing, tau, size)),
        ("loss_gap", "∫ φ up to ‖Δ‖", laws.loss_gap(config, size)),
        ("deviation", "w/φ", laws.edge(config) / laws.phi(config, size)),
    ]  # fmt: skip
    noisy = {name: _too_noisy(config, name, size) for name, *_ in curves}
    lines = [_line(name, text + within(name), values, "law", why or noisy[name]) for name, text, values in curves]
    for j, learned in enumerate(flowing.signal.T):
        text = "flow" + within("signal_eigenvalues")
        values = config.sigma[j] * _drawn_share(config, np.interp(tau, flowing.tau, learned / config.sigma[j]), spare)
        lines.append(_line("signal_eigenvalues", text, values, "law", why, j))
    # Where the signal is learned so much early, the residual has grown so much longer at full speed.
    early = EARLY * np.minimum(tau, flowing.half_times(config.sigma).max())
    residual = np.interp(tau, flowing.tau, flowing.residual) * np.exp(2 * early)
    lines.append(_line("residual_norm", "flow of the residual", residual, "upper", why))
    if config.k > config.r:
        late = flow.error(config, t * (1 - SHIFTED))
        most = MARGIN * np.maximum(np.maximum(whole, late), flow.spare_error(config, t * (1 + SHIFTED)))
        most = np.maximum(most, rounded)
        lines.append(_line("relative_error", "spare directions, heuristic", most, "upper", why))
    if config.method == "subgm":
        lines.append(_line("normalised_step", "η₀ρᵗ", flow.step_size(config, t), "law", ""))
    return lines


def _drawn_share(config: SubgradientRecovery, share: np.ndarray, spare: np.ndarray) -> np.ndarray:
    """Learned share of a component `[T]`; NaN before a random start has grown, and once spare directions spoil it."""
    least = GROWN if config.init == "random" else 0.0
    return np.where((share >= least) & (spare < SPOILED), share, np.nan)


def _too_noisy(config: SubgradientRecovery, channel: str, size: np.ndarray) -> str:
    """Reason why no line of the sub-gradient holds at the distances `size [T]`, "" where it does."""
    if channel == "deviation" and config.d <= EDGELESS:
        return f"in {config.d} rows the noise has no edge"
    left = np.nanmin(laws.phi(config, size), initial=np.inf)
    if channel in ("phi", "deviation", "direction_norm", "loss_gap") and laws.edge(config) > FAINT * left:
        return (
            f"the pull φ falls to {left:.2g}, the noise of {config.m} measurements is {laws.edge(config):.2g}: raise m"
        )
    return ""


def _norm(config: SubgradientRecovery, flowing: flow.Flow, tau: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Norm of the sub-gradient `[T]`: at the end that of an error with r equal eigenvalues, phi/sqrt(r).

    Where the noise is fitted it falls below every law.
    """
    pull = laws.phi(config, size) / np.sqrt(config.r)
    return np.maximum(np.interp(tau, flowing.tau, flowing.norm), pull)


def within(channel: str, late: float = SHIFTED, hopping: tuple[str, ...] = HOPPING) -> str:
    """Say in a label how near its line is."""
    low, high = RANGES[channel]
    hops = ", but for steps that land on the truth" if channel in hopping else ""
    return f" (the run: {low:g} to {high:g} times this, up to {late:.0%} early or late{hops})"


def _noiseless(config: SubgradientRecovery, t: np.ndarray) -> list[Prediction]:
    """Predict the loss step while it learns, and where spare directions decide; between these, finite m is slower."""
    endless = "with noise the loss does not fall to zero, so a step made of it never decays"
    why = endless * noisy(config) or _unsuitable(config) or _faint(config) or hard(config)
    if why:
        return [_line("relative_error", "mean iteration", flow.population(config, t), "law", why)]
    grid = np.geomspace(1, 1e6, 400)
    idle = flow.idle(config, grid) > 0.7 * flow.population(config, grid)
    settled = 2 * grid[idle.argmax()] if idle.any() else np.inf
    values = flow.population(config, t)
    label = f"mean iteration{within('relative_error', LATE, ())}"
    drawn = ((values > LEARNED) | (t >= settled)) & _resolved(config, values)
    return [_line("relative_error", label, np.where(drawn, values, np.nan), "law", "")]


def _resolved(config: SubgradientRecovery, error: np.ndarray) -> np.ndarray:
    """Whether relative errors `[T]` are above the rounding of single precision; float64 resolves every line."""
    return (error > ROUNDED["fp32"]) | (config.precision == "fp64")


def _faint(config: SubgradientRecovery) -> str:
    small = config.alpha <= SMALL and config.init == "random" and config.k > config.r
    return "no formula says where a small random start stops" if small else ""


def hard(config: SubgradientRecovery) -> str:
    """Reason why no law holds, "" where one may: too large a start or first step, or too few measurements."""
    if config.alpha > 1:
        return f"α = {config.alpha:.3g} is above 1: the start is larger than the truth"
    if config.eta0 > FASTEST:
        return f"η₀ = {config.eta0:.3g} is above {FASTEST:g}: the first steps overshoot"
    lost = laws.edge(config) > CLOSE.get(config.method, 0.0) * laws.start_eigenvalues(config)[config.r - 1]
    if lost or config.m < _least(config) or config.m < laws.threshold(config):
        return f"m = {config.m} leaves the weakest signal too near the noise: raise m, or lower p or κ"
    return ""


def _least(config: SubgradientRecovery) -> float:
    """Least number of measurements with a law."""
    if config.method == "subgm_loss":
        return EXACT * config.d * config.r if config.k > config.r else 0.0
    rank = max(config.r, 2) if config.k > config.r else config.r
    return ENOUGH * config.d * rank / (1 - config.outlier_fraction) ** 2


def _line(
    channel: str, label: str, values: np.ndarray, kind: str, why: str, component: int | None = None
) -> Prediction:
    reference = f"shape: {PAPER}; constants: derived, see the tests"
    return Prediction(
        channel=channel, label=label, values=values, reference=reference, broken=why, kind=kind, component=component  # type: ignore[arg-type]
    )  # fmt: skip


def noisy(config: SubgradientRecovery) -> bool:
    """Whether measurements have outliers or dense noise, so that the loss does not fall to zero."""
    return config.outlier_fraction > 0 or config.noise > 0


def _unsuitable(config: SubgradientRecovery) -> str:
    return f"the {config.init} start is none of the laws'" if config.init in ("truncated", "truth") else ""


def broken(config: SubgradientRecovery) -> str:
    """First assumption of the laws that does not hold, "" when all do."""
    checks = [
        (_unsuitable(config) != "", _unsuitable(config)),
        (config.outlier_kind == "sign_flip" and config.outlier_fraction > 0,
         "sign flips depend on the measurements: no formula covers them"),
        (config.method == "geometric", "the steps are not relative to the norm of the direction"),
        (hard(config) != "", hard(config)),
        (config.alpha > SMALL, f"α = {config.alpha:.3g} is not small"),
        (unlearned(config), f"the budget B = {laws.budget(config):.3g} ends before the signal is learned"),
        (unlearned(config, SPAN), f"the budget B = {laws.budget(config):.3g} ends while the signal is learned"),
        (least_grown(config) < LEAST_GROWN,
         f"at α = {config.alpha:.3g} the weaker signals wait so long for the first one that "
         "a rate a few percent off adds up: raise α"),
    ]  # fmt: skip
    return next((message for wrong, message in checks if wrong), "")


def unlearned(config: SubgradientRecovery, times: float = 1.0) -> bool:
    """Whether the flow spends the budget before so many times the half time of every component."""
    return bool((times * flow.follow(config).half_times(config.sigma) > laws.budget(config)).any())


def least_grown(config: SubgradientRecovery) -> float:
    """Smallest learned share of any component when the first one is half learned."""
    flowing = flow.follow(config)
    first = flowing.half_times(config.sigma).argmin()
    at = (flowing.signal[:, first] >= config.sigma[first] / 2).argmax()
    return float((flowing.signal[at] / config.sigma).min())
