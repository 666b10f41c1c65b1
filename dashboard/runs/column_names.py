"""Columns of a table of members as readers call them: knobs, channels, and measures of a sweep."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from dashboard.ui.formatting import knob_name, number
from dashboard.ui.notation import plain
from engines.core.protocol.errors import DynascopeError

if TYPE_CHECKING:
    from engines.core.protocol.engine import Engine


def column_names(columns: Iterable[str], engines: Sequence[Engine]) -> dict[str, str]:
    """Name columns as the first of some labs that knows them does; what none knows keeps its name.

    >>> from engines import load
    >>> column_names(["alpha", "loss", "final(loss)", "first_below(loss, 1e-06)", "run"], [load("matrix_sensing")])
    {'alpha': 'α', 'loss': 'training loss', 'final(loss)': 'training loss at the end', \
'first_below(loss, 1e-06)': 'first step with training loss below 10⁻⁶', 'run': 'run'}
    """
    names: dict[str, str] = {}
    for column in columns:
        found = next(filter(None, (_name(column, engine) for engine in engines)), column)
        names[column] = f"{found} ({column})" if found in names.values() else found
    return names


def _name(column: str, engine: Engine) -> str:
    knob = engine.Config.knobs().get(column)
    if knob:
        return knob_name(knob)
    label = next((channel.label for channel in engine.channels if channel.name == column), "")
    return plain(label) or _measure(column, engine)


def _measure(column: str, engine: Engine) -> str:
    from engines.core.sweeps.measures import FUNCTIONS, parse_measure

    try:
        measure = parse_measure(engine, column)
    except DynascopeError:
        return ""
    label = plain(engine.channel(measure.channel).label)
    return FUNCTIONS[measure.function].words.format(label, *map(number, measure.numbers))
