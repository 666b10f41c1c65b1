"""Values of an axis as a person writes them: `0.1,0.3`, `3:12`, `logspace(1e-3,1,13)`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from engines.core.protocol.config import Knob
from engines.core.protocol.engine import Engine
from engines.core.protocol.errors import ConfigError, quote

MOST = 10**6
"""The most values that one axis may have."""

RANGE = re.compile(r"\s*(-?\d{1,18}):(-?\d{1,18})(?::(-?\d{1,18}))?\s*")
"""Form of a range; of more digits Python counts none."""

SPACE = re.compile(r"\s*(linspace|logspace)\(([^,()]+),([^,()]+),([^,()]+)\)\s*")


def parse_axis(knob: Knob, text: str) -> list[Any]:
    """Read the values of a knob: a list, a range `a:b[:step]` without its end, or `linspace|logspace(a,b,n)` with both.

    >>> parse_axis(Knob(name="k", type=int), "3:6,9")
    [3, 4, 5, 9]
    >>> parse_axis(Knob(name="alpha", type=float), "logspace(1e-3,1,4)")
    [0.001, 0.01, 0.1, 1.0]

    Raises `ConfigError` for what is no value of the knob, and for more than `MOST` values.
    """
    values: list[Any] = []
    for word in re.split(r",(?![^()]*\))", text):
        values += _range(knob, word) or _space(knob, word) or [knob.parse(word)]
        _check_count(knob, len(values))
    return values


def parse_axes(engine: Engine, given: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Read the values of several knobs: a list makes an axis, one value holds everywhere. Raises as `parse_axis`."""
    axes = {name: parse_axis(engine.Config.knob(name), text) for name, text in given}
    return {name: values if len(values) > 1 else values[0] for name, values in axes.items()}


def _range(knob: Knob, text: str) -> list[Any]:
    match = RANGE.fullmatch(text)
    if not match or knob.type not in (int, float):
        return []
    first, end, step = (int(number) for number in (match[1], match[2], match[3] or 1))
    whole = range(first, end, step) if step else range(0)
    _check_count(knob, len(whole))
    return [knob.type(value) for value in whole]


def _space(knob: Knob, text: str) -> list[Any]:
    match = SPACE.fullmatch(text)
    if not match:
        return []
    try:
        first, last, count = float(match[2]), float(match[3]), int(match[4])
    except ValueError:
        raise ConfigError(f"{knob.name}={quote(text.strip())} is not {match[1]}(first,last,count)") from None
    _check_count(knob, count)
    if not math.isfinite(last - first):
        raise ConfigError(f"{knob.name}={quote(text.strip())}: the ends are finite numbers")
    if match[1] == "logspace" and not (first > 0 and last > 0):
        raise ConfigError(f"{knob.name}={quote(text.strip())}: the ends of a logspace are above 0")
    # Ten digits, so that 0.1 is 0.1: a sweep is continued and looked up by its values.
    spaced = (np.linspace if match[1] == "linspace" else np.geomspace)(first, last, count)
    values = [float(f"{value:.10g}") for value in spaced]
    return [knob.type(value) if knob.type is int and value == int(value) else value for value in values]


def _check_count(knob: Knob, count: int) -> None:
    if not 1 <= count <= MOST:
        raise ConfigError(f"{knob.name} would have {count:,} values; allowed are 1 to {MOST:,}")
