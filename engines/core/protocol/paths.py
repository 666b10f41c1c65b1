"""Paths that a person wrote, in a call or on a command line."""

from __future__ import annotations

import os
from pathlib import Path

from engines.core.protocol.errors import StoreError, quote


def require_file(path: str | Path) -> None:
    """Raise `FileNotFoundError` for what is no file: a pipe of that name would be waited for without end."""
    if not Path(path).is_file():
        raise FileNotFoundError("there is no such file")


def expand_home(path: str | Path) -> Path:
    """Return a path with its `~` written out. Raises `StoreError` for what is no path, or where there is no home."""
    try:
        if not os.fsencode(path) or b"\0" in os.fsencode(path):
            raise ValueError(path)
        return Path(os.fsdecode(path)).expanduser()
    except (TypeError, ValueError):  # nothing, no text, or characters that no file system has
        raise StoreError(f"{quote(path)} is no path of a file") from None
    except RuntimeError as error:
        raise StoreError(f"cannot find {path}: {error}") from None
