"""Speed-ups: the steps that a tuned baseline needs for a loss, over those that were needed; never an extrapolation."""

from __future__ import annotations

import numpy as np


def steps_to_equal(budgets: np.ndarray, losses: np.ndarray, loss: float) -> float | None:
    """Interpolate the budget at which a tuned baseline reaches `loss`, on logarithms.

    `losses` `[n]` are its best final losses at `budgets` `[n]`, ascending. None where the loss is outside the table.

    >>> steps_to_equal(np.array([100, 400]), np.array([0.4, 0.1]), 0.2)
    200.0
    """
    falling = np.minimum.accumulate(losses)
    if not falling[-1] <= loss <= falling[0]:
        return None
    x = np.interp(np.log(loss), np.log(falling[::-1]), np.log(np.asarray(budgets, dtype=float))[::-1])
    return round(float(np.exp(x)), 9)


def bounds(budgets: np.ndarray, losses: np.ndarray, loss: float) -> tuple[float, float]:
    """Bound the budget at which a tuned baseline reaches `loss`: both ends are it within the table, else one is open.

    `budgets` and `losses` are `[n]`, as in `steps_to_equal`.

    >>> bounds(np.array([100, 400]), np.array([0.4, 0.1]), 0.01)
    (400.0, inf)
    """
    within = steps_to_equal(budgets, losses, loss)
    if within is not None:
        return within, within
    return (float(budgets[-1]), np.inf) if loss < np.min(losses) else (0.0, float(budgets[0]))


def parabola_minimum(rates: np.ndarray, losses: np.ndarray) -> tuple[float, float]:
    """Find the best rate and its loss by a parabola through the three best of a grid, on logarithms.

    Rates `[n]` in any order, losses `[n]`, infinite where a run diverged. At the end of the grid its end counts.
    """
    order = np.argsort(rates)
    rates, losses = rates[order], losses[order]
    best = int(np.nanargmin(np.where(np.isfinite(losses), losses, np.inf)))
    near = slice(best - 1, best + 2)
    if not 0 < best < len(rates) - 1 or not np.isfinite(losses[near]).all():
        return float(rates[best]), float(losses[best])
    x, y = np.log(rates[near]) - np.log(rates[best]), np.log(losses[near])
    a, b, c = np.polyfit(x, y, 2)
    if a <= 0:
        return float(rates[best]), float(losses[best])
    return float(rates[best] * np.exp(-b / (2 * a))), float(np.exp(c - b * b / (4 * a)))
