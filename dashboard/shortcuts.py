"""The list of keys that the reader sees."""

from __future__ import annotations

from typing import Any

import param

from dashboard.components import FOLDER, Component, script
from dashboard.keys import KEYS


class Shortcuts(Component):
    """A dialog over the page; the browser closes it by Escape, too."""

    open = param.Boolean(False)
    rows = param.List([[key.shown, key.doc] for key in KEYS if key.doc])

    _esm = script("shortcuts")
    _stylesheets = [(FOLDER / "shortcuts.css").read_text()]

    def toggle(self) -> None:
        """Show the list, or close it."""
        self.open = not self.open

    def _handle_msg(self, data: dict[str, Any]) -> None:
        self.open = self.open and not data.get("closed")
