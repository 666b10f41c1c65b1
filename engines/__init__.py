"""Headless engines of learning dynamics. `names()`, `load(name)` and `run(name, ...)` are all a script needs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engines.core.api import run
    from engines.core.registry import load, names

# Threads that wait for a small product sleep. Spinning, they take the cores from the page and from other processes:
# steps then cost up to thirty times as much. It has to be said before torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

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
