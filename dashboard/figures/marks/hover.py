"""Hovers: what lies under the pointer, as one box that is readable on both grounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bokeh.events import MouseLeave, MouseMove
from bokeh.models import CustomJS, HoverTool

from dashboard.session.curves import spread_text
from dashboard.ui.component import FOLDER

SCRIPT = (FOLDER / "curve_hover.js").read_text()

BOX = (
    "<div style='font: 12.5px/1.45 Roboto, system-ui, sans-serif; color: #f3f5f9; background: #20252f; "
    "padding: 7px 10px; margin: -6px; border-radius: 5px; max-width: 340px'>{}</div>"
)
"""The box of a hover over points and cells, dark on both grounds like that over curves."""


TITLE = "<div style='font-weight: 600'>{}</div>"

NAMED = (
    "<div style='display: flex; gap: 14px; justify-content: space-between'><span style='opacity: .8'>{}</span>"
    "<span>{}</span></div>"
)


def add_hover(figure: Any, drawn: Sequence[Any], rows: Sequence[tuple[str, str]], **options: Any) -> None:
    """Show rows of (name, field) for the topmost point under the pointer, and for no other at the same time."""
    lines = "".join(NAMED.format(name, field) if name else TITLE.format(field) for name, field in rows)
    figure.add_tools(HoverTool(renderers=list(drawn), tooltips=BOX.format(lines), limit=1, **options))


def add_curve_hover(mark: Any, glyphs: Sequence[Any], x_name: str) -> None:
    """Show the curve, the law or the phase that is nearest to the pointer, in the figure of a `LineMark`."""
    styles = [{"alpha": glyph.line_alpha, "width": glyph.line_width} for glyph in glyphs]
    args = {
        "figure": mark.figure, "source": mark.stream.source, "theory": mark.sources["theory"],
        "phases": mark.sources["phases"], "lines": [_line(mark, spec) for spec in mark.lines], "glyphs": list(glyphs),
        "usually": styles, "threshold": mark.scale.threshold, "log_x": mark.options.log_x, "log_y": mark.scale.log,
        "several": len({spec.column.curve.key for spec in mark.lines}) > 1, "x_name": x_name,
    }  # fmt: skip
    for event in (MouseMove, MouseLeave):
        mark.figure.js_on_event(event, CustomJS(args=args, code=SCRIPT))


def _line(mark: Any, spec: Any) -> dict[str, Any]:
    """Describe one line for the browser: its columns, and what it is called."""
    low, high = (column.key for column in mark.band(spec.column)) if spec.column.curve.band else ("", "")
    curve = spec.column.curve
    names = {"channel": spec.name, "curve": curve.label, "color": spec.color, "spread": spread_text([curve])}
    return {"x": mark.x_key(spec.column), "y": spec.column.key, "low": low, "high": high, **names}
