"""Every error a person can cause, as one sentence that names the thing, the value and the limit."""

from __future__ import annotations


class DynascopeError(Exception):
    """Base of all errors whose message is meant to be read by the person who caused them."""


class ConfigError(DynascopeError, ValueError):
    """A knob was given a value that it cannot take."""


class UnknownName(DynascopeError, LookupError):
    """An engine, preset, knob, channel or probe was asked for by a name that does not exist."""

    def __init__(self, kind: str, name: object, known: object) -> None:
        super().__init__(f"unknown {kind} {name!r}; known: {', '.join(map(str, known))}")  # type: ignore[call-overload]


class EngineFailure(DynascopeError, RuntimeError):
    """An engine could not be loaded or failed while it ran (out of memory, for instance)."""


class StoreError(DynascopeError, OSError):
    """A run could not be written to disk or read back."""
