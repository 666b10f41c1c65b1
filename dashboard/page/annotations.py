"""Notes and slopes that a reader writes on a figure: they are part of the link and of what is taken away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboard.ui.component import whole
from engines.core.protocol.errors import DynascopeError

if TYPE_CHECKING:
    from dashboard.figures.card import Card
    from dashboard.page.messages import Messages
    from dashboard.session.session import Session


def annotate(session: Session, messages: Messages, card: Card, what: dict[str, Any]) -> None:
    """Write a note at the step that is shown, or the slope between two, on the line of the focus; or erase them."""
    try:
        if what["annotate"] == "erase":
            session.erase(card.plot.name)
        else:
            first, last = whole(what, "step"), whole(what, "to") if "to" in what else None
            session.annotate(card.mark.annotation(first, last, str(what.get("text", ""))))
        messages.show("annotation", "error", "")
    except DynascopeError as error:
        messages.show("annotation", "error", str(error))
