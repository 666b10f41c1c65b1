"""Figures in print: HoloViews' matplotlib back end, light, with 9 pt type at the width of one column or of two."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any

import holoviews as hv
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.lines import Line2D
from matplotlib.ticker import AutoLocator, LogLocator

from dashboard.publish.figure_view import PRINTED, WIDTHS
from dashboard.publish.style import DASHES, SHAPE, SHAPES, TYPE
from engines.core.protocol.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.figure import Figure

    from dashboard.publish.figure import PrintSheet

DOTS = 300
"""Pixels an inch of a PNG."""

INK, PALE = "#1d2330", "#5d6470"

BOLD = 0.9
"""Width that as many bold letters may take."""

LETTER = 0.6
"""Width of a letter, about, relative to the size of the type."""

WIDE = 5.0
"""Inches from which on there is room for names of as many ticks as matplotlib chooses."""

GAP = 0.06
"""Space around a title, a legend and a note, in inches."""

MOST_ENTRIES = 24
"""Entries of a legend in print."""

STYLE: dict[str, Any] = {
    "font.family": "sans-serif", "font.size": TYPE, "axes.titlesize": TYPE, "axes.labelsize": TYPE,
    "xtick.labelsize": TYPE, "ytick.labelsize": TYPE, "legend.fontsize": TYPE, "mathtext.fontset": "dejavusans",
    "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": PALE, "xtick.color": PALE, "ytick.color": PALE,
    "xtick.labelcolor": INK, "ytick.labelcolor": INK, "axes.linewidth": 0.6, "xtick.major.width": 0.6,
    "ytick.major.width": 0.6, "grid.color": "#d9dde3", "grid.linewidth": 0.5, "axes.axisbelow": True,
    "svg.fonttype": "none", "svg.hashsalt": "dynascope", "pdf.fonttype": 42, "figure.facecolor": "white",
    "savefig.facecolor": "white", "axes.facecolor": "white",
}  # fmt: skip
"""Everything that the reader's own settings could change; text stays text in vector files."""

TURN = Lock()
"""matplotlib's settings and figures belong to the process: one figure at a time is drawn."""


def printed(sheet: PrintSheet, kind: str, width: float = WIDTHS["page"]) -> bytes:
    """Print a sheet as `pdf`, `svg` or `png`, `width` inches wide. Raises `ConfigError` for another format."""
    return print_all(sheet, (kind,), width)[kind]


def print_all(sheet: PrintSheet, kinds: Sequence[str], width: float = WIDTHS["page"]) -> dict[str, bytes]:
    """Print a sheet once in several formats. Raises `ConfigError` for another format than those of `PRINTED`."""
    for kind in kinds:
        if kind not in PRINTED:
            raise ConfigError(f"a figure is not printed as {kind!r}; known are {', '.join(PRINTED)}")
    with drawing(sheet, width) as figure:
        return {kind: _saved(figure, kind, sheet.title) for kind in kinds}


def _saved(figure: Figure, kind: str, title: str) -> bytes:
    file = io.BytesIO()
    dated = {"svg": "Date", "pdf": "CreationDate"}.get(kind)  # the same figure is the same file
    figure.savefig(file, format=kind, dpi=DOTS, metadata={"Title": title} | ({dated: None} if dated else {}))
    return file.getvalue()


@contextmanager
def drawing(sheet: PrintSheet, width: float = WIDTHS["page"]) -> Iterator[Figure]:
    """Draw a sheet with matplotlib, with its title above, its legend and its note below; closed at the end."""
    from matplotlib import pyplot

    with TURN, rc_context(STYLE):  # type: ignore[arg-type]
        figure = hv.Store.renderers["matplotlib"].get_plot(sheet.figure).state
        FigureCanvasAgg(figure)
        try:
            _dress(figure, sheet, width)
            yield figure
        finally:
            pyplot.close(figure)


def _dress(figure: Figure, sheet: PrintSheet, width: float) -> None:
    """Put title, axes, legend and note one under the other; nothing else decides about the height."""
    axes = _tidied(figure, width)
    square = axes.get_aspect() != "auto"
    middle = width * (0.8 if square else max(SHAPE, 2.2 / width))
    if not axes.get_ylabel().startswith("$"):
        axes.set_ylabel(_wrapped(axes.get_ylabel(), BOLD * 0.7 * middle))
    title = figure.text(0, 0, _wrapped(sheet.title, BOLD * width), weight="bold", va="top")
    note = figure.text(0, 0, _wrapped(sheet.note, width), color=PALE, va="bottom")
    figure.set_size_inches(width, 2 * middle)
    key = _legend(figure, sheet.legend, width)
    above, noted, keyed = (_height(drawing) for drawing in (title, note if sheet.note else None, key))
    height = above + middle + keyed + noted + 2 * GAP
    figure.set_size_inches(width, height)
    title.set_position((GAP / width, 1 - GAP / height))
    note.set_position((GAP / width, GAP / height))
    if key:
        key.set_bbox_to_anchor((0, (noted + GAP) / height))
    figure.set_layout_engine(
        "constrained", rect=(0, (noted + keyed + GAP) / height, 1, middle / height), w_pad=0.05, h_pad=0.05
    )


def _tidied(figure: Figure, width: float) -> Any:
    """Take out what HoloViews laid out, and keep ticks apart; returns the axes."""
    axes = figure.axes[0]
    for image in axes.images:
        if image.colorbar:
            image.colorbar.remove()
    if legend := axes.get_legend():
        legend.remove()
    axes.set_title("")
    axes.spines[["top", "right"]].set_visible(False)
    if axes.get_xscale() == "log":
        axes.xaxis.set_minor_locator(LogLocator(subs=(2, 5)))
    if width < WIDE and type(axes.xaxis.get_major_locator()) is AutoLocator:
        axes.locator_params(axis="x", nbins=4)
    named = [text.get_text() for text in axes.get_xticklabels()]
    if LETTER * TYPE * len("  ".join(named)) > 72 * BOLD * width:
        axes.tick_params(axis="x", labelrotation=30)
        for text in axes.get_xticklabels():
            text.set(ha="right", rotation_mode="anchor")
    for text in axes.texts:
        text.set_fontsize(TYPE)
        if axes.images:  # names over matrices that are as wide as there is room for
            text.set_text(_wrapped(text.get_text().partition(" (")[0], 0.7 * width / len(axes.texts)))
    if axes.images:
        figure.colorbar(axes.images[0], ax=axes, use_gridspec=False)  # a grid of its own has heights of zero
    return axes


def _wrapped(text: str, inches: float) -> str:
    letters = int(inches * 72 / (TYPE * LETTER))
    return "\n".join(textwrap.wrap(text.replace("$", r"\$"), letters))


def _height(drawing: Any) -> float:
    """Height of a text or a legend, with a gap, in inches; 0 for none."""
    if drawing is None:
        return 0.0
    return drawing.get_window_extent().height / drawing.figure.dpi + GAP


def _legend(figure: Figure, entries: Sequence[Mapping[str, Any]], width: float) -> Any:
    """Explain lines in as many columns as there is room for; of very many entries the first are named."""
    shown = list(entries[:MOST_ENTRIES])
    if len(entries) > MOST_ENTRIES:
        shown[-1:] = [{"label": f"and {len(entries) - MOST_ENTRIES + 1} more", "dash": "none", "color": PALE}]
    if not shown:
        return None
    handles = [_sample(entry) for entry in shown]
    labels = [_wrapped(entry.get("full") or entry["label"], width - 0.6) for entry in shown]
    for columns in range(min(4, len(shown)), 0, -1):
        made = figure.legend(
            handles, labels, loc="lower left", ncols=columns, frameon=False, borderaxespad=0, handlelength=2.2,
            bbox_to_anchor=(0, 0),
        )  # fmt: skip
        if columns == 1 or made.get_window_extent().width <= width * figure.dpi:
            return made
        made.remove()
    return None


def _sample(entry: Mapping[str, Any]) -> Line2D:
    """Draw the sample of a legend entry: a line with a dash of the page, or a dot."""
    dash, color = entry["dash"], entry.get("color") or INK
    if dash in ("dot", "ring", *SHAPES):
        inside = "white" if dash == "ring" else color
        return Line2D([], [], linestyle="", marker=SHAPES.get(dash, "o"), markersize=5, color=color,
                      markerfacecolor=inside)  # fmt: skip
    if dash == "none":
        return Line2D([], [], linestyle="")
    pattern = tuple(part / 2 for part in DASHES[dash])
    return Line2D([], [], color=color, linewidth=1.4, linestyle=(0, pattern) if pattern else "-")
