"""Figures in words and in numbers: a summary for screen readers, and a table for everybody."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dashboard.session.curves import Curve
from dashboard.ui.formatting import number

if TYPE_CHECKING:
    from dashboard.figures.marks.streamed_source import Column
    from engines.core.protocol.declarations import Plot
    from engines.core.protocol.engine import Engine
    from engines.core.runs.run import Run

ROWS = 14
"""Rows of a table, spread evenly over all there are."""

COLUMNS = 16
"""Columns of a table beside those that name its rows."""

READ_OUT = 6
"""Rows of a table that a summary reads out, from both ends."""


SCROLL = "<div class='scroll' tabindex='0' role='group' aria-label='numbers of this figure'>"
"""A wide table is moved with the arrow keys once it has the focus."""


class NumbersTable(NamedTuple):
    """A table of what a picture shows. The first cell of each row names it; `note` says what was left out."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


def even_places(count: int, most: int) -> list[int]:
    """Choose at most `most` of `count` places, evenly and with both ends.

    >>> even_places(3, 5), even_places(101, 5)
    ([0, 1, 2], [0, 25, 50, 75, 100])
    """
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int)).tolist() if count else []


def recorded_table(run: Run, columns: Sequence[tuple[str, Column]]) -> NumbersTable:
    """Tabulate named columns of one series at some of the recorded steps."""
    shown = columns[:COLUMNS]
    heads = ["step", *(name for name, _ in shown)]
    series = run.recording.series(shown[0][1].channel) if shown else run.recording.dense
    names = list(dict.fromkeys(column.channel for _, column in shown))
    if not shown or not set(names) <= set(series.names):
        return NumbersTable(heads, (), "Nothing is recorded yet.")
    steps, *blocks = series.read(*names)
    rows = even_places(len(steps), ROWS)
    chosen = {name: block[rows] for name, block in zip(names, blocks, strict=True)}
    values = [column.values(chosen[column.channel]).tolist() for _, column in shown]
    lines = [[f"{steps[row]:,}", *map(number, line)] for row, *line in zip(rows, *values, strict=True)]
    lost = [_left_out(len(rows), len(steps), "recorded steps"), _left_out(len(shown), len(columns), "curves")]
    return NumbersTable(heads, lines, ", ".join(filter(None, lost)))


def matrix_table(
    names: Sequence[str], matrices: Sequence[np.ndarray], rows: Sequence[str], columns: Sequence[str], corner: str
) -> NumbersTable:
    """Tabulate matrices `[n, m]` side by side, by the names of rows and columns; `corner` says what these are."""
    down, across = even_places(len(rows), ROWS), even_places(len(columns), max(1, COLUMNS // len(matrices)))
    heads = [", ".join(filter(None, [name, columns[j]])) for name in names for j in across]
    lines = [[rows[i], *(_entry(matrix, i, j) for matrix in matrices for j in across)] for i in down]
    whole = len(down) == len(rows) and len(across) == len(columns)
    note = "" if whole else f"{len(down)} × {len(across)} of {len(rows):,} × {len(columns):,} entries"
    return NumbersTable([corner, *heads], lines, note)


def _entry(matrix: np.ndarray, row: int, column: int) -> str:
    inside = row < matrix.shape[0] and column < matrix.shape[1]
    return number(float(matrix[row, column])) if inside else ""


def _left_out(shown: int, count: int, what: str) -> str:
    return f"{shown:,} of {count:,} {what}" if shown < count else ""


def summary(
    plot: Plot, engine: Engine, run: Run, curves: Sequence[Curve], step: int, shown: NumbersTable | None = None
) -> str:
    """Describe one figure in a few sentences: what is shown, where it began, where it is now."""
    sentences = [f"{plot.title}. {plot.doc.rstrip('.')}."]
    if shown:
        return " ".join([*sentences, f"At step {step}:", *_read_out(shown)])
    for name in [name for name in _drawn_channels(plot) if not engine.channel(name).dims][:2]:
        series = run.recording.series(name)
        if name in series.names and len(series):
            sentences += [
                _sentence(engine.channel(name).label, series[name], series.index_at(step), step, c) for c in curves[:4]
            ]
    return " ".join(sentences)


def _drawn_channels(plot: Plot) -> list[str]:
    """List the channels that are drawn, that of the horizontal axis first."""
    return [*([] if plot.x == "step" else [plot.x]), *plot.channels]


def _read_out(shown: NumbersTable) -> list[str]:
    half = READ_OUT // 2
    rows = shown.rows if len(shown.rows) <= READ_OUT else [*shown.rows[:half], *shown.rows[-half:]]
    return ["; ".join(f"{head} {cell}" for head, cell in zip(shown.heads, row, strict=True)) + "." for row in rows]


def _sentence(label: str, values: np.ndarray, row: int, step: int, curve: Curve) -> str:
    ends = (0, min(row, len(values) - 1))  # rows may be taken back while they are read
    first, now = (float(np.median(values[at, list(curve.members)])) for at in ends)
    return f"{label}, {curve.label}: {number(first)} at step 0, {number(now)} at step {step}."


def html_table(title: str, shown: NumbersTable) -> str:
    """Write a table as HTML under its title.

    >>> html_table("Loss", NumbersTable(["step", "loss"], [["0", "1 < 2"]])).partition("<caption>")[2]
    "Loss</caption><thead><tr><th scope='col'>step</th><th scope='col'>loss</th></tr></thead>\
<tbody><tr><th scope='row'>0</th><td>1 &lt; 2</td></tr></tbody></table></div>"
    """
    caption = escape(": ".join(filter(None, [title, shown.note])))
    head = "".join(f"<th scope='col'>{escape(text)}</th>" for text in shown.heads)
    body = "".join(f"<tr>{_line(*row)}</tr>" for row in shown.rows)
    inner = f"<caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f"{SCROLL}<table>{inner}</table></div>"


def _line(name: str, *cells: str) -> str:
    return f"<th scope='row'>{escape(name)}</th>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
