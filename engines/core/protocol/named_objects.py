"""Things that a person's own code offers, by name: in this process, in folders of plugins, in installed packages.

Links, stored runs and configurations hold the names alone. Nothing that comes over the network names code.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable
from functools import cached_property, partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Generic, TypeVar

from engines.core.protocol.errors import ConfigError, DynascopeError, UnknownName, message_of, quote
from engines.core.protocol.registry import PLUGINS, offered_in

T = TypeVar("T")


class NamedObjects(Generic[T]):
    """All things of one kind that a person's code offers.

    Parameters
    ----------
    noun : what one is called in messages
    check : returns what was loaded if it is one, for what a message calls it; raises `ConfigError`
    group : the entry points under which installed packages offer some, `name = "package.module:attribute"`
    hint : how a person brings one
    """

    def __init__(self, noun: str, check: Callable[[Any, str], T], group: str, hint: str) -> None:
        self.noun, self.group, self._check, self._hint = noun, group, check, hint
        self.cache: dict[str, T] = {}
        """Things that were loaded, by name."""

    @cached_property
    def installed(self) -> dict[str, EntryPoint]:
        """Entry points of installed packages by name; nothing is imported."""
        try:
            return {point.name: point for point in entry_points(group=self.group)}
        except (ValueError, OSError):  # the file of some package, perhaps of nobody here, cannot be read
            logging.getLogger(__name__).exception("%ss of installed packages cannot be listed", self.noun)
            return {}

    def names(self) -> list[str]:
        """List the names of all that can be found here; nothing is imported."""
        return sorted({*self.cache, *self._files(), *self.installed})

    def find(self, name: str) -> T:
        """Find one by its name; "" finds the only one. Raises `UnknownName`, or `ConfigError` if it cannot be made."""
        here = self.names()
        if not name and len(here) == 1:
            name = here[0]
        if name not in here:
            if not here:
                such = f", such as {quote(name)}" if name else ""
                raise ConfigError(f"no {self.noun} of your own is here{such}: {self._hint}")
            if not name:
                raise ConfigError(
                    f"several {self.noun}s of your own are here, {', '.join(here)}: choose one by its name"
                )
            raise UnknownName(f"{self.noun} of your own", name, here)
        if name not in self.cache:
            self.cache[name] = self.loaded(f"the {self.noun} {quote(name)}", self._loader(name))
        return self.cache[name]

    def loaded(self, who: str, load: Callable[[], Any]) -> T:
        """Load one, or the function that makes one. Raises `ConfigError` with the reason."""
        try:
            value = load()
            made = value() if callable(value) else value
        except DynascopeError as error:
            raise ConfigError(f"{who}: {error}") from error
        except (Exception, SystemExit) as error:
            raise ConfigError(f"{who} cannot be made ({type(error).__name__}: {message_of(error)})") from error
        return self._check(made, who)

    def _loader(self, name: str) -> Callable[[], Any]:
        """Return what loads one of a folder of plugins, or of an installed package; folders come first."""
        if name in self._files():
            module, place = self._files()[name]
            return partial(attribute, module, place) if place else partial(self._registered, module, name)
        return self.installed[name].load

    def _registered(self, module: str, name: str) -> T | None:
        """Import a module that makes some known itself, by a decorator. Of one that then fails none is known."""
        before = set(self.cache)
        try:
            importlib.import_module(module)
        except BaseException:
            for fresh in self.cache.keys() - before:
                del self.cache[fresh]
            raise
        return self.cache.get(name)

    def _files(self) -> dict[str, tuple[str, str]]:
        """List what files in folders of plugins offer: module and attribute by name; nothing is imported."""
        places = {}
        for path in (path for folder in reversed(PLUGINS.__path__) for path in sorted(Path(folder).glob("[!_]*.py"))):
            for name, place in offered_in(path, self.noun).items():
                places[name] = (f"{PLUGINS.__name__}.{path.stem}", place)
        return places


def attribute(module: str, place: str) -> Any:
    """Import a module and return an attribute of it, or of an attribute."""
    value: Any = importlib.import_module(module)
    for word in place.split("."):
        value = getattr(value, word)
    return value
