"""Keeps the experiments that were open before, for undo and redo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from engines.core.data.recording import Event
    from engines.core.protocol.config import Config
    from engines.core.runs.experiment import Experiment

MOST = 100
"""Experiments that are kept."""


class HistoryEntry(NamedTuple):
    """An experiment as the knobs show it, and as its run is repeated, with live edits at their steps."""

    shown: Experiment
    repeated: Experiment


class History:
    """Two stacks of experiments: those before the one that is open, and those that were undone."""

    def __init__(self) -> None:
        self._before: list[HistoryEntry] = []
        self._after: list[HistoryEntry] = []

    @property
    def can_undo(self) -> bool:
        """Whether something was open before."""
        return bool(self._before)

    @property
    def can_redo(self) -> bool:
        """Whether something was undone."""
        return bool(self._after)

    def remember(self, now: HistoryEntry) -> None:
        """Keep what is open; call it before something else is opened or edited."""
        self._before, self._after = [*self._before, now][-MOST:], []

    def forget(self) -> None:
        """Let nothing be undone beyond what is open."""
        self._before, self._after = [], []

    def undo(self, now: HistoryEntry) -> HistoryEntry | None:
        """Return what was open before, and keep what is open now for `redo`; None where nothing was."""
        return _move(now, self._before, self._after)

    def redo(self, now: HistoryEntry) -> HistoryEntry | None:
        """Return what was undone last; None where nothing was."""
        return _move(now, self._after, self._before)


def _move(now: HistoryEntry, source: list[HistoryEntry], target: list[HistoryEntry]) -> HistoryEntry | None:
    if not source:
        return None
    target.append(now)
    return source.pop()


def live_edits(before: Sequence[Config], after: Sequence[Config]) -> list[Event] | None:
    """List the live edits that lead from some members to others; None where only a restart does."""
    from engines.core.data.recording import Event

    if len(before) != len(after):
        return None
    pairs = [(dict(old), dict(new)) for old, new in zip(before, after, strict=True)]
    names = [name for name in before[0].knobs() if any(old[name] != new[name] for old, new in pairs)]
    alike = all(new[name] == pairs[0][1][name] for name in names for _, new in pairs)
    if not alike or any(before[0].knobs()[name].role != "live" for name in names):
        return None
    return [Event(0, name, pairs[0][1][name], tuple(range(len(after)))) for name in names]
