"""The line below the figures: which are not on the page, why, and how they come back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import param

from dashboard.ui.component import FOLDER, Component, script

if TYPE_CHECKING:
    from dashboard.figures.card import Card


class LeftOut(Component):
    """Names the figures that the reader hid, and those with nothing to show; `restore(name)` brings one back."""

    shown = param.Dict({"closed": [], "empty": []})

    _esm = script("left_out")
    _stylesheets = [(FOLDER / "left_out.css").read_text()]

    def __init__(self, restore: Callable[[str], None], **params: Any) -> None:
        super().__init__(margin=0, sizing_mode="stretch_width", **params)
        self._restore = restore

    def show(self, cards: Sequence[Card]) -> None:
        """List the cards that are not on the page; those that the address hides are not mentioned."""
        closed = [card for card in cards if card.closed and not card.blank]
        empty = [[card.declared.title, card.blank or card.empty] for card in cards if card not in closed]
        shown = {
            "closed": [[card.plot.name, card.plot.title] for card in closed],
            "empty": [[title, reason] for title, reason in empty if reason],
        }
        if shown != self.shown:
            self.shown = shown

    def _handle_msg(self, data: dict[str, Any]) -> None:
        self._restore(str(data.get("restore")))
