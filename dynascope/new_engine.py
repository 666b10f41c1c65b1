"""Writes the skeleton of an engine: a folder that works at once, to be changed file by file."""

from __future__ import annotations

import keyword
import re
from pathlib import Path

from engines.core.protocol.errors import ConfigError, StoreError, quote
from engines.core.protocol.paths import expand_home
from engines.core.protocol.registry import names

SKELETON = Path(__file__).parent / "skeleton"


def write(name: str, into: str | Path = ".") -> Path:
    """Write the folder `into/name`.

    Raises `ConfigError` for a name that no engine can have, or that is taken, `StoreError` where it cannot be written.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name) or name == "core":
        raise ConfigError(f"name={quote(name)} is no name of an engine: take small letters, digits and _")
    target = expand_home(into) / name
    if target.exists() or name in names():
        raise ConfigError(f"name={quote(name)} is taken: {'an engine has it' if name in names() else target}")
    try:
        target.mkdir(parents=True)
        for source in sorted(SKELETON.glob("*.py")):
            text = source.read_text(encoding="utf-8")
            (target / _renamed(source.name, name)).write_text(_renamed(text, name), encoding="utf-8")
    except OSError as error:
        raise StoreError(f"cannot write {target}: {error.strerror or error}") from error
    return target


def _renamed(text: str, name: str) -> str:
    """Replace the name of the skeleton.

    >>> _renamed('class Skeleton: name, title = "skeleton", "Skeleton"', "two_layers")
    'class TwoLayers: name, title = "two_layers", "Two layers"'
    """
    text = text.replace('"Skeleton"', f'"{name.replace("_", " ").capitalize()}"')
    return text.replace("Skeleton", name.title().replace("_", "")).replace("skeleton", name)
