"""Subjects by name: those that whoever started this process gave it. Nothing that comes over the network names code.

An object in Python, `package.module:function` on the command line, a file with `SUBJECT` in a folder of plugins, and
the entry points `dynascope.subjects` of installed packages: each has a name, and links and configurations hold no more.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from functools import cache, partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engines.core.protocol.errors import ConfigError, DynascopeError, UnknownName, quote, said_by
from engines.core.protocol.registry import PLUGINS, offers_subject

if TYPE_CHECKING:
    from engines.core.subjects.subject import Subject

GROUP = "dynascope.subjects"
"""The entry points under which installed packages offer subjects, `name = "package.module:function"`."""

FORM = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
"""The form of a name on the command line."""

_SUBJECTS: dict[str, Subject] = {}

_FROM_COMMAND_LINE: list[str] = []


def register(subject: Any) -> str:
    """Make a subject known in this process, and return the name under which configurations find it.

    A name that another subject has already gets a number. Raises `ConfigError` for what is no subject.
    """
    _require(subject, "subject")
    name, number = subject.name, 1
    while _SUBJECTS.get(name, subject) is not subject:
        number += 1
        name = f"{subject.name}_{number}"
    _SUBJECTS[name] = subject
    return name


def register_named(text: str) -> str:
    """Import `package.module:function` of a command line, and bring what it is or makes. Raises `ConfigError`."""
    if not FORM.fullmatch(text):
        raise ConfigError(f"--subject {quote(text)} is not of the form package.module:function")
    module, _, attribute = text.partition(":")
    _FROM_COMMAND_LINE.append(register(_loaded(f"--subject {quote(text)}", partial(_attribute, module, attribute))))
    return _FROM_COMMAND_LINE[-1]


def named_on_command_line() -> list[str]:
    """List the names of the subjects that the command line brought, in its order."""
    return list(_FROM_COMMAND_LINE)


def names() -> list[str]:
    """List the names of all subjects that can be found here; nothing is imported."""
    return sorted({*_SUBJECTS, *_files(), *(point.name for point in _entry_points())})


def find(name: str) -> Subject:
    """Find a subject by its name; "" is the only one.

    Raises `UnknownName`, or `ConfigError` where it cannot be made.
    """
    known = names()
    if not name and len(known) == 1:
        name = known[0]
    if name not in known:
        hint = "start this program with --subject package.module:function, or bring one in Python"
        if not known:
            raise ConfigError(f"no model of your own is here{f', such as {quote(name)}' if name else ''}: {hint}")
        if not name:
            raise ConfigError(f"several models of your own are here, {', '.join(known)}: choose one by its name")
        raise UnknownName("model of your own", name, known)
    if name not in _SUBJECTS:
        _SUBJECTS[name] = _loaded(f"the subject {quote(name)}", _loader(name))
    return _SUBJECTS[name]


def _loader(name: str) -> Callable[[], Any]:
    """Return what loads a subject of a folder of plugins, or of an installed package; folders come first."""
    if name in _files():
        return partial(_attribute, f"{PLUGINS.__name__}.{name}", "SUBJECT")
    return next(point for point in _entry_points() if point.name == name).load


def _attribute(module: str, attribute: str) -> Any:
    value: Any = importlib.import_module(module)
    for part in attribute.split("."):
        value = getattr(value, part)
    return value


def _loaded(who: str, load: Callable[[], Any]) -> Subject:
    """Load a subject, or the function that makes one. Raises `ConfigError` with the reason."""
    try:
        value = load()
        subject = value() if callable(value) else value
    except DynascopeError as error:
        raise ConfigError(f"{who}: {error}") from error
    except (Exception, SystemExit) as error:
        raise ConfigError(f"{who} cannot be made ({type(error).__name__}: {said_by(error)})") from error
    return _require(subject, who)


def _require(value: Any, who: str) -> Any:
    from engines.core.subjects.subject import Subject

    if not isinstance(value, Subject):
        raise ConfigError(f"{who} is {quote(value)}, and no Subject: engines.Subject and Subject.of make one")
    return value


def _files() -> dict[str, Path]:
    """List the files in folders of plugins that offer a subject, by their names; nothing is imported."""
    found = [path for folder in reversed(PLUGINS.__path__) for path in sorted(Path(folder).glob("[!_]*.py"))]
    return {path.stem: path for path in found if offers_subject(path)}


@cache
def _entry_points() -> tuple[EntryPoint, ...]:
    try:
        return tuple(entry_points(group=GROUP))
    except (ValueError, OSError):  # the file of some package, perhaps of nobody here, cannot be read
        return ()
