"""The library of the reader's runs, one Parquet file each; only pages of this machine have one by default."""

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
from engines.core.protocol.config import varied
from engines.core.protocol.errors import StoreError, quote

if TYPE_CHECKING:
    from engines.core.protocol.engine import RunData
    from engines.core.runs.run import Run

FOLDER_VARIABLE = "DYNASCOPE_LIBRARY"
"""The environment variable with the folder; without it there is no library."""

VISITOR = "dynascope_visitor"
"""The cookie by which a visitor without a login is known again."""

LARGEST_RUN = 300 * 2**20
"""Bytes of recorded numbers that are kept at once."""


LEFT_OVER = 3600
"""Seconds after which a file that was being written is one that nobody writes any more."""

FIRST_SAFE, SAFE, SPARING = 5.0, 20.0, 50
"""Seconds until a run is kept safe for the first time, and then again; and so many times what writing it took."""

LARGEST_KEPT_SAFE = 8 * 2**20
"""Bytes of recorded numbers up to which a run is kept safe."""

PLAYING = f"playing-{os.urandom(4).hex()}-"
"""Beginning of the names of runs that this process plays: no other process has it, not even a later one here."""


@dataclass(frozen=True)
class Entry:
    """A stored run as the list shows it; `broken` says what is wrong with a file that cannot be read."""

    name: str
    title: str = ""
    about: str = ""
    broken: str = ""


@dataclass
class Sharing:
    """Whether all visitors have one library: on a server that others reach each has their own."""

    one_for_all: bool = False


SHARING = Sharing()


def offer(address: str) -> None:
    """Open a library in the user's data folder for a server that only this machine reaches."""
    SHARING.one_for_all = address in LOOPBACK
    if SHARING.one_for_all:
        import platformdirs

        os.environ.setdefault(FOLDER_VARIABLE, str(platformdirs.user_data_path("dynascope") / "runs"))


def folder() -> Path | None:
    """Return the folder where runs are kept; None where they are not. On a public server each visitor has one.

    Ask for it in a page's own session: whose it is does not show in other threads.
    """
    given = os.environ.get(FOLDER_VARIABLE)
    if not given:
        return None
    owner = "" if SHARING.one_for_all else _owner()
    return Path(given, hashlib.sha256(owner.encode()).hexdigest()[:32]) if owner else Path(given)


def public() -> bool:
    """Whether this session is one of a server that others reach, too."""
    return not SHARING.one_for_all and bool(_owner())


def _owner() -> str:
    """Name whose session this is: the one who logged in, else whoever has the cookie; "" in a notebook."""
    user, visitor = pn.state.user, pn.state.cookies.get(VISITOR, "")
    return f"user {user}" if user and user != "guest" else f"visitor {visitor}" if visitor else ""


def path(name: str, place: Path | None = None) -> Path:
    """Return the file of an entry. Raises `StoreError` for a name that is none."""
    place = place or folder()
    if place is None or Path(name).name != name or "\0" in name or not name.endswith(".parquet"):
        raise StoreError(f"there is no stored run {quote(name)}")
    return place / name


def entries(engine: str, place: Path | None = None) -> list[Entry]:
    """List the stored runs of a lab, newest first, and what cannot be read. No recorded number is loaded."""
    place = place or folder()
    if place is None or not place.is_dir():
        return []
    _sweep(place)
    files = [file for file in place.glob("*.parquet") if file.exists() and not file.name.startswith(PLAYING)]
    files.sort(key=_changed, reverse=True)
    return [entry for file in files if (entry := _entry(file, engine))]


def _sweep(place: Path) -> None:
    """Remove what programs left behind that were ended while they wrote."""
    for part in place.glob("*.part"):
        if time.time() - _changed(part) > LEFT_OVER:
            with contextlib.suppress(OSError):
                part.unlink()


def _changed(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:  # deleted meanwhile: what reads it says so
        return 0.0


def _entry(file: Path, engine: str) -> Entry | None:
    from engines.core.files import store

    try:
        about = store.read_description(file)
        if about["engine"] != engine:
            return None
        return Entry(file.name, *_description(file, store.run_from_description(about), about["rows"]))
    except store.DAMAGED as error:
        return Entry(file.name, file.name, broken=store.reason(error).replace(f"{file.parent}{os.sep}", ""))


def _description(file: Path, run: RunData, frames: int) -> tuple[str, str]:
    members = len(run.initial_configs)
    knobs = ", ".join(varied(run.initial_configs)[:3])
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(file.stat().st_mtime))
    many = f"{members} members over {knobs}" if members > 1 else "1 member"
    size = f"{file.stat().st_size / 2**20:.1f} MB"
    many = f"interrupted, {many}" if run.interrupted else many
    return run.preset.name if run.preset else "own knobs", f"{many}, {frames:,} frames, {when}, {size}"


def keep(run: Run, place: Path | None = None) -> str:
    """Store a run; returns its name. Raises `StoreError`."""
    from engines.core.files import store

    place = place or folder()
    if place is None:
        raise StoreError("this server keeps no runs (launch.py serve --library DIR)")
    size = run.recording.dense.nbytes() + run.recording.thin.nbytes()
    if size > LARGEST_RUN:
        raise StoreError(f"the run has {size:,} bytes; {LARGEST_RUN:,} are kept at most (Export has no limit)")
    preset = run.preset.name if run.preset else "own"
    name = f"{run.engine.name}-{preset}-{time.strftime('%Y%m%d-%H%M%S')}-{os.urandom(2).hex()}.parquet"
    with store.writing(place / name) as file:
        store.write(run, file)
    return name


class Safekeeping:
    """A file with the run that a page plays: where the server is lost, it is found as interrupted and can go on."""

    def __init__(self, place: Path | None) -> None:
        self._file = place / f"{PLAYING}{os.urandom(4).hex()}.parquet" if place else None
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
        with store.writing(self._file) as file:
            store.write(run, file)
        now = time.monotonic()
        self._due = now + SAFE + SPARING * (now - begun)

    @property
    def used(self) -> bool:
        """Whether there is, or may be, a file."""
        return self._version is not None

    def end(self) -> None:
        """Remove the file: the page was closed, and nothing was lost."""
        if self._file:
            with contextlib.suppress(OSError):
                self._file.unlink(missing_ok=True)


def _version(run: Run) -> tuple[int, int]:
    return id(run.initial_configs), int(run.steps[-1])


def delete(name: str, place: Path | None = None) -> None:
    """Remove a stored run. Raises `StoreError`."""
    file = path(name, place)
    try:
        file.unlink()
    except OSError as error:
        raise StoreError(f"cannot delete {name}: {error.strerror}") from error
