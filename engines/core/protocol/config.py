"""Configurations: frozen records of knobs, validated on construction.

A knob carries everything that is known about a parameter in one place; widgets, links, command-line flags
and sweep axes are generated from it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from operator import attrgetter
from typing import Any, Literal, Self, get_type_hints

from engines.core.protocol.errors import ConfigError, UnknownName, engine_failures, quote

Role = Literal["shape", "init", "live"]


@dataclass(frozen=True, kw_only=True)
class Knob:
    """One parameter of an engine, with all that is known about it.

    `role` says what a change does. `shape`: rebuilds the problem and cannot vary in a batch. `init`: restarts
    the run and may vary in a batch. `live`: applies at the next step and may vary in a batch.
    `bounds` are hard (inclusive), `soft` is the range that a slider offers.
    """

    name: str = ""
    type: type = float
    default: Any = None
    doc: str = ""
    role: Role = "init"
    bounds: tuple[float, float] | None = None
    soft: tuple[float, float] | None = None
    log: bool = False
    unit: str = ""
    choices: tuple[str, ...] | None = None
    label: str = ""
    """Name of it for readers, in the notation of formulas; "" where its name in words says it."""
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Names of its choices for readers, where their names in words do not say it."""
    more: bool = False
    """Folded away until asked for: fewer than eight knobs stay in sight."""
    old_names: tuple[str, ...] = ()
    """Names that the knob had in earlier versions: links, stored runs and scripts that use them keep their meaning."""
    old_values: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Choices of earlier versions, each with the one that took its place."""

    def current(self, value: Any) -> Any:
        """Translate a choice of an earlier version, or each of a list of them; every other value stays as it is."""
        if isinstance(value, str):
            return self.old_values.get(value, value)
        return [self.current(one) for one in value] if isinstance(value, (list, tuple)) else value

    def parse(self, text: str) -> Any:
        """Read the value a person typed; raises `ConfigError` where it is no value of this type."""
        try:
            return _convert(self.type, text.strip())
        except (ValueError, OverflowError):
            raise ConfigError(f"{self.name}={quote(text.strip())} is not {_ARTICLE[self.type]}") from None

    def check(self, owner: str, value: Any) -> Any:
        """Return the value in the knob's type; raises `ConfigError` naming class, knob, value and bound."""
        try:
            value = _convert(self.type, value)
        except (TypeError, ValueError, OverflowError):
            raise ConfigError(f"{owner}.{self.name}={quote(value)} is not {_ARTICLE[self.type]}") from None
        value = self.current(value)
        if self.choices and value not in self.choices:
            raise ConfigError(f"{owner}.{self.name}={quote(value)} is not one of {', '.join(self.choices)}")
        if self.bounds and not self.bounds[0] <= value <= self.bounds[1]:
            low, high = self.bounds
            raise ConfigError(f"{owner}.{self.name}={quote(value)} is outside its bounds [{low:g}, {high:g}]")
        return value


_ARTICLE = {int: "a whole number", float: "a finite number", bool: "true or false", str: "text"}
_BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def _convert(kind: type, value: Any) -> Any:
    if kind is bool:
        return value if isinstance(value, bool) else _boolean(str(value))
    if isinstance(value, bool) or (kind is str and not isinstance(value, str)):
        raise ValueError(value)
    return {int: _whole, float: _finite, str: str}[kind](value)


def _whole(value: Any) -> int:
    if isinstance(value, str):
        value = _plain(value)
        value = float(value) if "e" in value.lower() else value  # 1e6 is how people write a million
    number = int(value)
    if not isinstance(value, str) and number != value:
        raise ValueError(value)
    return number


def _finite(value: Any) -> float:
    number = float(_plain(value) if isinstance(value, str) else value)
    if not math.isfinite(number):
        raise ValueError(value)
    return number


def _plain(text: str) -> str:
    """Return the text of a number. Raises `ValueError` for what only Python reads: 1_000, digits of other scripts."""
    if not text.isascii() or "_" in text:
        raise ValueError(text)
    return text


def _boolean(text: str) -> bool:
    if text.lower() not in _BOOLEANS:
        raise ValueError(text)
    return _BOOLEANS[text.lower()]


def knob(default: Any, doc: str, **options: Any) -> Any:
    """Declare a field of a `Config`: its default, its documentation and the options of `Knob`."""
    return dataclasses.field(default=default, metadata={"knob": Knob(default=default, doc=doc, **options)})


@dataclass(frozen=True, kw_only=True)
class Config:
    """Base of every engine's configuration: one field a knob. Equal values give equal digests."""

    def __post_init__(self) -> None:
        for name, declared in self.knobs().items():
            object.__setattr__(self, name, declared.check(type(self).__name__, getattr(self, name)))
        with engine_failures(f"{type(self).__name__}.check"):
            self.check()

    def check(self) -> None:
        """Raise `ConfigError` where values contradict each other; engines override it."""

    @classmethod
    def knobs(cls) -> dict[str, Knob]:
        """Return all knobs by name, in the order in which they were declared.

        Raises `ConfigError` for a field that is no int, float, bool or str.
        """
        cached = cls.__dict__.get("_knobs")
        if cached is None:
            hints = get_type_hints(cls)
            for name in (field.name for field in dataclasses.fields(cls) if hints[field.name] not in _ARTICLE):
                raise ConfigError(f"{cls.__name__}.{name} is of type {hints[name]}, and no int, float, bool or str")
            cached = {
                field.name: dataclasses.replace(field.metadata["knob"], name=field.name, type=hints[field.name])
                for field in dataclasses.fields(cls)
            }
            cls._knobs = cached  # type: ignore[attr-defined]
        return cached

    @classmethod
    def knob(cls, name: str) -> Knob:
        """Return one knob by its name, or by one that it had in an earlier version; raises `UnknownName`."""
        name = cls._renamed().get(name, name)
        if name not in cls.knobs():
            raise UnknownName(f"knob of {cls.__name__}", name, cls.knobs())
        return cls.knobs()[name]

    @classmethod
    def _renamed(cls) -> dict[str, str]:
        return {old: name for name, declared in cls.knobs().items() for old in declared.old_names}

    @classmethod
    def current(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Translate names and choices of earlier versions to today's.

        Links, stored runs and scripts pass through here. Names that no version knows stay; where a knob is named twice,
        its name of today counts.
        """
        renamed, knobs, translated = cls._renamed(), cls.knobs(), {}
        for name, value in values.items():
            today = renamed.get(name, name)
            if today == name or today not in values:
                translated[today] = knobs[today].current(value) if today in knobs else value
        return translated

    @classmethod
    def names_with_role(cls, role: Role) -> tuple[str, ...]:
        """List the names of all knobs of one role."""
        return tuple(name for name, declared in cls.knobs().items() if declared.role == role)

    def replace(self, **values: Any) -> Self:
        """Return a copy with other values, validated again; unknown names raise `UnknownName`."""
        values = self.current(values)
        for name in values:
            self.knob(name)
        return dataclasses.replace(self, **values)

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return ((name, getattr(self, name)) for name in self.knobs())

    def to_json(self) -> str:
        """Write all knobs as a JSON object with sorted keys; floats survive the round trip exactly."""
        return json.dumps(dict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read `to_json`; unknown keys are ignored so that old links keep working. Raises `ConfigError`."""
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"{cls.__name__}: not JSON ({error})") from None
        if not isinstance(values, Mapping):
            raise ConfigError(f"{cls.__name__}: expected a JSON object, got {type(values).__name__}")
        values = cls.current(values)
        return cls(**{name: values[name] for name in cls.knobs() if name in values})

    def digest(self) -> str:
        """Compute sixteen hexadecimal digits that name this configuration, the same in every process."""
        return hashlib.sha256(f"{type(self).__name__}{self.to_json()}".encode()).hexdigest()[:16]

    def shape_key(self) -> tuple[Any, ...]:
        """Return the values of all `shape` knobs: configurations with equal keys share one batch."""
        return tuple(getattr(self, name) for name in self.names_with_role("shape"))


def varied(configs: Sequence[Config]) -> list[str]:
    """List the knobs in which configurations differ, in the order in which they were declared."""
    columns = {name: tuple(map(attrgetter(name), configs)) for name, _ in configs[0]}
    return [name for name, values in columns.items() if values.count(values[0]) < len(values)]


def check_index(name: str, value: Any, last: int) -> int:
    """Return `value` as a whole number from 0 to `last`. Raises `ConfigError`."""
    if isinstance(value, bool) or not isinstance(value, Integral) or not 0 <= int(value) <= last:
        raise ConfigError(f"{name}={quote(value)} is outside its bounds [0, {last}]")
    return int(value)
