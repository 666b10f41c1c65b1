"""The index of a library: what its files say, in SQLite beside them. A cache: it can be deleted at any time.

Files are the truth. The folder is looked through where its time of change is not the one on record, and a file is read
again where its size or time is another. Where no index can be written beside the files it lies in the user's cache.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engines.core.library.description import describe
from engines.core.library.filters import CONDITIONS, has_texts
from engines.core.protocol.errors import StoreError
from engines.core.protocol.registry import origins

FOLDER = ".index"
"""The folder of a library with its index and its lock: files that change in it do not change the library's own."""

VERSION = 4
"""The version of the tables; an index of another one is made anew."""

PATIENCE = 20.0
"""Seconds for which an index that another process writes is waited for."""

LEFT_OVER = 3600
"""Seconds after which a file that was being written is one that nobody writes any more."""

SETTLED = 2 * 10**9
"""Nanoseconds after a change within which another one may have the same time."""

BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

COLUMNS = (
    "size", "changed", "stored", "engine", "preset", "name", "tags", "note", "words", "steps", "frames", "members",
    "varied", "interrupted", "held", "claims", "broken",
)  # fmt: skip

TABLES = f"""
CREATE TABLE runs (id INTEGER PRIMARY KEY, file TEXT UNIQUE, {", ".join(COLUMNS)});
CREATE TABLE descriptions (run INTEGER PRIMARY KEY, about);
CREATE TABLE knobs (knob, value, run INTEGER, PRIMARY KEY (knob, value, run)) WITHOUT ROWID;
CREATE TABLE facts (name PRIMARY KEY, value);
CREATE INDEX newest ON runs (stored DESC, file);
CREATE INDEX of_engine ON runs (engine, stored DESC, file);
CREATE INDEX named ON runs (name);
CREATE INDEX knobs_of ON knobs (run, knob, value);
{"".join(f"CREATE INDEX is_{name} ON runs (stored DESC, file) WHERE {which};" for name, which in CONDITIONS.items())}
PRAGMA user_version = {VERSION};
"""
"""Statements that make the tables: a run is found by a look through all of `runs`, so that descriptions lie apart."""

TEXTS = """
CREATE VIRTUAL TABLE texts USING fts5(words, content='runs', content_rowid='id', tokenize='trigram case_sensitive 1')
"""
"""The words of `runs` by their parts of three letters, where the SQLite at hand has such tables."""

Progress = Callable[[int, int], None]
"""Called with how many are done and how many there are."""


class Index:
    """The index of one folder. Every call opens it anew: it may be deleted, or written by others, in between."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        digest = hashlib.sha256(os.fsencode(folder.absolute())).hexdigest()[:32]
        self._files = [folder / FOLDER / "runs.sqlite", _cache(f"{digest}.sqlite")]

    @contextmanager
    def opened(self, progress: Progress | None = None) -> Iterator[sqlite3.Connection]:
        """Open the index as it is to be now. Raises `StoreError` where the folder or the index cannot be read."""
        connection = self._connect(progress)
        try:
            yield connection
        except sqlite3.DatabaseError as error:  # damaged at a place that was not looked at before
            if not _is_broken(error):
                raise
            self.delete()
            raise StoreError(f"the index of {self.folder} was damaged and is made anew: ask once more") from error
        finally:
            connection.close()

    def delete(self) -> None:
        """Delete the index; the next call makes it anew."""
        for file in self._files:
            _remove(file)

    def _connect(self, progress: Progress | None) -> sqlite3.Connection:
        for file in [*self._files, None]:
            for _ in range(2):  # a damaged one is deleted, and made anew
                try:
                    return self._synchronised(file, progress)
                except (sqlite3.Error, OSError) as error:
                    if isinstance(error, StoreError):
                        raise
                    if file is None or not _is_broken(error):
                        break
                    _remove(file)
        raise StoreError(f"the runs in {self.folder} cannot be listed")

    def _synchronised(self, file: Path | None, progress: Progress | None) -> sqlite3.Connection:
        if file:
            file.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(file or ":memory:", timeout=PATIENCE, isolation_level=None)
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            if connection.execute("PRAGMA user_version").fetchone()[0] != VERSION:
                _make(connection)
            _Synchronisation(self.folder, connection).run(progress)
        except BaseException:
            connection.close()
            raise
        return connection


def _is_broken(error: Exception) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in BROKEN  # the rest of it says how


def _cache(name: str) -> Path:
    import platformdirs

    return platformdirs.user_cache_path("dynascope") / name


def _remove(file: Path) -> None:
    for end in ("", "-wal", "-shm"):
        with contextlib.suppress(OSError):
            file.with_name(file.name + end).unlink(missing_ok=True)


def _make(connection: sqlite3.Connection) -> None:
    with _writing(connection):
        if connection.execute("PRAGMA user_version").fetchone()[0] == VERSION:
            return  # another process was first
        for table in ("texts", "runs", "descriptions", "knobs", "facts"):
            connection.execute(f"DROP TABLE IF EXISTS {table}")
        for statement in filter(str.strip, TABLES.split(";")):
            connection.execute(statement)
        with contextlib.suppress(sqlite3.OperationalError):  # a SQLite without them: words are found, if later
            connection.execute(TEXTS)


@contextmanager
def _writing(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


class _Synchronisation:
    """Brings an index to what is in its folder."""

    def __init__(self, folder: Path, connection: sqlite3.Connection) -> None:
        self.folder, self.connection = folder, connection

    def run(self, progress: Progress | None) -> None:
        """Read what is new, forget what is gone; nothing is looked through where the folder has not changed."""
        started, versions = time.time_ns(), json.dumps({name: each.version for name, each in origins().items()})
        facts = dict(map(tuple, self.connection.execute("SELECT name, value FROM facts")))
        try:
            changed = self.folder.stat().st_mtime_ns
        except FileNotFoundError:
            changed = None
        if changed is not None and facts.get("changed") == changed and facts.get("engines") == versions:
            return
        here = {} if changed is None else dict(_files(self.folder))
        again = "broken != ''" if facts.get("engines") != versions else "0"  # what could not be loaded may be here now
        rows = self.connection.execute(f"SELECT file, size, changed FROM runs WHERE NOT ({again})")
        indexed = {file: (size, at) for file, size, at in rows}
        new = [file for file, place in here.items() if indexed.get(file) != place]
        self._forget([row[0] for row in self.connection.execute("SELECT file FROM runs") if row[0] not in here])
        for number, file in enumerate(new, 1):
            self.read(file, *here[file])
            if progress:
                progress(number, len(new))
        settled = changed if changed is not None and started - changed > SETTLED else None
        with _writing(self.connection):
            rows = [("changed", settled), ("engines", versions)]
            self.connection.executemany("REPLACE INTO facts VALUES (?, ?)", rows)

    def read(self, file: str, size: int, changed: int) -> None:
        """Put what a file says into the index."""
        description, knobs = describe(self.folder / file)
        stored = description["stored"] or time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(changed / 1e9))
        about = zlib.compress(json.dumps(description.pop("about")).encode(), 1)
        values = description | {"size": size, "changed": changed, "stored": stored}
        with _writing(self.connection):
            self._drop(file)
            names = ", ".join(["file", *COLUMNS])
            marks = ", ".join("?" * (1 + len(COLUMNS)))
            row = self.connection.execute(
                f"INSERT INTO runs ({names}) VALUES ({marks})", [file, *(values[column] for column in COLUMNS)]
            ).lastrowid
            self.connection.execute("INSERT INTO descriptions VALUES (?, ?)", [row, about])
            if has_texts(self.connection):
                self.connection.execute("INSERT INTO texts (rowid, words) VALUES (?, ?)", [row, values["words"]])
            rows = [(knob, value, row) for knob, each in knobs.items() for value in each]
            self.connection.executemany("INSERT OR IGNORE INTO knobs VALUES (?, ?, ?)", rows)

    def _forget(self, files: list[str]) -> None:
        if files:
            with _writing(self.connection):
                for file in files:
                    self._drop(file)

    def _drop(self, file: str) -> None:
        if has_texts(self.connection):  # which are told the words that they forget
            query = "INSERT INTO texts (texts, rowid, words) SELECT 'delete', id, words FROM runs WHERE file = ?"
            self.connection.execute(query, [file])
        for table in ("knobs", "descriptions"):
            self.connection.execute(f"DELETE FROM {table} WHERE run IN (SELECT id FROM runs WHERE file = ?)", [file])
        self.connection.execute("DELETE FROM runs WHERE file = ?", [file])


def refresh(folder: Path, connection: sqlite3.Connection, rows: list[sqlite3.Row]) -> bool:
    """Read those files again of which rows no longer tell the truth; returns whether there were any."""
    stale = []
    for row in rows:
        try:
            on_disk = (folder / row["file"]).stat()
        except OSError:
            continue  # deleted meanwhile: whoever opens it is told
        if (on_disk.st_size, on_disk.st_mtime_ns) != (row["size"], row["changed"]):
            stale.append((row["file"], on_disk.st_size, on_disk.st_mtime_ns))
    for each in stale:
        _Synchronisation(folder, connection).read(*each)
    return bool(stale)


def _files(folder: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield the names of runs in a folder with size and time of change, and remove what was never finished.

    Raises `StoreError`.
    """
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(".part"):
                    with contextlib.suppress(OSError):
                        if time.time() - entry.stat().st_mtime > LEFT_OVER:
                            os.unlink(entry)
                if entry.name.endswith(".parquet") and entry.name.isprintable():
                    with contextlib.suppress(OSError):  # a link that leads nowhere, or deleted meanwhile
                        on_disk = entry.stat()
                        yield entry.name, (on_disk.st_size, on_disk.st_mtime_ns)
    except OSError as error:
        raise StoreError(f"the runs in {folder} cannot be listed: {error.strerror or error}") from error
