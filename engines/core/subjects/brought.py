"""Subjects by name: those that this process was given. Nothing that comes over the network can name code."""

from __future__ import annotations

from engines.core.protocol.errors import ConfigError, UnknownName, quote
from engines.core.subjects.subject import Subject

_BROUGHT: dict[str, Subject] = {}


def bring(subject: Subject) -> str:
    """Make a subject known in this process, and return the name under which configurations find it.

    A name that another subject has already gets a number. Raises `ConfigError` for what is no subject.
    """
    if not isinstance(subject, Subject):
        raise ConfigError(f"subject={quote(subject)} is no Subject: engines.Subject and Subject.of make one")
    name, number = subject.name, 1
    while _BROUGHT.get(name, subject) is not subject:
        number += 1
        name = f"{subject.name}_{number}"
    _BROUGHT[name] = subject
    return name


def names() -> list[str]:
    """List the names of the subjects that this process was given."""
    return sorted(_BROUGHT)


def find(name: str) -> Subject:
    """Find a subject by its name. Raises `UnknownName`."""
    if name not in _BROUGHT:
        raise UnknownName("subject of this process", name, names())
    return _BROUGHT[name]
