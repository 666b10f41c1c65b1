"""One look for all pages, light and dark. Everything is served from this machine."""

from __future__ import annotations

import panel as pn

LIGHT, DARK = "#3450c8", "#8fa3ff"

THEME = {
    "light": {"palette": {"primary": {"main": LIGHT}, "background": {"default": "#f6f7f9", "paper": "#ffffff"}}},
    "dark": {"palette": {"primary": {"main": DARK}, "background": {"default": "#14161a", "paper": "#1c1f25"}}},
}

CSS = """
:root { --ds-live: #0a8a63; }
.mui-dark { --ds-live: #3ecf9b; }
body { margin: 0; }
"""


def prepare() -> None:
    """Set up Panel once for each entry point."""
    pn.extension(notifications=False)
    pn.config.autoreload = False
