"""Discovery: every folder of `engines/` that offers an `ENGINE` is an engine. A broken one disturbs nobody."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

import engines
from engines.core.protocol.engine import Engine
from engines.core.protocol.errors import FAULTS, EngineFailure, UnknownName


def names() -> list[str]:
    """The names of all engine folders, sorted; nothing is imported."""
    found = (module.name for module in pkgutil.iter_modules(engines.__path__) if module.ispkg)
    return sorted(name for name in found if name != "core")


@cache
def load(name: str) -> Engine:
    """The engine called `name`. Raises `UnknownName`, or `EngineFailure` where its folder is broken."""
    if name not in names():
        raise UnknownName("engine", name, names())
    try:
        return importlib.import_module(f"engines.{name}").ENGINE
    except FAULTS as error:
        reason = f"{type(error).__name__}: {error}"
        raise EngineFailure(f"the engine {name!r} cannot be loaded ({reason}); the others are unaffected") from error
