"""Messages above the plots: failures, divergence, links, advice. One message for each topic."""

from __future__ import annotations

import logging
import sys
import tempfile
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import panel as pn
from panel.viewable import Viewer

from dashboard.runs import library
from dashboard.session.curves import member_label
from dashboard.ui.component import FOLDER
from dashboard.ui.formatting import sentence
from engines.core.protocol.errors import FAULTS, DynascopeError, shortened

if TYPE_CHECKING:
    from engines.core.protocol.config import Config, Knob
    from engines.core.runs.run import Run

log = logging.getLogger(__name__)

T = TypeVar("T")

STYLE = (FOLDER / "messages.css").read_text()

HOW_TO_GO_ON = "Change the knob and press Reset; or scrub back to before it, and branch from there."

FINISHED = "The run has reached its end, so this applies to what comes next: Play goes on, Reset starts again with it."

PLACES = [Path(__file__).parents[2], Path(sys.prefix), Path.home(), Path(tempfile.gettempdir())]
"""Folders of the server that are no business of those who visit it."""


def without_places(text: str) -> str:
    """Leave the folders of a public server out of a text; on one's own machine they help."""
    if library.public():
        for place in [library.folder(), *PLACES]:
            text = text.replace(str(place), "…") if place else text
    return text


def message(kind: str, text: str) -> str:
    """Write a message of a kind (`error`, `lesson` or `info`) as HTML.

    The text may quote anything: it is escaped here, and nowhere before.
    """
    role = "alert" if kind == "error" else "status"
    return f"<div class='message {kind}' role='{role}'>{escape(shortened(without_places(text)))}</div>"


class Messages(Viewer):
    """Shows one message for each topic, in the words that readers have for the `knobs`."""

    def __init__(self, knobs: Mapping[str, Knob] | None = None) -> None:
        super().__init__()
        self._knobs = knobs or {}
        self._messages: dict[str, tuple[str, str]] = {}
        self._hints = True
        self._pane = pn.pane.HTML("", sizing_mode="stretch_width", stylesheets=[STYLE], margin=0, visible=False)

    def show(self, topic: str, kind: str, text: str) -> None:
        """Put a message about a topic in place of the last one; an empty text takes it away."""
        new = (kind, sentence(text, self._knobs)) if text else None
        if self._messages.get(topic) == new:
            return
        self._messages.pop(topic, None)
        if new:
            self._messages[topic] = new
        self._refresh()

    def show_hints(self, on: bool) -> None:
        """Show what explains a run too, or failures alone: an explanation may tell what a lesson asks."""
        self._hints = on
        self._refresh()

    def _refresh(self) -> None:
        boxes = [message(*each) for each in self._messages.values() if self._hints or each[0] == "error"]
        self._pane.object = "".join(boxes)
        self._pane.visible = bool(boxes)

    def attempt(self, topic: str, make: Callable[[], T], instead: T) -> T:
        """Return what `make` returns, or `instead` where it fails.

        A failure is a message about the topic, and once in the log; the next success takes the message away.
        """
        try:
            made = make()
        except FAULTS as error:
            reason = str(error) if isinstance(error, DynascopeError) else f"{type(error).__name__}: {error}"
            text = f"{topic} could not be made ({reason.rstrip('.: ')}). The rest of the page goes on."
            if self._messages.get(topic) != ("error", sentence(text, self._knobs)):
                log.exception("%s could not be made", topic)
            self.show(topic, "error", text)
            return instead
        self.show(topic, "error", "")
        return made

    def __panel__(self) -> pn.pane.HTML:
        return self._pane


def divergence(run: Run, advice: Callable[[Config], str]) -> str:
    """Say which members left the finite numbers, and what to do; "" while there are none.

    `advice(config)` is a sentence about the step size that would have been stable.
    """
    diverged = np.flatnonzero(run.diverged_at >= 0)
    if not len(diverged):
        return ""
    first = int(diverged[np.argmin(run.diverged_at[diverged])])
    step = int(run.diverged_at[first])
    which, count = member_label(run.initial_configs, first, preset=run.preset), len(run.configs)
    who, end = ("The run", "Its curve ends") if count == 1 else (f"{len(diverged)} of {count} members", "Curves end")
    where = f"{who} diverged: the first at step {step:,}" + (f" ({which})" if which else "")
    return f"{where}. {end} there. {advice(run.config(first, step - 1))} {HOW_TO_GO_ON}"
