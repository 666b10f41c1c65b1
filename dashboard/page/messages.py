"""Messages above the plots: failures, divergence, links, help. One slot a subject."""

from __future__ import annotations

import logging
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import panel as pn
from panel.viewable import Viewer

from dashboard.session.curves import tell
from dashboard.ui.component import FOLDER
from engines.core.protocol.errors import FAULTS, shortened

if TYPE_CHECKING:
    from engines.core.protocol.config import Config
    from engines.core.protocol.engine import Engine
    from engines.core.runs.run import Run

log = logging.getLogger(__name__)

STYLE = (FOLDER / "notices.css").read_text()

MENDING = "Change the knob and press Reset; or scrub back to before it, and branch from there."

FINISHED = "The run has reached its end, so this applies to what comes next: Play goes on, Reset starts again with it."


def notice(kind: str, text: str) -> str:
    """A notice as HTML. The text may quote anything: it is escaped here, and nowhere before."""
    role = "alert" if kind == "error" else "status"
    return f"<div class='notice {kind}' role='{role}'>{escape(shortened(text))}</div>"


class Notices(Viewer):
    """What is said above the plots, by subject; an empty text takes a subject away."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, tuple[str, str]] = {}
        self._pane = pn.pane.HTML("", sizing_mode="stretch_width", stylesheets=[STYLE], margin=0, visible=False)

    def say(self, subject: str, kind: str, text: str) -> None:
        """Say something about a subject."""
        said = (kind, text) if text else None
        if self._said.get(subject) == said:
            return
        self._said.pop(subject, None)
        if said:
            self._said[subject] = said
        boxes = [notice(*each) for each in self._said.values()]
        self._pane.object = "".join(boxes)
        self._pane.visible = bool(boxes)

    def __panel__(self) -> pn.pane.HTML:
        return self._pane


def caution(engine: Engine, config: Config) -> str:
    """What the engine says of a configuration that cannot show what it should; "" where that fails."""
    try:
        return engine.caution(config)
    except FAULTS:
        log.exception("the caution of %s failed", engine.name)
        return ""


def divergence(run: Run) -> str:
    """A sentence about the members that left the finite numbers; "" while there are none."""
    gone = np.flatnonzero(run.diverged_at >= 0)
    if not len(gone):
        return ""
    first = int(gone[np.argmin(run.diverged_at[gone])])
    at = int(run.diverged_at[first])
    which = tell(run.initial_configs, first)
    alone = len(run.configs) == 1
    who, what = ("The run", "Its curve ends") if alone else (f"{len(gone)} of {len(run.configs)} members", "Curves end")
    where = f"{who} diverged: the first at step {at:,}" + (f" ({which})" if which else "")
    return f"{where}. {what} there. {_advice(run, run.config(first, at - 1))} {MENDING}"


def _advice(run: Run, config: Config) -> str:
    try:
        return run.engine.stability(config)
    except FAULTS:
        return ""
