"""Parts that are out of sight for a while, whatever else decides whether they are seen."""

from __future__ import annotations

from typing import Any

from panel.viewable import Viewer

VEILED = "veiled"

STYLE = f":host(.{VEILED}) {{ display: none !important; }}"


def veil(part: Any, on: bool) -> None:
    """Take a part of the page out of sight, for screen readers too, or bring it back."""
    set_class(part, VEILED, on, STYLE)


def set_class(part: Any, name: str, on: bool, style: str = "") -> None:
    """Give a part of the page a class, which `style` is about, or take it away."""
    shell = part.__panel__() if isinstance(part, Viewer) else part
    classes = [each for each in shell.css_classes if each != name] + [name] * on
    sheets = [*shell.stylesheets, *([style] if style and style not in shell.stylesheets else [])]
    if classes != list(shell.css_classes):
        shell.param.update(css_classes=classes, stylesheets=sheets)
