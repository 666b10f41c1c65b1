"""Streaming: one Bokeh source for all curves over one series; only new rows are ever sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from bokeh.models import ColumnDataSource

from dashboard.figures.marks import axes
from dashboard.session.curves import FEW, Curve

if TYPE_CHECKING:
    from engines.core.data.recording import Series
    from engines.core.runs.run import Run

MOST_POINTS = 1200
"""Drawn points a curve; beyond, every second one is dropped, and the page says so."""

EXPLODED = {True: 1e3, False: 3.0}
"""A run that diverged is shown up to so many times its first value, on a logarithmic axis and on another."""

QUANTILES = {"median": 0.5, "low": 0.1, "high": 0.9}
"""Shares of the members below the line and the ends of a band."""

EXTREMES = {"median": 0.5, "low": 0.0, "high": 1.0}
"""Shares for bands of fewer than `FEW` members."""


@dataclass(frozen=True)
class Column:
    """One column of the source: a channel of one curve, one of its components, the middle or an end of its band."""

    curve: Curve
    channel: str
    component: int | None = None
    statistic: str = "median"

    @property
    def key(self) -> str:
        """Name of the column in the source."""
        tail = "" if self.component is None else f".{self.component}"
        return f"{self.curve.key}.{self.channel}{tail}" + ("" if self.statistic == "median" else f".{self.statistic}")

    def values(self, block: np.ndarray) -> np.ndarray:
        """Select the column's values `[T]` from a channel's `[T, B, *dims]`."""
        values = block[:, list(self.curve.members)]
        if self.component is not None:
            values = values[..., self.component] if self.component < values.shape[-1] else values[..., 0] * np.nan
        return values[:, 0] if not self.curve.band else summarised(values, self.statistic, self.curve.mean)


def summarised(values: np.ndarray, statistic: str, mean: bool = False) -> np.ndarray:
    """Compute the middle or an end (`low`, `high`) of a band over members, `[T]` of `[T, B]`.

    >>> three = np.array([[1.0, 2.0, 6.0]])
    >>> [summarised(three, one).item() for one in ("low", "median", "high")]
    [1.0, 2.0, 6.0]
    >>> [round(summarised(three, one, mean=True).item(), 3) for one in ("low", "median", "high")]
    [1.472, 3.0, 4.528]
    """
    if not mean:
        return quantile(values, (EXTREMES if values.shape[1] < FEW else QUANTILES)[statistic])
    left = (~np.isnan(values)).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        middle = np.nansum(values, axis=1) / left
        squares = np.nansum(np.square(values - middle[:, None]), axis=1)
        error = np.sqrt(squares / np.maximum(left - 1, 1) / left)
    return middle + {"low": -1, "median": 0, "high": 1}[statistic] * error


def quantile(values: np.ndarray, share: float) -> np.ndarray:
    """Compute a quantile over the members that are left, `[T]` of `[T, B]`."""
    # Members that diverged are NaN and drop out; a row without any member left is NaN.
    ordered = np.sort(values, axis=1)
    count = (~np.isnan(ordered)).sum(axis=1)
    place = share * np.maximum(count - 1, 0)
    low = np.floor(place).astype(int)
    high = np.minimum(low + 1, np.maximum(count - 1, 0))
    rows = np.arange(len(ordered))
    return ordered[rows, low] + (place - low) * (ordered[rows, high] - ordered[rows, low])


class StreamedSource:
    """A `ColumnDataSource` that follows a run. `extents` holds (min, max, least positive) of each column so far."""

    def __init__(self, columns: Sequence[Column], thin: bool = False) -> None:
        self.columns = {column.key: column for column in columns}
        self.thin = thin
        self.source = ColumnDataSource({name: [] for name in ("step", *self.columns)})
        self.extents: dict[str, tuple[float, float, float]] = {}
        self.starts: dict[str, float] = {}
        """The first value of each column."""
        self.diverged: frozenset[int] = frozenset()
        self.note = ""
        self._sent, self._stride = 0, 1
        self._version: tuple[Any, ...] = ()

    def update(self, run: Run) -> None:
        """Send what was recorded since the last call; everything where the run is another one."""
        series = run.recording.thin if self.thin else run.recording.dense
        version = (run, run.recording.generation, run.diverged_at.tobytes())
        size = len(series)
        if version != self._version or size < self._sent:
            self._version = version
            self.diverged = frozenset(np.flatnonzero(run.diverged_at >= 0).tolist())
            self._restart(series, run, size)
        elif size > self._sent:
            self._append(series, run, size)

    def row_at(self, run: Run, step: int, keys: Iterable[str]) -> dict[str, float]:
        """Read some columns at the last recorded step up to `step` that is drawn; empty where none is."""
        series = run.recording.thin if self.thin else run.recording.dense
        drawn: Any = self.source.data["step"]
        row = series.index_at(min(step, drawn[-1])) if len(drawn) else 0
        columns = self._rows(series, run, slice(row, row + 1), {key: self.columns[key] for key in keys})
        return {key: float(values[0]) for key, values in columns.items() if len(values)}

    def extent(self, keys: Iterable[str], log: bool) -> tuple[float, float, float] | None:
        """Find the extent of some columns, without the last steps of diverged members: they press all others flat."""
        present = [key for key in keys if key in self.extents]
        whole = axes.union(map(self.extents.get, present))
        starts = [abs(self.starts[key]) for key in present]
        if not self.diverged or not any(starts):
            return whole
        alive = [key for key in present if self.diverged.isdisjoint(self.columns[key].curve.members)]
        reached = [max(abs(end) for end in self.extents[key][:2]) for key in alive]
        return axes.capped(whole, max(EXPLODED[log] * max(starts), *reached, 0.0))

    def _append(self, series: Series, run: Run, size: int) -> None:
        first = -(-self._sent // self._stride) * self._stride
        rows = self._rows(series, run, slice(first, size, self._stride), self.columns)
        self._sent = size
        if len(self.source.data["step"]) + len(rows["step"]) > MOST_POINTS:
            self._restart(series, run, size)
        elif len(rows["step"]):
            self._measure(rows)
            self.source.stream({name: values.tolist() for name, values in rows.items()})

    def _restart(self, series: Series, run: Run, size: int) -> None:
        self._stride = 1
        while size / self._stride > MOST_POINTS / 2 and size > MOST_POINTS:
            self._stride *= 2
        rows = self._rows(series, run, slice(0, size, self._stride), self.columns)
        self._sent, self.extents, self.starts = size, {}, {}
        self._measure(rows)
        self.source.data = rows
        self.note = f"{len(rows['step']):,} of {size:,} recorded points drawn" if self._stride > 1 else ""

    def _rows(self, series: Series, run: Run, rows: slice, columns: Mapping[str, Column]) -> dict[str, Any]:
        channels = {column.channel for column in columns.values()}
        raw = {name: series[name][rows] for name in channels if name in series.names}
        # Rows may be taken back while they are read; what is left of all columns is what there was of each.
        steps = series.steps[rows]
        size = min(len(steps), *(len(block) for block in raw.values())) if raw else len(steps)
        steps = steps[:size]
        blocks = {name: mask_diverged(run, steps, block[:size]) for name, block in raw.items()}
        empty = np.full(len(steps), np.nan)
        values = {k: c.values(blocks[c.channel]) if c.channel in blocks else empty for k, c in columns.items()}
        return {"step": steps.astype(float)} | values

    def _measure(self, rows: dict[str, np.ndarray]) -> None:
        for key in self.columns:
            values = rows[key][np.isfinite(rows[key])]
            if len(values):
                self.starts.setdefault(key, float(values[0]))
                low, high, least = self.extents.get(key, (np.inf, -np.inf, np.inf))
                positive = values[values > 0]
                least = min(least, float(positive.min())) if len(positive) else least
                self.extents[key] = (min(low, float(values.min())), max(high, float(values.max())), least)


def read_column(run: Run, column: Column) -> tuple[np.ndarray, np.ndarray]:
    """Read all recorded steps `[T]` of a column and its values `[T]`, NaN from where a member diverged."""
    steps, block = run.recording.series(column.channel).read(column.channel)
    return steps, column.values(mask_diverged(run, steps, block))


def mask_diverged(run: Run, steps: np.ndarray, block: np.ndarray) -> np.ndarray:
    """Set a channel `[T, B, *dims]` at steps `[T]` to NaN from where each member diverged."""
    diverged = (run.diverged_at >= 0) & (steps[:, None] >= run.diverged_at)
    if not diverged.any():
        return block
    return np.where(diverged.reshape(diverged.shape + (1,) * (block.ndim - 2)), np.nan, block)
