"""Verdicts on the race: tuned losses at each budget, and speed-ups at equal loss over tuned and untuned Adam."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from engines.core.analysis.verdict_helpers import above, below, ratio, verdict
from engines.core.methods.names import RATE_FREE
from engines.core.protocol.declarations import Verdict
from engines.core.protocol.engine import RunData
from engines.core.protocol.errors import ConfigError
from engines.optimizer_dynamics.speed import bounds, steps_to_equal


class BestTrial(NamedTuple):
    """The best trial of a method within a budget."""

    loss: float
    rate: float
    schedule: str
    trials: int


def trial_losses(run: RunData, method: str, horizon: int) -> dict[tuple[float, str], float]:
    """Return the mean final losses over seeds of each trial, by rate and schedule; infinite where a seed diverged."""
    losses: dict[tuple[float, str], list[float]] = {}
    for i in run.where(method=method, horizon=horizon):
        value = float(run["score"][-1, i]) if len(run) else np.nan
        if run.diverged_at[i] >= 0:
            value = np.inf
        config = run.configs[i]
        losses.setdefault((config.eta, config.schedule), []).append(value)
    return {trial: float(np.mean(values)) for trial, values in losses.items()}


def tuned(run: RunData, method: str, horizon: int, schedule: str = "") -> BestTrial | None:
    """Find the best trial; None while one of them has not come to its horizon."""
    losses = {key: loss for key, loss in trial_losses(run, method, horizon).items() if schedule in ("", key[1])}
    if not losses or any(np.isnan(loss) for loss in losses.values()):
        return None
    (rate, name), loss = min(losses.items(), key=lambda item: item[1])
    return BestTrial(loss, rate, name, len(losses))


def budgets(run: RunData, method: str) -> list[int]:
    """List the budgets in which a method ran."""
    return sorted({config.horizon for config in run.configs if config.method == method})


def speed_up(run: RunData, method: str, horizon: int, baseline: float = 1.0) -> float | None:
    """Compute `T_adam(loss)/T` at the method's best loss; None where the table of Adam does not reach, or too early.

    `baseline` multiplies Adam's best rate of each budget, to the nearest that was tried (`shares_of_best`).
    Raises `ConfigError` where the two had different numbers of trials, unless the method finds its rate and had fewer.
    """
    own, losses = tuned(run, method, horizon), _table(run, method, horizon, baseline)
    if own is None or losses is None:
        return None
    steps = steps_to_equal(np.array(budgets(run, "adam")), losses, own.loss)
    return None if steps is None else steps / horizon


def speed_up_bounds(
    run: RunData, method: str, horizon: int, baseline: float = 1.0
) -> tuple[float, float] | tuple[None, None]:
    """Bound the speed-up over Adam at `baseline` times its best rate; outside its table it is known from one side."""
    own, losses = tuned(run, method, horizon), _table(run, method, horizon, baseline)
    if own is None or losses is None:
        return None, None
    low, high = bounds(np.array(budgets(run, "adam")), losses, own.loss)
    return low / horizon, high / horizon


def _table(run: RunData, method: str, horizon: int, baseline: float) -> np.ndarray | None:
    """Losses of Adam at its budgets, of as many trials as the method had; None before all have ended."""
    own, losses = tuned(run, method, horizon), []
    for T in budgets(run, "adam"):
        best = tuned(run, "adam", T)
        if own is None or best is None:
            return None
        if best.trials != own.trials and not (method in RATE_FREE and own.trials < best.trials):
            raise ConfigError(f"{method} had {own.trials} trials and adam {best.trials}: no speed-up is claimed")
        losses.append(best.loss if baseline == 1 else _at_rate(run, T, best.rate * baseline))
    return np.array(losses)


def _at_rate(run: RunData, horizon: int, rate: float) -> float:
    trials = trial_losses(run, "adam", horizon)
    return trials[_nearest(trials, rate)]


def _nearest(trials: Iterable[tuple[float, str]], rate: float) -> tuple[float, str]:
    """Find the trial with the rate nearest to `rate`, of two the one under a linear schedule."""
    return min(trials, key=lambda trial: (abs(np.log(trial[0] / rate)), trial[1] != "linear"))


def shares_of_best(run: RunData, baseline: float) -> list[float]:
    """List the multiples of Adam's best rates that were tried nearest to `baseline` times them, over its budgets."""
    shares = set()
    for T in budgets(run, "adam"):
        best = tuned(run, "adam", T)
        if best is not None:
            rate, _ = _nearest(trial_losses(run, "adam", T), best.rate * baseline)
            shares.add(float(f"{rate / best.rate:.3g}"))
    return sorted(shares)


def at_the_end_of_its_grid(run: RunData, method: str, horizon: int) -> bool:
    """Whether the best rate within a budget is the largest or the smallest that was tried, so that it may be better."""
    best, rates = tuned(run, method, horizon), {rate for rate, _ in trial_losses(run, method, horizon)}
    return best is not None and len(rates) > 1 and best.rate in (min(rates), max(rates))


def ranking(run: RunData, horizon: int) -> list[str]:
    """List the methods by their best loss within a budget, the best first; those without a result are left out."""
    best = {name: tuned(run, name, horizon) for name in dict.fromkeys(config.method for config in run.configs)}
    return sorted((name for name, trial in best.items() if trial), key=lambda name: best[name].loss)  # type: ignore[union-attr]


FALLS = 0.95
"""Largest ratio of Lion's speed-ups at T = 200 and 50: 0.59 to 0.91 in twenty pairs of seeds, mean 0.70."""


def _at_most(run: RunData, method: str, horizon: int, other: int) -> float | None:
    """Upper bound of the speed-up at one budget over that at another."""
    low, high = speed_up_bounds(run, method, other)[0], speed_up_bounds(run, method, horizon)[1]
    return np.inf if low == 0 else ratio(high, low)


def race(run: RunData) -> list[Verdict]:
    """Judge O15: matrix methods win, ranks cross with the budget, and an untuned baseline doubles every speed-up."""
    wide = "ten pairs of seeds: 1.42 to 2.33, 1.97 ± 0.26"

    def least(method: str, T: int) -> list[float | None]:
        return [speed_up_bounds(run, method, T)[0]]

    return [
        above("SOAP at T = 200: speed-up over tuned Adam", least("soap", 200), 1.1),
        above("Muon at T = 200: speed-up over tuned Adam", least("muon", 200), 1.1),
        above("Lion at T = 50: speed-up over tuned Adam", least("lion", 50), 1.0),
        below("Lion: speed-up at T = 200 over that at T = 50", [_at_most(run, "lion", 200, 50)], FALLS),
        verdict("tuned Adam over Adam at a quarter of its best rate, T = 100", [speed_up(run, "adam", 100, 0.25)], 1.95,
                0.8, wide),
    ]  # fmt: skip
