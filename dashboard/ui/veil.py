"""Parts that are out of sight for a while, or on paper, whatever else decides whether they are seen."""

from __future__ import annotations

from typing import Any

from panel.viewable import Viewer

VEILED = "veiled"

STYLE = f":host(.{VEILED}) {{ display: none !important; }}"

UNPRINTED = "@media print { :host { display: none !important; } }"


def veil(part: Any, on: bool) -> None:
    """Take a part of the page out of sight, for screen readers too, or bring it back."""
    shell = _shell(part)
    classes = [each for each in shell.css_classes if each != VEILED] + [VEILED] * on
    if classes != shell.css_classes:
        sheets = [each for each in shell.stylesheets if each != STYLE]
        shell.param.update(css_classes=classes, stylesheets=[*sheets, STYLE])


def unprinted(part: Any) -> None:
    """Leave a part of the page out where it is printed."""
    shell = _shell(part)
    shell.stylesheets = [*shell.stylesheets, UNPRINTED]


def _shell(part: Any) -> Any:
    return part.__panel__() if isinstance(part, Viewer) else part
