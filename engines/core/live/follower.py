"""The run of a training elsewhere, followed in the file into which that stores it. Nothing is computed here."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from engines.core.data.recording import Event
from engines.core.files import store
from engines.core.live.runner import Status
from engines.core.protocol.errors import StoreError
from engines.core.runs.run import Run
from engines.core.watch.engine import NOT_HERE

PERIOD = 1.0
"""Seconds between two readings of the file."""

SILENT = 60.0
"""Seconds after which a file that does not change is that of a training which goes on no more."""


class FollowedRun(Run):
    """A run whose file somebody else goes on to write."""

    file: Path

    @classmethod
    def read(cls, file: Path) -> FollowedRun:
        """Read what is there now. Raises `StoreError`."""
        data = store.read(file)
        run = cls(data.engine, data.initial_configs, preset=data.preset, device=data.device)
        vars(run).update(vars(data), file=file)
        return run


class Follower:
    """Has the commands of a `Runner` and obeys none: reading a file does not reach the loop that writes it."""

    speed: float | None = None
    edits: tuple[Event, ...] = ()
    checkpoint = None
    """Always None: the state of a training elsewhere is not here."""

    def __init__(self, run: FollowedRun) -> None:
        self.run = run
        self._changed = self._read_at = 0.0
        self._message = self._refusal = ""
        self._unread = False
        """Whether the file could not be read the last time, as while it is being replaced."""

    @property
    def status(self) -> Status:
        """How far it has come; the file is read again where it has changed."""
        if time.monotonic() - self._read_at > PERIOD:
            self._read_at = time.monotonic()
            self._read()
        step = int(self.run.steps[-1])
        plays, message = self._goes_on(), self._message
        return Status(step=step, horizon=step, playing=plays, ready=True, message=message, refusal=self._refusal)

    def _read(self) -> None:
        """Take over what was recorded since. What cannot be read is read again; the second time in a row it is said."""
        try:
            changed = self.run.file.stat().st_mtime
            fresh = store.read(self.run.file) if changed != self._changed else None
        except (OSError, StoreError) as error:
            if self._unread:
                self._message = f"{self.run.file.name} cannot be read any more ({getattr(error, 'strerror', error)})."
            self._unread = True
            return
        if self._unread:
            self._unread, self._message = False, ""
        if fresh is None:
            return
        self._changed = changed
        same = fresh.initial_configs == self.run.initial_configs and len(fresh) >= len(self.run)
        if not same:  # another training into the same file
            self.run.recording.generation += 1
        recording = self.run.recording
        recording.dense, recording.thin = fresh.recording.dense, fresh.recording.thin
        self.run.notes, self.run.interrupted = fresh.notes, fresh.interrupted

    def _goes_on(self) -> bool:
        return self.run.interrupted and time.time() - self._changed < SILENT

    def _refuse(self, *ignored: Any) -> None:
        self._refusal = f"{NOT_HERE}."

    play = step = apply = branch = move = _refuse

    def pause(self) -> None:
        """Do nothing: the training goes on."""

    def renew(self, until: float) -> None:
        """Do nothing: there is no computing to go on with."""

    def close(self) -> None:
        """Do nothing: the file is its training's."""
