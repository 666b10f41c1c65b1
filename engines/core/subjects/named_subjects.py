"""Subjects by name: those that whoever started this process gave it. Nothing that comes over the network names code.

An object in Python, `package.module:function` on the command line, a file with `SUBJECT` in a folder of plugins, and
the entry points `dynascope.subjects` of installed packages: each has a name, and links and configurations hold no more.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from engines.core.protocol.errors import ConfigError, quote
from engines.core.protocol.named_objects import NamedObjects, attribute

if TYPE_CHECKING:
    from engines.core.subjects.subject import Subject

FORM = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
"""The form of a name on the command line."""

FROM_COMMAND_LINE: list[str] = []
"""Names of the subjects that the command line brought, in its order."""


def _checked(value: Any, who: str) -> Subject:
    from engines.core.subjects.subject import Subject

    if not isinstance(value, Subject):
        raise ConfigError(f"{who} is {quote(value)}, and no Subject: engines.Subject and Subject.of make one")
    return value


SUBJECTS: NamedObjects[Subject] = NamedObjects(
    "model", _checked, "dynascope.subjects",
    "start this program with --subject package.module:function, or bring one in Python",
)  # fmt: skip
"""All subjects that can be found in this process."""


def register(subject: Any) -> str:
    """Make a subject known in this process, and return the name under which configurations find it.

    A name that another subject has already gets a number. Raises `ConfigError` for what is no subject.
    """
    _checked(subject, "subject")
    name, number = subject.name, 1
    while SUBJECTS.cache.get(name, subject) is not subject:
        number += 1
        name = f"{subject.name}_{number}"
    SUBJECTS.cache[name] = subject
    return name


def register_named(text: str) -> str:
    """Import `package.module:function` of a command line, and bring what it is or makes. Raises `ConfigError`."""
    if not FORM.fullmatch(text):
        raise ConfigError(f"--subject {quote(text)} is not of the form package.module:function")
    module, _, place = text.partition(":")
    FROM_COMMAND_LINE.append(register(SUBJECTS.loaded(f"--subject {quote(text)}", partial(attribute, module, place))))
    return FROM_COMMAND_LINE[-1]


def find(name: str) -> Subject:
    """Find a subject by its name; "" finds the only one.

    Raises `UnknownName`, or `ConfigError` where it cannot be made.
    """
    return SUBJECTS.find(name)
