"""The library of the reader's runs, one Parquet file each; only pages of this machine have one by default."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dashboard.session.uploads import LOOPBACK
from engines.core.protocol.config import varied
from engines.core.protocol.errors import StoreError, quote

if TYPE_CHECKING:
    from engines.core.protocol.engine import RunData
    from engines.core.runs.run import Run

FOLDER_VARIABLE = "DYNASCOPE_LIBRARY"
"""The environment variable with the folder; without it there is no library."""

LARGEST_RUN = 300 * 2**20
"""Bytes of recorded numbers that are kept at once."""


@dataclass(frozen=True)
class Entry:
    """A stored run as the list shows it; `broken` says what is wrong with a file that cannot be read."""

    name: str
    title: str = ""
    about: str = ""
    broken: str = ""


def offer(address: str) -> None:
    """Open a library in the user's data folder for a server that only this machine reaches."""
    if address in LOOPBACK:
        import platformdirs

        os.environ.setdefault(FOLDER_VARIABLE, str(platformdirs.user_data_path("dynascope") / "runs"))


def folder() -> Path | None:
    """Return the folder where runs are kept; None where they are not."""
    given = os.environ.get(FOLDER_VARIABLE)
    return Path(given) if given else None


def path(name: str) -> Path:
    """Return the file of an entry. Raises `StoreError` for a name that is none."""
    place = folder()
    if place is None or Path(name).name != name or "\0" in name or not name.endswith(".parquet"):
        raise StoreError(f"there is no stored run {quote(name)}")
    return place / name


def entries(engine: str) -> list[Entry]:
    """List the stored runs of a lab, newest first, and what cannot be read. No recorded number is loaded."""
    place = folder()
    if place is None or not place.is_dir():
        return []
    files = sorted(filter(Path.exists, place.glob("*.parquet")), key=_changed, reverse=True)
    return [entry for file in files if (entry := _entry(file, engine))]


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
    return run.preset.name if run.preset else "own knobs", f"{many}, {frames:,} frames, {when}, {size}"


def keep(run: Run) -> str:
    """Store a run; returns its name. Raises `StoreError`."""
    from engines.core.files import store

    place = folder()
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


def delete(name: str) -> None:
    """Remove a stored run. Raises `StoreError`."""
    file = path(name)
    try:
        file.unlink()
    except OSError as error:
        raise StoreError(f"cannot delete {name}: {error.strerror}") from error
