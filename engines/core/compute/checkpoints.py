"""Checkpoints: everything that evolves, at one step, to come back to; and those that a run keeps."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from engines.core.data.schedule import Schedule

CHECKPOINT_BUDGET = 256 * 2**20
"""Bytes that the checkpoints of one run may take."""


@dataclass(frozen=True)
class Checkpoint:
    """Everything that evolves, at one step; restoring it and advancing repeats the run bit for bit."""

    step: int
    schedule: Schedule
    diverged_at: np.ndarray
    batches: tuple[tuple[Any, dict[str, Tensor]], ...]

    def nbytes(self) -> int:
        """Count the bytes of the states."""
        return sum(value.nbytes for state, _ in self.batches for value in state)


class Bookmark(NamedTuple):
    """A place to which a simulation returns: its step, the last one known to be finite, and the states at both."""

    step: int
    checked: int
    states: list[tuple[Any, Any]]


class Checkpoints:
    """Checkpoints of one simulation by step. Over budget every second one goes; the first and the newest stay."""

    def __init__(self, budget: int | None = None) -> None:
        self._budget = CHECKPOINT_BUDGET if budget is None else budget
        self._saved: list[Checkpoint] = []

    def save_if_due(self, now: Checkpoint) -> None:
        """Save a state where its step is on the thin schedule."""
        if now.step not in now.schedule.thin:
            return
        self.forget(now.step - 1)
        self._saved.append(now)
        while sum(saved.nbytes() for saved in self._saved) > self._budget and len(self._saved) > 2:
            self._saved[1:-1] = self._saved[2:-1:2]

    def before(self, step: int) -> Checkpoint:
        """Return the last checkpoint at or before `step`."""
        return self._saved[max(0, bisect_right([saved.step for saved in self._saved], step) - 1)]

    def forget(self, step: int) -> None:
        """Drop every checkpoint after `step`."""
        self._saved = [saved for saved in self._saved if saved.step <= step]
