"""Errors that a person can cause, each as one sentence that names the thing, the value and the limit."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, TypeVar

T = TypeVar("T")

LONGEST = 300
"""Characters of a message. Of a longer one the middle goes: its ends name the thing and the limit."""

GAP = " ... "
"""Stands where the middle of a text was."""

QUOTED = 120
"""Characters of a value that a message quotes."""

FAULTS = (Exception, SystemExit, GeneratorExit)
"""Errors that the code of an engine may raise without ending more than its own work; an interrupt is a person's."""

_OUT_OF_MEMORY = re.compile(r"out of memory|can't allocate memory|[Uu]nable to allocate", re.IGNORECASE)
_ASKED_FOR = re.compile(r"allocate ([\d.]+) (bytes|[KMGTPE]iB)")

_LOST = re.compile(r"CUDA error: (?!out of memory|operation not permitted)(.*?)(?: CUDA kernel|\.|$)")
"""A failure after which a GPU answers nothing in this process any more."""

UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def shortened(text: str, longest: int = LONGEST) -> str:
    """Shorten a text to at most `longest` characters, without its middle where it has more.

    >>> shortened("0123456789abcdef", 9)
    '01 ... ef'
    """
    half = (longest - len(GAP)) // 2
    return text if len(text) <= longest else f"{text[:half]}{GAP}{text[-half:]}"


def in_one_line(text: str) -> str:
    r"""Join the lines of a text: a message is one.

    >>> in_one_line("no such file:\n  a.npz\n")
    'no such file: a.npz'
    """
    lines = text.splitlines()
    return " ".join(filter(None, map(str.strip, lines))) if len(lines) > 1 else text


def quote(value: object) -> str:
    """Write a value as a message quotes it, whatever it is."""
    try:
        return shortened(repr(value), QUOTED)
    except Exception:  # a number of more digits than Python writes, an object that cannot say what it is
        return f"this {type(value).__name__}"


class DynascopeError(Exception):
    """Base of all errors whose message is meant to be read by the person who caused them."""

    def __init__(self, message: str = "") -> None:
        super().__init__(shortened(in_one_line(message)))


class ConfigError(DynascopeError, ValueError):
    """A knob was given a value that it cannot take."""


class UnknownName(DynascopeError, LookupError):
    """An engine, preset, knob, channel or probe was asked for by a name that does not exist."""

    def __init__(self, kind: str, name: object, choices: Iterable[object]) -> None:
        names = list(map(str, choices))
        near = nearest_name(str(name), names)
        hint = f"did you mean {near}?" if near else f"known: {', '.join(names) or 'none'}"
        super().__init__(f"unknown {kind} {quote(name)}; {hint}")


class EngineFailure(DynascopeError, RuntimeError):
    """An engine could not be loaded or failed while it ran (out of memory, for instance)."""


class OutOfMemory(EngineFailure):
    """An engine asked for more memory than there is."""

    def __init__(self, what: str, requested: float = 0.0, advice: str = "lower the sizes or the number of members"):
        super().__init__(f"{what}: {advice}")
        self.what, self.requested = what, requested
        """The failure in words, and for how many bytes was asked; 0 where that is not known."""


class StoreError(DynascopeError, OSError):
    """A run could not be written to disk or read back."""


def nearest_name(name: str, choices: Iterable[str]) -> str:
    """Find the known name that a misspelt one resembles, "" where none does; `name=default` is known by its name.

    >>> nearest_name("alfa", ["k", "alpha"]), nearest_name("ETA", ["eta"]), nearest_name("speed", ["k", "alpha"])
    ('alpha', 'eta', '')
    """
    plain = {text.partition("=")[0].lower(): text.partition("=")[0] for text in choices}
    close = get_close_matches(name[:QUOTED].lower(), plain, n=1)
    return plain[close[0]] if close else ""


def as_engine_failure(title: str, error: BaseException) -> EngineFailure:
    """Turn any error of an engine into one sentence: what stopped, and why."""
    text, name = message_of(error), type(error).__name__
    if isinstance(error, MemoryError) or name == "OutOfMemoryError" or _OUT_OF_MEMORY.search(text):
        amount = _ASKED_FOR.search(text)
        how = f" ({_size(float(amount[1]), amount[2])} more were asked for)" if amount else ""
        requested = float(amount[1]) * 1024 ** UNITS.index(amount[2]) if amount else 0.0
        return OutOfMemory(f"{title} ran out of memory{how}", requested)
    if lost := _LOST.search(text):
        return EngineFailure(f"{title} stopped: the GPU is lost to this program ({lost[1]}); start the program again")
    return EngineFailure(f"{title} stopped: {name}" + (f": {text}" if text else ""))


def message_of(error: BaseException) -> str:
    """Return what an error says, in one line; "" where it cannot say it."""
    try:
        return in_one_line(str(error))
    except Exception:  # the error is an engine's own, and may fail itself
        return ""


def expect(kind: type[T], value: Any, who: str) -> T:
    """Return what an engine gave where it is of this kind. Raises `TypeError` with who gave something else."""
    if not isinstance(value, kind):
        raise TypeError(f"{who} gave {quote(value)}, and no {kind.__name__}")
    return value


def _size(amount: float, unit: str) -> str:
    """Write an amount of memory as a person reads it.

    >>> _size(8796093022208, "bytes"), _size(20, "MiB")
    ('8192.0 GiB', '20 MiB')
    """
    return f"{amount:g} {unit}" if unit != "bytes" else f"{amount / 2**30:.1f} GiB"


class engine_failures:
    """Turn what the code of an engine raises into an `EngineFailure`: `with engine_failures(title): ...`.

    Errors for people and interrupts stay as they are.
    """

    # A class: a generator's context takes a RuntimeError caused by a StopIteration for Python's own.
    def __init__(self, title: str) -> None:
        self._title = title

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None and not isinstance(error, (DynascopeError, KeyboardInterrupt)):
            raise as_engine_failure(self._title, error) from error
