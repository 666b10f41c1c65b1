"""Style sheets and sizes that several panels share, and the one that hides a panel."""

from __future__ import annotations

from typing import Any

from panel.viewable import Viewer

from dashboard.ui.component import FOLDER

CARD, GRID, LABEL, TABLE = ((FOLDER / f"{name}.css").read_text() for name in ("card", "grid", "label", "table"))

FIGURES, FIGURE_CARD = ((FOLDER / f"{name}.css").read_text() for name in ("figures", "figure_card"))

FULL_WIDTH = ":host { grid-column: 1 / -1; }"
"""Style of a card that stands in all columns of its grid."""

WHOLE = ":host { flex: none !important; height: auto !important; max-height: none !important; }"
"""Style of what is as high as its content: parts that stay in sight while one scrolls do so to its end."""

STRETCH = {"sizing_mode": "stretch_width"}

DIMS = ":host { opacity: var(--shown, 1); transition: opacity .25s .15s; }"
"""Style of what fades while another experiment is being prepared; the sheet of the lab sets the variable."""

SHEET = ":host { --shown: 1; } :host(.preparing) { --shown: .35; }"
"""Style of the sheet of a lab. A restart that takes no time is over before anything has faded."""

UNPRINTED = "@media print { :host { display: none !important; } }"

HIDDEN = ":host(.out_of_sight) { display: none !important; }"


def at_most(width: int) -> dict[str, Any]:
    """Return the form of a control of the library that takes so many pixels, or less where there are less."""
    return {"size": "small", "sizing_mode": "stretch_width", "max_width": width, "margin": (6, 10, 6, 0)}


def hide(panel: Any, hidden: bool) -> None:
    """Take a panel out of sight, for screen readers too, or bring it back; `visible` is left to others."""
    shell = _shell(panel)
    classes = [each for each in shell.css_classes if each != "out_of_sight"] + ["out_of_sight"] * hidden
    if classes != shell.css_classes:
        sheets = [each for each in shell.stylesheets if each != HIDDEN]
        shell.param.update(css_classes=classes, stylesheets=[*sheets, HIDDEN])


def leave_unprinted(panel: Any) -> None:
    """Leave a panel out where the page is printed."""
    shell = _shell(panel)
    shell.stylesheets = [*shell.stylesheets, UNPRINTED]


def _shell(panel: Any) -> Any:
    return panel.__panel__() if isinstance(panel, Viewer) else panel
