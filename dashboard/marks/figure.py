"""Empty figures in the house style."""

from __future__ import annotations

from typing import Any

from bokeh.models import BasicTickFormatter, Range1d
from bokeh.plotting import figure as bokeh_figure

TALL, SHORT = 380, 250
"""Heights of the primary figure and of the others."""


def figure(*, log_x: bool = False, log_y: bool = False, height: int = SHORT, **labels: Any) -> Any:
    """A figure whose ranges the server sets. Its toolbar shows while the pointer is over it."""
    made = bokeh_figure(
        height=height,
        sizing_mode="stretch_width",
        x_axis_type="log" if log_x else "linear",
        y_axis_type="log" if log_y else "linear",
        x_range=Range1d(1, 10),
        y_range=Range1d(1, 10),
        tools="pan,box_zoom,wheel_zoom,reset,save",
        active_drag="box_zoom",
        active_scroll=None,
        output_backend="canvas",
        min_border=4,
        **labels,
    )
    _calm(made, log_x)
    return made


def _calm(made: Any, log_x: bool) -> None:
    made.toolbar.logo = None
    made.toolbar.autohide = True
    made.background_fill_color = made.border_fill_color = None
    made.outline_line_color = None
    made.grid.grid_line_alpha = 0.35
    made.axis.axis_label_standoff = 4
    made.axis.minor_tick_line_color = None
    if not log_x:
        made.xaxis.formatter = BasicTickFormatter(use_scientific=False)


def bare(glyph: Any, source: Any, made: Any, **options: Any) -> Any:
    """Add a glyph without the copies for selection and muting that nobody uses here."""
    copies = dict.fromkeys(("nonselection_glyph", "selection_glyph", "muted_glyph", "hover_glyph"))
    return made.add_glyph(source, glyph, **copies, **options)
