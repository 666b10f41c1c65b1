"""Files that a reader brings to the page: in a folder of their session alone, which goes when the session ends."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from engines.core.protocol.errors import ConfigError

if TYPE_CHECKING:
    from engines.core.protocol.declarations import OwnFile

VARIABLE = "DYNASCOPE_UPLOADS"
"""The environment variable that says "yes" where readers may bring files."""

LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""Addresses that only this machine reaches."""

MOST_FILES, MOST_BYTES = 8, 256 * 2**20
"""Files of one session, and their bytes together: runs that are pinned or played again need the earlier ones, too."""

PIECE = 512 * 2**10
"""Bytes that the page sends at once."""


def allow_for(address: str) -> None:
    """Take files where only this machine reaches the server; elsewhere whoever serves has to say so."""
    os.environ.setdefault(VARIABLE, "yes" if address in LOOPBACK else "no")


def allowed() -> bool:
    """Whether readers may bring files to this server."""
    return os.environ.get(VARIABLE) == "yes"


@contextmanager
def _kept() -> Iterator[None]:
    """Raise `ConfigError` where this machine has no room for a file, or no place."""
    try:
        yield
    except OSError as error:
        raise ConfigError(f"this server cannot keep the file: {error.strerror or type(error).__name__}") from None


class Uploads:
    """The files of one session. No name and no path of the browser's is ever used."""

    def __init__(self) -> None:
        self._folder: TemporaryDirectory[str] | None = None
        self._open: tuple[OwnFile, Path, int] | None = None
        self._sizes: list[int] = []

    def begin(self, file: OwnFile, size: int) -> None:
        """Make room for a file of so many bytes. Raises `ConfigError` where that is not allowed."""
        if not allowed():
            raise ConfigError("this server takes no files (launch.py serve --uploads yes)")
        if not 0 < size <= file.limit:
            raise ConfigError(f"the file for {file.knob} has {size:,} bytes; the limit is {file.limit:,}")
        if len(self._sizes) >= MOST_FILES or sum(self._sizes) + size > MOST_BYTES:
            raise ConfigError(f"this page holds {len(self._sizes)} files of {sum(self._sizes):,} bytes; the limits are "
                              f"{MOST_FILES} files and {MOST_BYTES:,} bytes: reload it to begin again")  # fmt: skip
        with _kept():
            self._folder = self._folder or TemporaryDirectory(prefix="dynascope-")
            path = Path(self._folder.name) / f"{len(self._sizes)}{file.suffix}"
            path.write_bytes(b"")
        self._sizes.append(size)
        self._open = file, path, size

    def add(self, piece: str) -> Path | None:
        """Append a piece in base64; returns the path once all is there. Raises `ConfigError` for what does not fit."""
        if self._open is None:
            raise ConfigError("no file was announced")
        _, path, size = self._open
        try:
            data = base64.b64decode(piece, validate=True)
        except (binascii.Error, ValueError):
            raise ConfigError("a piece of the file is damaged") from None
        try:
            with _kept():
                with path.open("ab") as stream:
                    stream.write(data[: PIECE + 1])
                there = path.stat().st_size
        except ConfigError:
            self._drop(path)  # a part of the piece may be there: what came next would be behind half of it
            raise
        if len(data) > PIECE or there > size:
            self._drop(path)
            raise ConfigError(f"the file is larger than the {size:,} bytes that were announced")
        if there < size:
            return None
        self._open = None
        return path

    def _drop(self, path: Path) -> None:
        """Forget the file that is being brought, and give its room back."""
        with suppress(OSError):
            path.unlink(missing_ok=True)
        self._sizes.pop()
        self._open = None

    def holds(self, value: Any) -> bool:
        """Whether the value of a knob is a file of this session."""
        return bool(self._folder) and isinstance(value, str) and Path(value).parent == Path(self._folder.name)

    def close(self) -> None:
        """Delete all of them."""
        if self._folder:
            self._folder.cleanup()
        self._folder = self._open = None
