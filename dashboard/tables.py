"""Figures in words and in numbers: a summary for screen readers, and a table for everybody."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from dashboard.curves import Curve
from dashboard.naming import number

if TYPE_CHECKING:
    from engines.core.engine import Engine, Plot
    from engines.core.run import Run

ROWS = 14
"""Rows of a table, spread evenly over the frames."""


def summary(plot: Plot, engine: Engine, run: Run, curves: Sequence[Curve], step: int) -> str:
    """One figure in a few sentences: what is shown, where it began, where it is now."""
    scalars = [name for name in plot.channels if not engine.channel(name).dims]
    parts = [f"{plot.title}. {plot.doc.rstrip('.')}."]
    for name in scalars[:2]:
        series = run.recording.series(name)
        if name in series.names and len(series):
            parts += [_sentence(engine.channel(name).label, series[name], series.at(step), step, c) for c in curves[:4]]
    return " ".join(parts)


def _sentence(label: str, values: np.ndarray, row: int, step: int, curve: Curve) -> str:
    ends = (0, min(row, len(values) - 1))  # rows may be taken back while they are read
    first, now = (float(np.median(values[at, list(curve.members)])) for at in ends)
    return f"{label}, {curve.label}: {number(first)} at step 0, {number(now)} at step {step}."


def table(plot: Plot, engine: Engine, run: Run, curves: Sequence[Curve]) -> str:
    """The figure's scalar channels at some of the recorded steps, as HTML."""
    scalars = [name for name in plot.channels if not engine.channel(name).dims and not engine.channel(name).thin]
    if not scalars or not len(run):
        return "<p>This figure has no table.</p>"
    blocks = {name: run[name] for name in scalars}
    steps = run.steps[: min(len(block) for block in blocks.values())]
    rows = np.unique(np.linspace(0, len(steps) - 1, ROWS).astype(int))
    heads = [f"{engine.channel(name).label}, {curve.label}" for name in scalars for curve in curves[:8]]
    body = [
        [f"{steps[row]:,}"]
        + [number(float(np.median(blocks[name][row, list(curve.members)]))) for name in scalars for curve in curves[:8]]
        for row in rows
    ]
    head = "".join(f"<th scope='col'>{escape(text)}</th>" for text in ("step", *heads))
    lines = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>" for line in body)
    note = f"<p>{len(rows)} of {len(steps):,} recorded steps.</p>"
    return f"<div class='scroll'><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>{note}"
