"""Files that are there as a whole or not at all."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from engines.core.protocol.errors import StoreError


@contextmanager
def writing(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file that is there as a whole or not at all. Raises `StoreError`."""
    target = Path(path)
    file, partial = _open_part(target)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, target)
    except OSError as error:
        raise StoreError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)


def require_writable(path: str | Path) -> None:
    """Raise `StoreError` where `save` could not write; to be asked before a long computation."""
    file, part = _open_part(Path(path))
    file.close()
    part.unlink()


def _open_part(target: Path) -> tuple[BinaryIO, Path]:
    try:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.{uuid.uuid4().hex}.part")
        return part.open("xb"), part
    except OSError as error:
        raise StoreError(f"cannot write {target}: {error.strerror}") from error
