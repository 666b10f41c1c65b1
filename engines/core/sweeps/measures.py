"""Measures: the numbers that a sweep keeps of each member, computed where the member was."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from engines.core.analysis import curve_fits
from engines.core.protocol.engine import Engine, RunData
from engines.core.protocol.errors import ConfigError, UnknownName, quote

Numbers = tuple[float, ...]


@dataclass(frozen=True)
class Measure:
    """One number of each member, `function(channel, *numbers)`: `text` is how it is written, and its column's name."""

    function: str
    channel: str
    numbers: Numbers = ()

    @property
    def text(self) -> str:
        """The measure as `parse_measure` reads it."""
        return f"{self.function}({', '.join([self.channel, *(f'{number:g}' for number in self.numbers)])})"

    def compute(self, run: RunData, member: int) -> float:
        """Compute the measure of one member; NaN where its curve is too short or never gets there."""
        value = FUNCTIONS[self.function].compute(run.curve(self.channel, member), *self.numbers)
        return np.nan if value is None else float(value)


@dataclass(frozen=True)
class CurveMeasure:
    """A way to reduce a curve (steps `[T]`, values `[T]`) to one number; `words` name it, of a channel and numbers."""

    doc: str
    words: str
    arguments: tuple[str, ...]
    compute: Callable[..., float | None]


def _extreme(find: Callable[[np.ndarray], float]) -> Callable[[curve_fits.StepValues], float | None]:
    return lambda curve: find(curve[1]) if len(curve[1]) else None


def _first_above(curve: curve_fits.StepValues, level: float) -> float | None:
    above = np.flatnonzero(curve[1] > level)
    return float(curve[0][above[0]]) if len(above) else None


FUNCTIONS: Mapping[str, CurveMeasure] = {
    "final": CurveMeasure("the last value", "{} at the end", (), _extreme(lambda y: y[-1])),
    "smallest": CurveMeasure("the smallest value", "smallest {}", (), _extreme(np.min)),
    "largest": CurveMeasure("the largest value", "largest {}", (), _extreme(np.max)),
    "first_below": CurveMeasure(
        "the first step below a level", "first step with {} below {}", ("level",), curve_fits.hitting_time
    ),
    "first_above": CurveMeasure(
        "the first observed step above a level", "first step with {} above {}", ("level",), _first_above
    ),
    "power": CurveMeasure(
        "the exponent of a power law between two steps",
        "power of {} from step {} to {}",
        ("first", "last"),
        curve_fits.power,
    ),
    "rate": CurveMeasure(
        "the rate of decay, per step, between two levels", "rate of {} from {} to {}", ("low", "high"), curve_fits.rate
    ),
}
"""The functions by name."""


def parse_measure(engine: Engine, text: str) -> Measure:
    """Read a measure such as `first_below(loss, 1e-6)`. Raises `ConfigError` or `UnknownName`; nothing is evaluated."""
    form = f"{quote(text)} is not of the form function(channel, number...)"
    try:
        call = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ConfigError(form) from None
    match call:
        case ast.Call(ast.Name(function), [ast.Name(channel), *rest], []):
            numbers = tuple(map(_number, rest))
        case _:
            raise ConfigError(form)
    if function not in FUNCTIONS:
        raise UnknownName("measure", function, FUNCTIONS)
    expected = FUNCTIONS[function].arguments
    if None in numbers or len(numbers) != len(expected):
        raise ConfigError(f"{quote(text)}: {function} takes {', '.join(['a channel', *expected])}")
    if engine.channel(channel).dims:
        raise ConfigError(f"{quote(text)}: {channel} is not one number a step")
    return Measure(function, channel, tuple(number for number in numbers if number is not None))


def _number(node: ast.expr) -> float | None:
    try:
        value = ast.literal_eval(node)
        return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        return None


def default_measures(engine: Engine) -> tuple[Measure, ...]:
    """List the last value of every channel that is one number a step."""
    return tuple(Measure("final", channel.name) for channel in engine.channels if not channel.dims and not channel.thin)


def measure(run: RunData, measures: Iterable[Measure]) -> dict[str, list[float]]:
    """Compute measures of all members: a column `[B]` each."""
    members = range(len(run.configs))
    return {each.text: [each.compute(run, member) for member in members] for each in measures}


def claims(run: Any, points: int) -> dict[str, list[bool | None]]:
    """Judge the claims of the preset at each of `points` equal groups of members: a column `[B]` a claim.

    A claim is about all members of the preset together, so each of a point's members has the point's answer.
    """
    size = len(run.configs) // points
    columns: dict[str, list[bool | None]] = {}
    for point in range(points):
        of_point = run.select(range(point * size, (point + 1) * size))
        for number, verdict in enumerate(of_point.judge(), 1):
            columns.setdefault(f"claim_{number}", [None] * len(run.configs))[point * size : (point + 1) * size] = [
                verdict.holds
            ] * size
    return columns
