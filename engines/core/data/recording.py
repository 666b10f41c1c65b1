"""Recordings: append-only columns of observed values, with one writer and any number of readers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

FIRST = 64 * 2**20
"""Bytes that are set aside for the first rows of a series."""

BUDGET = 512 * 2**20
"""Bytes that the thin channels of one run may take; over it every second of their frames goes."""


class Frame(NamedTuple):
    """All channels of all members at one step; immutable."""

    step: int
    values: Mapping[str, np.ndarray]


class Series:
    """Arrays `[T, *]` that grow together with their steps. Readers get views of rows that never change again."""

    def __init__(self) -> None:
        # One tuple, so that a reader in another thread always sees steps and values of one moment.
        self._data: tuple[int, np.ndarray, dict[str, np.ndarray]] = (0, np.empty(256, dtype=np.int64), {})

    def __len__(self) -> int:
        return self._data[0]

    def read(self, *names: str) -> tuple[np.ndarray, ...]:
        """Return steps `[T]` and some channels `[T, B, *dims]`, all of one length whatever the writer does now."""
        size, steps, values = self._data
        return steps[:size], *(values[name][:size] for name in names)

    @property
    def steps(self) -> np.ndarray:
        """The observed steps `[T]`."""
        return self.read()[0]

    @property
    def names(self) -> list[str]:
        """The names of the recorded channels."""
        return list(self._data[2])

    def __getitem__(self, name: str) -> np.ndarray:
        """Return one channel, `[T, B, *dims]`."""
        return self.read(name)[1]

    def append(self, step: int, values: Mapping[str, np.ndarray]) -> None:
        """Add the row of one step, `[B, *dims]` of each channel."""
        size, steps, columns = self._data
        if not columns:
            rows = min(256, max(2, FIRST // max(1, sum(value.nbytes for value in values.values()))))
            steps = np.empty(rows, dtype=np.int64)
            columns = {name: np.empty((rows, *value.shape), value.dtype) for name, value in values.items()}
        if size == len(steps):
            steps, columns = _doubled(steps), {name: _doubled(column) for name, column in columns.items()}
        for name, column in columns.items():
            column[size] = values[name]
        steps[size] = step
        self._data = (size + 1, steps, columns)

    def truncate(self, step: int) -> None:
        """Forget every row after `step`. Rows that were handed out stay as they are."""
        _, steps, columns = self._data
        size = int(np.searchsorted(self.steps, step, side="right"))
        self._data = (size, steps.copy(), {name: column.copy() for name, column in columns.items()})

    def until(self, step: int) -> Series:
        """Return the rows up to `step`, whatever the writer does meanwhile."""
        size, steps, columns = self._data
        size = int(np.searchsorted(steps[:size], step, side="right"))
        earlier = Series()
        earlier._data = (size, steps[:size], {name: column[:size] for name, column in columns.items()})
        return earlier

    def after(self, step: int) -> Series:
        """Return the rows after `step`, whatever the writer does meanwhile."""
        size, steps, columns = self._data
        first = int(np.searchsorted(steps[:size], step, side="right"))
        later = Series()
        if first == size:
            return later
        later._data = (size - first, steps[first:size], {name: column[first:size] for name, column in columns.items()})
        return later

    def select(self, members: Sequence[int]) -> Series:
        """Copy the rows of some members alone."""
        size, steps, columns = self._data
        chosen = Series()
        chosen._data = (size, steps[:size], {name: column[:size, list(members)] for name, column in columns.items()})
        return chosen

    def nbytes(self) -> int:
        """Count the bytes that the rows take."""
        size, _, columns = self._data
        return sum(column[:size].nbytes for column in columns.values())

    def halve(self) -> None:
        """Forget every second row, but not the first nor the newest. Rows that were handed out stay as they are."""
        size, steps, columns = self._data
        kept = np.unique(np.r_[0:size:2, size - 1])
        self._data = (len(kept), steps[kept], {name: column[kept] for name, column in columns.items()})

    def index_at(self, step: float) -> int:
        """Return the index of the last row at or before `step` (0 where there is none)."""
        return max(0, int(np.searchsorted(self.steps, step, side="right")) - 1)


@dataclass(frozen=True)
class Event:
    """A live edit: from `step` on, `knob` had `value` for the members listed."""

    step: int
    knob: str
    value: Any
    members: tuple[int, ...]


@dataclass
class Recording:
    """All frames of a run. `generation` changes when rows were taken back, so that a view starts afresh."""

    dense: Series = field(default_factory=Series)
    thin: Series = field(default_factory=Series)
    events: list[Event] = field(default_factory=list)
    generation: int = 0

    def append(self, frame: Frame, thin: frozenset[str]) -> None:
        """Add a frame; its thin channels, when it has them, go to their own series. Recorded steps are skipped."""
        if len(self.dense) and frame.step <= self.dense.steps[-1]:
            return
        self.dense.append(frame.step, {name: v for name, v in frame.values.items() if name not in thin})
        with np.errstate(over="ignore"):  # just before a member diverges its squares exceed single precision
            large = {name: v.astype(np.float32) for name, v in frame.values.items() if name in thin}
        if large:
            self.thin.append(frame.step, large)
            if self.thin.nbytes() > BUDGET and len(self.thin) > 2:
                self.thin.halve()
                self.generation += 1

    def truncate(self, step: int) -> None:
        """Forget everything after `step`."""
        self.dense.truncate(step)
        self.thin.truncate(step)
        self.events = [event for event in self.events if event.step <= step]
        self.generation += 1

    def until(self, step: int) -> Recording:
        """Return the recording up to `step`, unmoved by what is recorded, edited or taken back from now on.

        The events are read first: where rows are being taken back meanwhile, those that stay need no later event.
        """
        events = [event for event in self.events if event.step <= step]
        return Recording(self.dense.until(step), self.thin.until(step), events, self.generation)

    def after(self, step: int) -> Recording:
        """Return what is recorded after `step`, without the events."""
        return Recording(self.dense.after(step), self.thin.after(step), generation=self.generation)

    def join(self, later: Recording) -> None:
        """Append what another recording has beyond this one."""
        thin = frozenset(later.thin.names)
        places = {int(step): row for row, step in enumerate(later.thin.steps)}
        for row, step in enumerate(later.dense.steps):
            values = {name: later.dense[name][row] for name in later.dense.names}
            if int(step) in places:
                values |= {name: later.thin[name][places[int(step)]] for name in thin}
            self.append(Frame(int(step), values), thin)

    def series(self, name: str) -> Series:
        """Return the series that holds a channel."""
        return self.thin if name in self.thin.names else self.dense


def _doubled(rows: np.ndarray) -> np.ndarray:
    """Copy rows `[T, *]` into an array of twice as many; memory that no row has reached is not touched, nor taken."""
    larger = np.empty((2 * len(rows), *rows.shape[1:]), rows.dtype)
    larger[: len(rows)] = rows
    return larger
