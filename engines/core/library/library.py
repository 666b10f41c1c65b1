"""A library: a folder with a Parquet file a run, which are listed, found, named, tagged, deleted and brought back."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engines.core.files.atomic_file import writing
from engines.core.library.filters import SqlCondition, conditions
from engines.core.library.index import FOLDER, Index, Progress, refresh
from engines.core.protocol.errors import ConfigError, StoreError, UnknownName, quote
from engines.core.protocol.paths import expand_home

if TYPE_CHECKING:
    import pandas

    from engines.core.compute.checkpoints import Checkpoint
    from engines.core.runs.run import Run

FOLDER_VARIABLE = "DYNASCOPE_LIBRARY"
"""The environment variable with the folder of the library."""

TRASH = "trash"
"""The folder in a library with what was deleted."""

KEPT_DELETED = 30 * 86400
"""Seconds for which what was deleted can be brought back."""

LONGEST_NAME, LONGEST_NOTE, MOST_TAGS = 200, 10_000, 50

LISTED = "SELECT * FROM runs WHERE {where} ORDER BY stored DESC, file LIMIT ? OFFSET ?"
"""The question that lists runs."""

LOCKED = 60.0
"""Seconds for which another process that changes what is said of a run is waited for."""

LAST_LETTER = "\U0010ffff"
"""The last of all letters: what begins with some others stands before them and this one."""

CHECKPOINT = ".safetensors"
"""Ending of the file with a run's checkpoint at its last step, beside its own."""


@dataclass(frozen=True)
class Entry:
    """A stored run as a list shows it; `broken` says what is wrong with a file that cannot be read."""

    file: str
    engine: str = ""
    preset: str = ""
    name: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""
    stored: str = ""
    """Time in UTC at which it was stored."""
    steps: int = 0
    frames: int = 0
    members: int = 0
    varied: tuple[str, ...] = ()
    """The knobs in which its members differ."""
    interrupted: bool = False
    held: int = 0
    claims: int = 0
    """Number of claims of its preset that were decided; `held` of them held."""
    size: int = 0
    broken: str = ""

    @property
    def id(self) -> str:
        """The name of its file without the ending, by which it is asked for."""
        return self.file.removesuffix(".parquet")

    @property
    def title(self) -> str:
        """The name that a reader gave it, else its preset."""
        return self.name or self.preset or (self.file if self.broken else "own knobs")


class Library:
    """The stored runs in a folder. Nothing is read before it is asked for; any number of processes may use one."""

    def __init__(self, folder: str | Path | None = None, hidden: str = "-") -> None:
        """Name the folder; default: that of `DYNASCOPE_LIBRARY`, else the one in the user's data.

        Files whose names begin with `hidden` are not shown.
        """
        self._hidden = hidden
        self.folder = expand_home(folder) if folder is not None else default_folder()
        self.index = Index(self.folder)

    # -- finding ---------------------------------------------------------------------------------------------

    def find(self, text: str = "", *, engine: str = "", limit: int = 200, first: int = 0) -> tuple[list[Entry], int]:
        """Find stored runs, newest first: `limit` of them from the `first` on, and how many there are.

        `text` holds words, `tag:paper`, `engine:`, `preset:`, `is:interrupted`, and knobs such as `alpha<0.1`; all
        must hold. No recorded number is read. Raises `ConfigError`, `UnknownName` or `StoreError`.
        """
        with self.index.opened() as connection:
            for last in (False, False, True):  # what changes all the time is shown as it was a moment ago
                where, values = self._conditions(connection, text, engine, newest=True)
                rows = connection.execute(LISTED.format(where=where), [*values, limit, first]).fetchall()
                count = first + len(rows)
                if len(rows) == limit or (first and not rows):  # there may be others
                    where, values = self._conditions(connection, text, engine)
                    [count] = connection.execute(f"SELECT count(*) FROM runs WHERE {where}", values).fetchone()
                if last or not refresh(self.folder, connection, rows):
                    break
            return [_entry(row) for row in rows], count

    def _conditions(self, connection: sqlite3.Connection, text: str, engine: str, newest: bool = False) -> SqlCondition:
        where, values = conditions(connection, text, newest)
        where, values = f"({where}) AND instr(file, ?) != 1", [*values, self._hidden]
        if engine:
            where, values = f"({where}) AND (engine = ? OR broken != '')", [*values, engine]
        return where, values

    def entry(self, name: str) -> Entry:
        """Return the run of this name, id, or beginning of an id that no other has. Raises `UnknownName`."""
        with self.index.opened() as connection:
            wanted = name.removesuffix(".parquet")
            begins = "file >= ? AND file < ?", [wanted, f"{wanted}{LAST_LETTER}"]
            tests = [("file = ?", [f"{wanted}.parquet"]), ("name = ?", [name]), begins] if name else []
            for where, values in tests:
                rows = connection.execute(f"SELECT * FROM runs WHERE {where} LIMIT 2", values).fetchall()
                if len(rows) > 1:
                    which = ", ".join(row["file"].removesuffix(".parquet") for row in rows[:2])
                    raise ConfigError(f"several stored runs are called {quote(name)}: give the id, such as {which}")
                if rows:
                    return _entry(rows[0])
            rows = connection.execute("SELECT file, name FROM runs ORDER BY stored DESC LIMIT 1000")
            names = [text for file, called in rows for text in (called, file.removesuffix(".parquet")) if text]
        raise UnknownName("stored run", name, names)

    def about(self, name: str) -> dict[str, Any]:
        """Return all that a file says of its run but its recorded numbers. Raises `UnknownName` or `StoreError`."""
        from engines.core.files import store

        entry = self.entry(name)
        said = store.read_description(self.folder / entry.file)
        return {"id": entry.id, "file": str(self.folder / entry.file), "size": entry.size} | said

    def open(self, name: str) -> Run:
        """Read a run, to be scrubbed, probed, judged, resumed or branched. Raises `UnknownName` or `StoreError`."""
        from engines.core.files import store
        from engines.core.runs.run import Run

        path = self.path(self.entry(name).file)
        run = Run.from_data(store.read(path))
        checkpoint = path.with_suffix(CHECKPOINT)
        run.checkpoint = str(checkpoint) if checkpoint.is_file() else ""
        return run

    def path(self, file: str) -> Path:
        """Return the path of a file of the library. Raises `StoreError` for a name that is none."""
        if Path(file).name != file or "\0" in file or not file.endswith(".parquet"):
            raise StoreError(f"there is no stored run {quote(file)}")
        return self.folder / file

    def query(self, sql: str) -> pandas.DataFrame:
        """Answer a question in SQL about `runs`, `members`, and what was recorded, a table an engine of its name.

        Nothing outside of the library can be read, and nothing written. Raises `StoreError` where it has no answer.
        """
        from engines.core.library.query import answer

        return answer(self.index, sql)

    def members(self, names: Sequence[str]) -> pandas.DataFrame:
        """Make a table of the members of some runs, by their ids: a row a member, as in `query`."""
        from engines.core.library.query import members

        return members(self.index, [f"{name}.parquet" for name in names])

    def rebuild(self, progress: Progress | None = None) -> int:
        """Make the index anew, and return how many runs there are; `progress` hears how many of how many are read."""
        self.index.delete()
        with self.index.opened(progress) as connection:
            return connection.execute("SELECT count(*) FROM runs").fetchone()[0]

    # -- changing --------------------------------------------------------------------------------------------

    def keep(
        self,
        run: Run,
        *,
        name: str = "",
        tags: Sequence[str] = (),
        note: str = "",
        checkpoint: Checkpoint | None = None,
    ) -> str:
        """Store a run, and return its id. Raises `StoreError`.

        With its `checkpoint` at a recorded step, whoever opens it goes on from there; without one its steps are
        computed once more before it goes on.
        """
        from engines.core.files import store
        from engines.core.files.checkpoint_file import write_checkpoint

        preset = run.preset.name if run.preset else "own"
        file = f"{run.engine.name}-{preset}-{time.strftime('%Y%m%d-%H%M%S')}-{os.urandom(2).hex()}.parquet"
        stored = run.copy()
        stored.interrupted = run.interrupted
        stored.name, stored.tags, stored.note = _name(name), _tags(tags), _note(note)
        stored.stored = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        if checkpoint:
            write_checkpoint(checkpoint, (self.folder / file).with_suffix(CHECKPOINT))
        with writing(self.folder / file) as out:
            store.write(stored, out)
        return file.removesuffix(".parquet")

    def rename(self, name: str, to: str) -> None:
        """Give a run another name; its id stays. Raises `UnknownName`, `ConfigError` or `StoreError`."""
        self._describe(name, lambda about: {"name": _name(to)})

    def note(self, name: str, text: str) -> None:
        """Write what a reader has to say about a run, in place of what was said. Raises as `rename`."""
        self._describe(name, lambda about: {"note": _note(text)})

    def tag(self, name: str, add: Sequence[str] = (), remove: Sequence[str] = ()) -> tuple[str, ...]:
        """Add tags to a run and take others away; returns those that it has then. Raises as `rename`."""
        add = _tags(add)
        tags: tuple[str, ...] = ()

        def change(about: Mapping[str, Any]) -> dict[str, Any]:
            nonlocal tags
            before = [tag for tag in about.get("tags", ()) if tag not in remove]
            tags = _tags([*before, *add])
            return {"tags": tags}

        self._describe(name, change)
        return tags

    def _describe(self, name: str, change: Any) -> None:
        from engines.core.files import store

        path = self.path(self.entry(name).file)
        with self._lock():  # what two processes say at once must both be said
            store.redescribe(path, change(store.read_description(path)))

    @contextmanager
    def _lock(self) -> Iterator[None]:
        from filelock import FileLock, Timeout

        lock_file = self.folder / FOLDER / "lock"
        try:
            lock_file.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(lock_file, timeout=LOCKED):
                yield
        except Timeout:
            raise StoreError(f"another program has been changing {self.folder} for {LOCKED:g} s") from None
        except OSError as error:
            if isinstance(error, StoreError):
                raise
            raise StoreError(f"cannot write into {self.folder}: {error.strerror or error}") from error

    def delete(self, name: str) -> str:
        """Delete a run, which `restore` brings back for thirty days. Raises `UnknownName` or `StoreError`."""
        file = self.entry(name).file
        self._forget_deleted()
        self._move(file, self.folder, self.folder / TRASH)
        return file.removesuffix(".parquet")

    def restore(self, name: str) -> str:
        """Bring back a run that was deleted; returns its id. Raises `UnknownName` or `StoreError`."""
        deleted, wanted = self.deleted(), name.removesuffix(".parquet")
        matches = [each for each in deleted if each == wanted] or [each for each in deleted if each.startswith(wanted)]
        if len(matches) != 1:
            raise UnknownName("deleted run", name, deleted)
        wanted = matches[0]
        if (self.folder / f"{wanted}.parquet").exists():
            raise StoreError(f"there is a stored run {quote(wanted)} again: it would be overwritten")
        self._move(f"{wanted}.parquet", self.folder / TRASH, self.folder)
        return wanted

    def deleted(self) -> list[str]:
        """List the ids of the runs that can be brought back, those that were deleted last first."""
        files = [(_when(file), file.stem) for file in (self.folder / TRASH).glob("*.parquet")]
        return [stem for _, stem in sorted(files, reverse=True)]

    def _move(self, file: str, source: Path, target: Path) -> None:
        checkpoint = Path(file).with_suffix(CHECKPOINT).name
        try:
            target.mkdir(parents=True, exist_ok=True)
            os.replace(source / file, target / file)
            with contextlib.suppress(FileNotFoundError):
                os.replace(source / checkpoint, target / checkpoint)
        except OSError as error:
            what = "delete" if target.name == TRASH else "bring back"
            raise StoreError(f"cannot {what} {file}: {error.strerror or error}") from error

    def _forget_deleted(self) -> None:
        for file in (self.folder / TRASH).glob("*"):
            if time.time() - _when(file) > KEPT_DELETED:
                with contextlib.suppress(OSError):
                    file.unlink()


def default_folder() -> Path:
    """Return the folder of the reader's own library."""
    given = os.environ.get(FOLDER_VARIABLE)
    if given:
        return expand_home(given)
    import platformdirs

    return platformdirs.user_data_path("dynascope") / "runs"


def _entry(row: Any) -> Entry:
    values: dict[str, Any] = {name: row[name] for name in Entry.__dataclass_fields__}
    values |= {name: tuple(json.loads(row[name])) for name in ("tags", "varied")}
    values["interrupted"] = bool(row["interrupted"])
    return Entry(**values)


def _when(file: Path) -> float:
    """Return when a file was moved or changed last."""
    try:
        return file.stat().st_ctime
    except OSError:  # deleted meanwhile
        return time.time()


def _name(text: str) -> str:
    return _text("name", text, LONGEST_NAME)


def _note(text: str) -> str:
    return _text("note", text, LONGEST_NOTE)


def _text(kind: str, text: str, most: int) -> str:
    if len(text) > most:
        raise ConfigError(f"the {kind} has {len(text):,} characters; allowed are {most:,}")
    return text.encode("utf-8", "replace").decode().strip()


def _tags(tags: Sequence[str]) -> tuple[str, ...]:
    checked = tuple(dict.fromkeys(_text("tag", tag, LONGEST_NAME) for tag in tags))
    for tag in checked:
        if not tag or any(letter.isspace() or letter == "," for letter in tag):
            raise ConfigError(f"{quote(tag)} is no tag: it is one word without commas")
    if len(checked) > MOST_TAGS:
        raise ConfigError(f"a run has at most {MOST_TAGS} tags, and not {len(checked)}")
    return checked
