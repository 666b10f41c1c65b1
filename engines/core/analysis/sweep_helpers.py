"""Numbers read off what a sweep measured, for its map and its verdicts: shares, boundaries, ratios to a law."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from engines.core.protocol.config import Config

if TYPE_CHECKING:
    from xarray import DataArray, Dataset


def share_below(data: Dataset, measure: str, level: float) -> DataArray:
    """Compute the share of seeds whose measure is below a level; NaN where none is computed."""
    values = data[measure]
    finite = values.notnull()
    return ((values < level) & finite).sum("seed") / finite.sum("seed").where(lambda count: count > 0)


def half_way(share: DataArray, along: str) -> np.ndarray:
    """Find where a share rises through one half along a positive knob, on its logarithm; NaN where it does not.

    The answers `[n]` stand in the order of the n combinations of the other knobs' values, the last knob fastest. The
    last rise counts.
    """
    others = [str(name) for name in share.dims if name != along]
    rows = share.transpose(*others, along).values.reshape(-1, share.sizes[along])
    places = np.log(share[along].values.astype(float))
    return np.array([_crossing(places, row) for row in rows])


def _crossing(places: np.ndarray, row: np.ndarray) -> float:
    low = np.flatnonzero(row < 0.5)
    if not np.isfinite(row).all() or not len(low) or low[-1] == len(row) - 1:
        return float("nan")
    i = low[-1]
    share = (0.5 - row[i]) / (row[i + 1] - row[i])
    return float(np.exp(places[i] + share * (places[i + 1] - places[i])))


def law(data: DataArray | Dataset, config: Config, value: Callable[[Any], float], knobs: Sequence[str]) -> DataArray:
    """Compute a law at every combination of values of some knobs; NaN where these contradict each other."""
    from xarray import DataArray

    values = {name: data[name].values for name in knobs}
    predicted = [_at(config, dict(zip(knobs, point, strict=True)), value) for point in product(*values.values())]
    shape = [len(each) for each in values.values()]
    return DataArray(np.reshape(predicted, shape), values, list(knobs))


def _at(config: Config, point: Mapping[str, Any], value: Callable[[Any], float]) -> float:
    plain = {name: each.item() if isinstance(each, np.generic) else each for name, each in point.items()}
    try:
        return float(value(config.replace(**plain)))
    except ValueError:  # a point that the engine refuses
        return float("nan")


def level_line(map_of: DataArray, across: str, up: str, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Find where a map that is monotone along the positive knob `across` has a level: values of both knobs, `[n]` each.

    n is at most the number of values of `up`: rows in which the level is not reached are left out.
    """
    crossings = []
    for place in map_of[up].values:
        row = map_of.sel({up: place})
        x, y = np.log(row[across].values.astype(float)), row.values
        good = np.isfinite(y) & (y > 0)
        x, y = x[good], np.log(y[good])
        order = np.argsort(y)
        if len(y) > 1 and y[order[0]] <= np.log(level) <= y[order[-1]]:
            crossings.append((float(np.exp(np.interp(np.log(level), y[order], x[order]))), place))
    return np.array([x for x, _ in crossings]), np.array([place for _, place in crossings])


def worst(ratios: Any, least: float = 0.5) -> float | None:
    """Return the ratio farthest from 1; None where fewer than a share `least` of them are known."""
    values = np.asarray(ratios, dtype=float).ravel()
    positive = values[np.isfinite(values) & (values > 0)]
    if not len(values) or len(positive) < least * len(values):
        return None
    return float(positive[np.abs(np.log(positive)).argmax()])
