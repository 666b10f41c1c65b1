"""Files that a person points at: they may be anything, and are opened only where they can be what is meant."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from engines.core.protocol.errors import ConfigError


class InputFile(NamedTuple):
    """A path and the knob that names it, `Class.knob`."""

    knob: str
    path: Path

    def refuse(self, reason: str) -> ConfigError:
        """Return the error of a file that cannot be used."""
        return ConfigError(f"{self.knob}={str(self.path)!r}: {reason}")

    def size(self, limit: int) -> int:
        """Count the bytes of the file. Raises `ConfigError` where there is none, or it has more than the limit."""
        try:
            regular = self.path.is_file()
            size = self.path.stat().st_size if regular else 0
        except (OSError, ValueError) as error:
            raise self.refuse(f"cannot be opened ({error})") from None
        if not regular:
            raise self.refuse("there is no such file")
        if size > limit:
            raise self.refuse(f"the file has {size} bytes; the limit is {limit}")
        return size
