"""Speed-ups over Adam in a race, tuned or not: each method's with its place and the protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engines.core.methods.names import METHOD_LABELS, RATE_FREE
from engines.core.protocol.engine import RunData
from engines.core.protocol.errors import ConfigError
from engines.optimizer_dynamics.scenes import network
from engines.optimizer_dynamics.verdicts.race import (
    at_the_end_of_its_grid,
    budgets,
    ranking,
    shares_of_best,
    speed_up,
    speed_up_bounds,
    trial_losses,
)


def speed_ups(run: RunData, member: int, step: int = -1, baseline: float = 1.0) -> dict[str, Any]:
    """Compute how much faster each method of a race is than Adam at equal loss, and its place, at the end of budgets.

    `baseline` multiplies Adam's best rate: 1 is tuned, ¼ is four times too small. A point is missing where Adam's table
    of budgets does not reach the loss: nothing is extrapolated, and `note` says on which side. A place is one among
    all methods, in budgets in which all ran. Raises `ConfigError` without a race with Adam.
    """
    if run.configs[member].scene != "network" or not budgets(run, "adam"):
        raise ConfigError("speed_ups needs a race on digits with adam in it, such as the preset O15")
    names = [name for name in network.RACERS if budgets(run, name)]
    every = sorted({config.horizon for config in run.configs})
    result: dict[str, Any] = {"budget": np.array(every, dtype=float), "trials_spent": _trials(run, names)}
    result["note"] = " ".join(
        filter(None, (_protocol(run, baseline), _beyond(run, names, baseline), _edges(run, names)))
    )
    shared = [T for T in every if all(T in budgets(run, name) for name in names)]
    places, result["shared_budget"] = [ranking(run, T) for T in shared], np.array(shared, dtype=float)
    for name in names:
        result[f"place_{name}"] = np.array([each.index(name) + 1 if name in each else np.nan for each in places])
        own = [speed_up(run, name, T, baseline) if T in budgets(run, name) else None for T in every]
        result[name] = np.array([np.nan if speed is None else speed for speed in own])
    return result


def _trials(run: RunData, names: Sequence[str]) -> np.ndarray:
    """Count the trials of each method over all its budgets, `[n]`; seeds repeat a trial and are none of their own.

    It is no channel: those are of one member at one step, and no member knows of the others.
    """
    return np.array([sum(len(trial_losses(run, name, T)) for T in budgets(run, name)) for name in names])


def _protocol(run: RunData, baseline: float) -> str:
    """Say what a speed-up was measured with: trials of each side, seeds, and how well Adam was tuned."""
    counts = {
        (name in RATE_FREE, len(trial_losses(run, name, T))) for name in network.RACERS for T in budgets(run, name)
    }
    tuned, free = (sorted(count for finds, count in counts if finds is kind) for kind in (False, True))
    trials = " or ".join(map(str, tuned))
    trials += f" trials ({' or '.join(map(str, free))} where a method finds its rate)" if free else " trials"
    whole = len(network.trials_of("adam"))
    more = f" The protocol has {whole}: the preset O20 runs them all at 100 steps." if max(tuned) < whole else ""
    shares = shares_of_best(run, baseline)
    adam = "its best rate" if shares == [1] else f"{' or '.join(f'{x:g}' for x in shares)} times its best rate"
    if any(abs(np.log(share / baseline)) > 0.1 for share in shares):
        adam += f", the nearest to {baseline:.2g} times that was tried"
    seeds = len({config.seed for config in run.configs})
    on = f"{seeds} seeds" if seeds > 1 else "one seed"
    return f"The best of {trials} of each method in each budget, on {on}.{more} Adam is at {adam}."


def _beyond(run: RunData, names: Sequence[str], baseline: float) -> str:
    """Say on which side of Adam's table those are that have no bar; "" where none is outside."""
    outside = []
    for name in names:
        for T in budgets(run, name):
            low, high = speed_up_bounds(run, name, T, baseline)
            if low is not None and low != high:
                bound = f"above {low:.3g}" if high == np.inf else f"below {high:.3g}"
                outside.append(f"{METHOD_LABELS[name]} {bound} at {T} steps")
    return f"Outside Adam's table, without a bar: {', '.join(outside)}." if outside else ""


def _edges(run: RunData, names: Sequence[str]) -> str:
    """Say whose best rate is the last of its grid, so that more trials might be better; "" where nobody's is."""
    ends = [f"{METHOD_LABELS[name]} at {T} steps" for name in names for T in budgets(run, name)
            if at_the_end_of_its_grid(run, name, T)]  # fmt: skip
    return f"The best rate is the last that was tried: {', '.join(ends)}." if ends else ""
