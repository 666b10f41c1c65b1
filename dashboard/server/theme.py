"""Colours and type of all pages, light and dark. Everything is served from this machine."""

from __future__ import annotations

import os
from typing import Any

import panel as pn

from dashboard.ui.component import FOLDER

BAR = 44
"""Height of the bar at the top of a page, pixels."""


UNPRINTED = {"@media print": {"display": "none !important"}}
"""Paper has no bar; style sheets of the document do not come into the page, which is a shadow of its own."""


def _theme(primary: str, page: str, paper: str, text: str, line: str) -> dict[str, Any]:
    bar = {
        "backgroundColor": paper,
        "color": text,
        "backgroundImage": "none",
        "boxShadow": "none",
        "borderBottom": f"1px solid {line}",
        **UNPRINTED,
    }
    # The page's own bar of progress and its second title are empty here, and screen readers would read them out.
    components = {
        "MuiLinearProgress": {"styleOverrides": {"root": {"display": "none"}}},
        "MuiAppBar": {"styleOverrides": {"root": bar}},
        "MuiToolbar": {
            "styleOverrides": {"root": {"minHeight": f"{BAR}px !important", "margin": "0 !important", **UNPRINTED}}
        },
        "MuiToggleButton": {"styleOverrides": {"root": {"textTransform": "none"}}},
        "MuiTypography": {
            "styleOverrides": {
                "h3": {
                    "fontSize": "1.15rem",
                    "lineHeight": "36px !important",
                    "fontWeight": 650,
                    "color": f"{text} !important",
                },
                "h5": {"display": "none"},
            }
        },
    }
    palette = {"primary": {"main": primary}, "background": {"default": page, "paper": paper}}
    return {"palette": palette, "components": components}


THEME = {
    "light": _theme("#3450c8", "#f6f7f9", "#ffffff", "#1d2330", "#e1e4ea"),
    "dark": _theme("#8fa3ff", "#14161a", "#1c1f25", "#e9ecf2", "#2d323c"),
}

CSS = f"""body {{ margin: 0; --room: calc(100vh - {BAR}px); }}
@media print {{ body, body * {{ overflow: visible !important; }} }}"""
"""`--room` is the height in which a lab scrolls."""

PRINTED = {"overflow": "visible", "backgroundColor": "transparent"}
GROUND = {"& .main": {"backgroundColor": "background.default", "@media print": PRINTED}}
"""The ground behind the cards, which are of the paper's colour."""

CRUMB = (FOLDER / "crumb.css").read_text()
"""Style of the lab's name in the bar of its page, and of the way back to all labs."""


def begins_dark(theme: str) -> bool:
    """Whether a page begins dark: as its address asks, else as chosen in this browser before, else as its system is.

    `theme.js` writes both cookies.
    """
    cookies = pn.state.cookies
    return (theme or cookies.get("dynascope_theme") or cookies.get("dynascope_system")) == "dark"


def prepare() -> None:
    """Set up Panel once for each entry point."""
    os.environ["MPLBACKEND"] = "agg"  # figures are printed beside the page, and open no window here
    pn.extension(notifications=False)
    pn.config.autoreload = False
    pn.config.respect_explicit_sizing = True
