"""Paths that a person wrote, in a call or on a command line."""

from __future__ import annotations

import os
from pathlib import Path

from engines.core.protocol.errors import StoreError, quote


def expand_home(path: str | Path) -> Path:
    """Return a path with its `~` written out. Raises `StoreError` for what is no path, or where there is no home."""
    if not isinstance(path, (str, os.PathLike)) or not str(path) or "\0" in str(path):
        raise StoreError(f"{quote(path)} is no path of a file")
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise StoreError(f"cannot find {path}: {error}") from None
