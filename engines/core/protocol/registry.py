"""Discovery: which engines there are, and where each comes from. A broken one is a sentence and disturbs nobody.

Engines are found in three places, of which an earlier one wins a name: the folders of `engines/`, the folders that a
command line gave with `--plugins`, and the entry points `dynascope.engines` of installed packages. Listing them imports
none of them; `load` does.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import pkgutil
import re
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import cache
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from pathlib import Path
from types import ModuleType
from typing import Any

from engines.core.protocol.config import Config
from engines.core.protocol.engine import Engine
from engines.core.protocol.errors import (
    ConfigError,
    EngineFailure,
    UnknownName,
    message_of,
    quote,
)
from engines.core.protocol.paths import expand_home

GROUP = "dynascope.engines"
"""The entry points under which installed packages offer engines, `name = "package"` or `name = "package:ENGINE"`."""

BUILT_IN = "dynascope"
"""The package of the engines in `engines/`."""

PLUGINS = ModuleType("dynascope_plugins", "A package of all folders that a command line gave with `--plugins`.")
PLUGINS.__path__ = []
sys.modules[PLUGINS.__name__] = PLUGINS

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
"""The form of an engine's name, which is also that of a folder, a module and the address of a page."""

FORM = "its name must be made of the letters a to z, digits and _"

DECLARED = ("name", "title", "summary", "references", "Config", "channels", "plots", "presets", "opening")
"""The attributes that every engine has to declare."""


@dataclass(frozen=True)
class Origin:
    """The origin of an engine: the attribute of a module, and the package with which that was installed."""

    name: str
    module: str
    package: str
    version: str = ""
    attribute: str = "ENGINE"
    folder: Path | None = None
    """The folder of its files; `assets` in it holds its pictures, lessons and notebook."""

    def load(self) -> Engine:
        """Import the engine. Raises whatever its code raises, and `TypeError` where it is none."""
        if not NAME.fullmatch(self.name):
            raise TypeError(FORM)
        engine = importlib.import_module(self.module)
        for word in self.attribute.split("."):
            engine = getattr(engine, word)
        if not isinstance(engine, Engine):
            raise TypeError(f"{self.attribute} is {quote(engine)}, and no Engine")
        missing = [name for name in DECLARED if not hasattr(engine, name)]
        if missing:
            raise TypeError(f"it does not declare {', '.join(missing)}")
        if engine.name != self.name:
            raise TypeError(f"it calls itself {quote(engine.name)}")
        if not (isinstance(engine.Config, type) and issubclass(engine.Config, Config)):
            raise TypeError(f"its Config is {quote(engine.Config)}, and no class of knobs")
        plain = [field.name for field in fields(engine.Config) if "knob" not in field.metadata]
        if plain:
            raise TypeError(f"{', '.join(plain)} of its Config is not declared with knob(...)")
        engine.Config()
        if self.name not in RECORDED:
            engine.preset(engine.opening)
        return engine


RECORDED = {"watched_training": Origin("watched_training", "engines.core.watch.engine", BUILT_IN)}
"""Engines of what was computed elsewhere: stored runs name them, and they are no labs."""


def origins() -> dict[str, Origin]:
    """List all engines by name, sorted; nothing is imported."""
    by_name: dict[str, Origin] = {}
    for origin in (*_built_in(), *_plugins(), *_installed()):
        by_name.setdefault(origin.name, origin)
    return dict(sorted(by_name.items()))


def names() -> list[str]:
    """List the names of all engines, sorted; nothing is imported."""
    return list(origins())


@cache
def load(name: str) -> Engine:
    """Import the engine called `name`. Raises `UnknownName`, or `EngineFailure` where it is broken."""
    origin = origins().get(name) or RECORDED.get(name)
    if origin is None:
        raise UnknownName("engine", name, names())
    try:
        with _signalled() as by_person:
            return origin.load()
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and by_person:
            raise
        reason = ": ".join(filter(None, (type(error).__name__, message_of(error))))
        text = f"the engine {quote(name)} cannot be loaded ({reason}); the others are unaffected"
        raise EngineFailure(text) from error


@contextmanager
def _signalled() -> Iterator[list[int]]:
    """Collect the interrupts that come from outside meanwhile: those that code raises by itself are its own fault."""
    signals: list[int] = []

    def note(number: int, frame: Any) -> None:
        signals.append(number)
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    try:
        if before is signal.default_int_handler:
            signal.signal(signal.SIGINT, note)
    except ValueError:  # only the main thread is interrupted from outside
        before = None
    try:
        yield signals
    finally:
        if before is signal.default_int_handler:
            signal.signal(signal.SIGINT, before)


def add_plugins(folder: str | Path) -> None:
    """Find engines in the packages of a folder, subjects and methods in its files, from now on in this process.

    Code in it that is found as no engine is named in the log. Raises `ConfigError` for what is no folder of engines.
    """
    given = f"plugins={quote(str(folder))}"
    path = _folder_of_plugins(given, folder)
    if str(path) in PLUGINS.__path__:
        return
    here = [origin.name for origin in _packages([str(path)], PLUGINS.__name__, "")]
    taken = [f"{name} is not used: another engine has its name" for name in here if name in origins()]
    others = [*_no_engines(path), *taken]
    if not here and not any(offered_in(file, kind) for file in path.glob("[!_]*.py") for kind in OFFERS):
        why = "; ".join(others) or (
            "each is a folder with an __init__.py; a model of your own is a file with SUBJECT, a method one with "
            "@dynascope.method"
        )
        raise ConfigError(f"{given} holds no engine: {why}")
    for reason in others:
        logging.getLogger(__name__).warning("in %s %s", path, reason)
    PLUGINS.__path__.append(str(path))
    importlib.invalidate_caches()


OFFERS = {
    "model": re.compile(r"^(?:def )?(SUBJECT)\b", re.M),
    "method": re.compile(r"""\bmethod\(\s*["']([A-Za-z_]\w*)["']"""),
}
"""How a file says what it offers: `SUBJECT = ...` or `def SUBJECT()` under its own name, `method("name")` by name."""


def offered_in(path: Path, kind: str) -> dict[str, str]:
    """List by name what a file of a folder of plugins offers, each with its attribute, "" where it registers itself.

    The file is read, and not imported.
    """
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    said = OFFERS[kind].findall(text)
    return {path.stem: said[0]} if said and kind == "model" else dict.fromkeys(said, "")


def _folder_of_plugins(given: str, folder: str | Path) -> Path:
    try:
        path = expand_home(folder).resolve()
        what = "" if path.is_dir() else "is a file" if path.exists() else "is not there"
    except OSError as error:
        raise ConfigError(f"{given}: {error.strerror or error}") from None
    if what:
        raise ConfigError(f"{given} {what}: give the folder that holds the folders of your engines")
    if (path / "__init__.py").exists():
        raise ConfigError(f"{given} is an engine itself: give the folder that holds it")
    return path


def _no_engines(path: Path) -> Iterator[str]:
    """Say of each folder that holds code and is found as no engine why it is none."""
    for place in sorted(path.glob("[!._]*")):
        if next(place.glob("*.py"), None) and not place.name.endswith("-info"):
            if not (place / "__init__.py").exists():
                yield f"{quote(place.name)} is no engine: it has no __init__.py"
            elif not NAME.fullmatch(place.name):
                yield f"{quote(place.name)} is no engine: {FORM}"


# -- engines in links and files -----------------------------------------------------------------------------------


def origin(name: str) -> dict[str, str]:
    """Return the package and version of an engine, as links and stored runs name them; empty if not listed."""
    found = origins().get(name)
    return {"package": found.package, "version": found.version} if found else {}


def missing(name: str, package: str = "", version: str = "") -> str:
    """Say which package an engine that is not here comes with; "" for one that is here, or that nobody packaged."""
    if name in names() or package in ("", BUILT_IN):
        return ""
    if package == PLUGINS.__name__:
        return f"the engine {quote(name)} is not here: it was in a folder given with --plugins"
    with_version = f"{quote(package)} {quote(version)}" if version else quote(package)
    return f"the engine {quote(name)} is not here: it comes with the package {with_version}, which is not installed"


# -- the three places ---------------------------------------------------------------------------------------------


def _built_in() -> Iterator[Origin]:
    above = sys.modules["engines"]  # whoever reads this has imported it
    for origin in _packages(above.__path__, above.__name__, BUILT_IN, _version()):
        if origin.name != "core":
            yield origin


def _plugins() -> Iterator[Origin]:
    return _packages(PLUGINS.__path__, PLUGINS.__name__, PLUGINS.__name__)


def _packages(paths: Iterable[str], parent: str, package: str, version: str = "") -> Iterator[Origin]:
    for module in pkgutil.iter_modules(paths):
        if module.ispkg and NAME.fullmatch(module.name):
            folder = Path(module.module_finder.path, module.name)  # type: ignore[union-attr]
            yield Origin(module.name, f"{parent}.{module.name}", package, version, folder=folder)


@cache
def _version() -> str:
    try:
        return version(BUILT_IN)
    except PackageNotFoundError:  # run from its sources
        return ""


@cache
def _installed() -> tuple[Origin, ...]:
    """List the entry points of installed packages; one that cannot be read fails when it is loaded."""
    installed = []
    for point in _entry_points():
        module, _, attribute = map(str.strip, point.value.partition(":"))
        name = re.sub(r"[^A-Za-z0-9_]", "_", point.name)  # it becomes the address of a page
        about = (point.dist.name, point.dist.version) if point.dist else ("", "")
        installed.append(Origin(name, module, *about, attribute or "ENGINE", _folder(module)))
    return tuple(installed)


def _entry_points() -> list[EntryPoint]:
    try:
        return list(entry_points(group=GROUP))
    except (ValueError, OSError):  # the file of some package, perhaps of nobody here, cannot be read
        logging.getLogger(__name__).exception("engines of installed packages cannot be listed")
        return []


def _folder(module: str) -> Path | None:
    """Find the folder of a module without importing it; None where it is not found."""
    top, *inner = module.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    for place in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(place, *inner)
        if path.is_dir() or path.with_suffix(".py").is_file():
            return path if path.is_dir() else path.parent
    return None
