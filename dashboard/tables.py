"""Figures in words and in numbers: a summary for screen readers, and a table for everybody."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dashboard.curves import Curve
from dashboard.naming import number

if TYPE_CHECKING:
    from engines.core.engine import Engine, Plot
    from engines.core.run import Run

ROWS = 14
"""Rows of a table, spread evenly over the frames."""


SAID = 6
"""Rows of a table that a summary reads out, from both ends."""


SCROLL = "<div class='scroll' tabindex='0' role='group' aria-label='numbers of this figure'>"
"""A wide table is moved with the arrow keys once it has the focus."""


class Numbers(NamedTuple):
    """What a picture of one step shows, as a table."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


def summary(
    plot: Plot, engine: Engine, run: Run, curves: Sequence[Curve], step: int, shown: Numbers | None = None
) -> str:
    """One figure in a few sentences: what is shown, where it began, where it is now."""
    parts = [f"{plot.title}. {plot.doc.rstrip('.')}."]
    if shown:
        return " ".join([*parts, f"At step {step}:", *_read(shown)])
    for name in [name for name in _drawn(plot) if not engine.channel(name).dims][:2]:
        series = run.recording.series(name)
        if name in series.names and len(series):
            parts += [_sentence(engine.channel(name).label, series[name], series.at(step), step, c) for c in curves[:4]]
    return " ".join(parts)


def _drawn(plot: Plot) -> list[str]:
    """The channels that are drawn, that of the horizontal axis first."""
    return [*([] if plot.x == "step" else [plot.x]), *plot.channels]


def _read(shown: Numbers) -> list[str]:
    half = SAID // 2
    rows = shown.rows if len(shown.rows) <= SAID else [*shown.rows[:half], *shown.rows[-half:]]
    return ["; ".join(f"{head} {cell}" for head, cell in zip(shown.heads, row, strict=True)) + "." for row in rows]


def _sentence(label: str, values: np.ndarray, row: int, step: int, curve: Curve) -> str:
    ends = (0, min(row, len(values) - 1))  # rows may be taken back while they are read
    first, now = (float(np.median(values[at, list(curve.members)])) for at in ends)
    return f"{label}, {curve.label}: {number(first)} at step 0, {number(now)} at step {step}."


def table(plot: Plot, engine: Engine, run: Run, curves: Sequence[Curve], shown: Numbers | None = None) -> str:
    """What a picture of one step shows, or scalar channels at some of the recorded steps, as HTML."""
    if shown:
        return _html(shown, "")
    scalars = [name for name in _drawn(plot) if not engine.channel(name).dims and not engine.channel(name).thin]
    if plot.kind != "line" or not scalars or not len(run):
        return "<p>This figure has no table.</p>"
    blocks = {name: run[name] for name in scalars}
    steps = run.steps[: min(len(block) for block in blocks.values())]
    rows = np.unique(np.linspace(0, len(steps) - 1, ROWS).astype(int))
    heads = ["step", *(f"{engine.channel(name).label}, {curve.label}" for name in scalars for curve in curves[:8])]
    body = [
        [f"{steps[row]:,}"]
        + [number(float(np.median(blocks[name][row, list(curve.members)]))) for name in scalars for curve in curves[:8]]
        for row in rows
    ]
    return _html(Numbers(heads, body), f"<p>{len(rows)} of {len(steps):,} recorded steps.</p>")


def _html(shown: Numbers, note: str) -> str:
    head = "".join(f"<th scope='col'>{escape(text)}</th>" for text in shown.heads)
    lines = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>" for line in shown.rows)
    return f"{SCROLL}<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>{note}"
