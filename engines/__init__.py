"""Headless engines of learning dynamics. `names()`, `load(name)` and `run(name, ...)` are all a script needs."""

from __future__ import annotations

from typing import Any

__all__ = ["load", "names", "run"]


def __getattr__(name: str) -> Any:
    # Lazily: `import engines` must not import torch before it is needed.
    if name in ("names", "load"):
        from engines.core import registry

        return getattr(registry, name)
    if name == "run":
        from engines.core.api import run

        return run
    raise AttributeError(name)
