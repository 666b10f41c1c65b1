"""The function that draws figures of runs: a package above the engines registers it when it is imported."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engines.core.protocol.errors import ConfigError

_artists: list[Callable[..., Any]] = []


def register(draw: Callable[..., Any]) -> None:
    """Have `draw(run, plot, **view)` make figures from now on."""
    _artists[:] = [draw]


def draw(run: Any, plot: str, **view: Any) -> Any:
    """Make a figure of a run. Raises `ConfigError` where nothing that draws has been imported."""
    if not _artists:
        raise ConfigError("engines draw no figures themselves: `import dynascope` before `run.plot`")
    return _artists[0](run, plot, **view)
