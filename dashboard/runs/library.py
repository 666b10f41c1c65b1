"""The library of the reader's runs as pages see it: whose it is, what is kept of a run that plays, how it is listed."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import panel as pn

from dashboard.session.uploads import LOOPBACK
from engines.core.files.atomic_file import writing
from engines.core.library.library import FOLDER_VARIABLE, Entry, Library, default_folder
from engines.core.protocol.errors import StoreError

if TYPE_CHECKING:
    from engines.core.compute.checkpoints import Checkpoint
    from engines.core.runs.run import Run

VISITOR = "dynascope_visitor"
"""The cookie by which a visitor without a login is known again."""

LARGEST_RUN = 300 * 2**20
"""Bytes of recorded numbers that are kept at once."""

FIRST_SAFE, SAFE, SPARING = 5.0, 20.0, 50
"""Seconds until a run is kept safe for the first time, and then again; and so many times what writing it took."""

LARGEST_KEPT_SAFE = 8 * 2**20
"""Bytes of recorded numbers up to which a run is kept safe."""

PLAYING = f"playing-{os.urandom(4).hex()}-"
"""Beginning of the names of runs that this process plays: no other process has it, not even a later one here."""

SHOWN = 50
"""Stored runs that a lab lists; the page of the library has all."""


@dataclass
class LibraryAccess:
    """Whether all visitors have one library: on a server that others reach each has their own."""

    one_for_all: bool = False


SHARING = LibraryAccess()


def open_for(address: str) -> None:
    """Open a library in the user's data folder for a server that only this machine reaches."""
    SHARING.one_for_all = address in LOOPBACK
    if SHARING.one_for_all:
        os.environ.setdefault(FOLDER_VARIABLE, str(default_folder()))


def folder() -> Path | None:
    """Return the folder where runs are kept; None where they are not. On a public server each visitor has one.

    Ask for it in a page's own session: whose it is does not show in other threads.
    """
    given = os.environ.get(FOLDER_VARIABLE)
    if not given:
        return None
    whose = "" if SHARING.one_for_all else owner()
    return Path(given, hashlib.sha256(whose.encode()).hexdigest()[:32]) if whose else Path(given)


def public() -> bool:
    """Whether this page is one of a server that others reach, too."""
    return not SHARING.one_for_all and bool(owner())


def owner() -> str:
    """Name whose session this is: the one who logged in, else whoever has the cookie; "" in a notebook."""
    user, visitor = pn.state.user, pn.state.cookies.get(VISITOR, "")
    return f"user {user}" if user and user != "guest" else f"visitor {visitor}" if visitor else ""


def opened(library_folder: Path | None = None) -> Library:
    """Return the library of this visitor, or the one in a folder. Raises `StoreError` where runs are not kept."""
    library_folder = library_folder or folder()
    if library_folder is None:
        raise StoreError("this server keeps no runs (launch.py serve --library DIR)")
    return Library(library_folder, hidden=PLAYING)


def summary_line(entry: Entry) -> str:
    """Say in a line what a stored run is."""
    knobs = ", ".join(entry.varied[:3])
    many = f"{entry.members} members over {knobs}" if entry.members > 1 else "1 member"
    size = f"{entry.size / 2**20:.1f} MB" if entry.size > 2**17 else f"{entry.size / 2**10:.0f} kB"
    begun = "interrupted, " if entry.interrupted else ""
    return f"{begun}{many}, {entry.frames:,} frames, {local_time(entry.stored)}, {size}"


def local_time(stored: str) -> str:
    """Write a time in UTC as it was here.

    >>> local_time("no time")
    'no time'
    """
    try:
        moment = time.strptime(stored, "%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        return stored
    import calendar

    return time.strftime("%Y-%m-%d %H:%M", time.localtime(calendar.timegm(moment)))


def keep(run: Run, library_folder: Path | None = None, checkpoint: Checkpoint | None = None) -> str:
    """Store a run, with a checkpoint from which it goes on; returns its id. Raises `StoreError`."""
    size = run.recording.dense.nbytes() + run.recording.thin.nbytes()
    stored = opened(library_folder)
    if size > LARGEST_RUN:
        raise StoreError(f"the run has {size:,} bytes; {LARGEST_RUN:,} are kept at most (Export has no limit)")
    return stored.keep(run, checkpoint=checkpoint)


class AutosavedRun:
    """A file with the run that a page plays: where the server is lost, it is found as interrupted and can go on."""

    def __init__(self, library_folder: Path | None) -> None:
        self._file = library_folder / f"{PLAYING}{os.urandom(4).hex()}.parquet" if library_folder else None
        self._version: tuple[int, int] | None = None
        self._due = time.monotonic() + FIRST_SAFE

    def due(self, run: Run) -> bool:
        """Whether there is something new, small enough, and the last time is long enough ago."""
        if self._file is None or time.monotonic() < self._due or len(run) < 2 or _version(run) == self._version:
            return False
        return run.recording.dense.nbytes() + run.recording.thin.nbytes() <= LARGEST_KEPT_SAFE

    def keep(self, run: Run) -> None:
        """Store a copy of the run in place of the one before. Raises `StoreError` once: it is not tried again."""
        from engines.core.files import store

        assert self._file
        begun, self._version, self._due = time.monotonic(), _version(run), math.inf
        run.interrupted = True
        with writing(self._file) as file:
            store.write(run, file)
        now = time.monotonic()
        self._due = now + SAFE + SPARING * (now - begun)

    def end(self) -> None:
        """Remove the autosaved run: its page was closed, and nothing was lost."""
        if self._file:
            with contextlib.suppress(OSError):
                self._file.unlink(missing_ok=True)


def _version(run: Run) -> tuple[int, int]:
    return id(run.initial_configs), int(run.steps[-1])
