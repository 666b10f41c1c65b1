"""Messages above the plots: failures, divergence, links, advice. One message for each topic."""

from __future__ import annotations

import logging
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer

from dashboard.runs import library
from dashboard.session.curves import member_label
from dashboard.ui.formatting import sentence
from engines.core.protocol.errors import FAULTS, DynascopeError, shortened

if TYPE_CHECKING:
    from engines.core.protocol.config import Config, Knob
    from engines.core.runs.run import Run

log = logging.getLogger(__name__)

T = TypeVar("T")

SEVERITY = {"error": "error", "lesson": "warning", "info": "info"}
"""Names of the library for the kinds of messages."""

QUIET = {"py": 0, "& .MuiAlertTitle-root": {"m": 0, "fontSize": 13.5, "fontWeight": 400, "overflowWrap": "anywhere"}}
"""Style of a message: its text is a title to the library, which writes titles as text and all else as markup."""

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


def message(kind: str, text: str, **params: Any) -> pmui.Alert:
    """Make a message of a kind (`error`, `lesson` or `info`). The text may quote anything: no markup in it is read."""
    style: dict[str, Any] = {"severity": SEVERITY[kind], "sx": QUIET, "sizing_mode": "stretch_width"}
    return pmui.Alert(title=_presentable(text), **style, **params)


def _presentable(text: str) -> str:
    return shortened(without_places(text))


class Messages(Viewer):
    """Shows one message for each topic, in the words that readers have for the `knobs`."""

    def __init__(self, knobs: Mapping[str, Knob] | None = None) -> None:
        super().__init__()
        self._knobs = knobs or {}
        self._messages: dict[str, tuple[str, str]] = {}
        self._boxes: dict[str, pmui.Alert] = {}
        """A box for each topic that there ever was: one whose text changes is not made anew."""
        self._hints = True
        self._pane = pn.Column(sizing_mode="stretch_width", margin=0, visible=False)

    def show(self, topic: str, kind: str, text: str) -> None:
        """Put a message about a topic in place of the last one; an empty text takes it away."""
        new = (kind, sentence(text, self._knobs)) if text else None
        if self._messages.get(topic) == new:
            return
        if new:
            self._messages[topic] = new
            self._write(topic, *new)
        else:
            del self._messages[topic]
        self._refresh()

    def _write(self, topic: str, kind: str, text: str) -> None:
        box = self._boxes.get(topic)
        if box is not None and box.severity == SEVERITY[kind]:
            box.title = _presentable(text)
        else:
            self._boxes[topic] = message(kind, text, margin=(0, 0, 8, 0))

    def show_hints(self, on: bool) -> None:
        """Show what explains a run too, or failures alone: an explanation may tell what a lesson asks."""
        self._hints = on
        self._refresh()

    def _refresh(self) -> None:
        boxes = self._shown()
        if boxes != list(self._pane):
            self._pane[:] = boxes
            self._pane.visible = bool(boxes)

    def _shown(self) -> list[pmui.Alert]:
        return [self._boxes[name] for name, (kind, _) in self._messages.items() if self._hints or kind == "error"]

    @property
    def texts(self) -> list[str]:
        """Return what is shown, a text each."""
        return [box.title or "" for box in self._shown()]

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

    def __panel__(self) -> pn.Column:
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
