"""Headless engines of learning dynamics.

`names()`, `load(name)`, `run(name, ...)`, `open(file)` and `resume(run, steps)` are all a script needs.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engines.core.api import examine, resume, run
    from engines.core.library.library import Library
    from engines.core.protocol.own_method import method
    from engines.core.protocol.registry import load, names
    from engines.core.subjects.subject import Subject
    from engines.core.sweeps.folder import Sweep, open
    from engines.core.sweeps.sweep import sweep
    from engines.core.watch.api import inspect, watch

# Threads that wait for a small product sleep. Spinning, they take the cores from the page and from other processes:
# steps then cost up to thirty times as much. It has to be said before torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__all__ = [
    "Library", "Subject", "Sweep", "examine", "inspect", "load", "method", "names", "open", "resume", "run", "sweep",
    "watch",
]  # fmt: skip

_HOMES = {
    "load": "protocol.registry", "method": "protocol.own_method", "names": "protocol.registry",
    "open": "sweeps.folder", "resume": "api", "run": "api",
    "sweep": "sweeps.sweep", "Sweep": "sweeps.folder", "Subject": "subjects.subject",
    "Library": "library.library", "examine": "api", "inspect": "watch.api", "watch": "watch.api",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    # Lazily: `import engines` must not import torch before it is needed.
    if name in _HOMES:
        return getattr(import_module(f"engines.core.{_HOMES[name]}"), name)
    raise AttributeError(name)
