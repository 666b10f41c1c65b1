"""Messages above the plots: failures, divergence, links, help. One slot a subject."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np
import panel as pn
from panel.viewable import Viewer

from dashboard.components import FOLDER
from dashboard.naming import describe

if TYPE_CHECKING:
    from engines.core.run import Run

STYLE = (FOLDER / "notices.css").read_text()

KEYS = (("space", "play or pause"), ("← →", "move the cursor over recorded frames; with shift, ten at a time"),
        ("R", "reset: back to step 0, same seeds"), ("?", "this list"))  # fmt: skip


class Notices(Viewer):
    """What is said above the plots, by subject; an empty text takes a subject away."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, tuple[str, str]] = {}
        self._pane = pn.pane.HTML("", sizing_mode="stretch_width", stylesheets=[STYLE], margin=0, visible=False)

    def say(self, subject: str, kind: str, text: str, html: str = "") -> None:
        """Say `text` (or trusted `html`) about a subject."""
        said = (kind, html or escape(text)) if text or html else None
        if self._said.get(subject) == said:
            return
        self._said.pop(subject, None)
        if said:
            self._said[subject] = said
        role = {"error": "alert"}
        boxes = [f"<div class='notice {k}' role='{role.get(k, 'status')}'>{t}</div>" for k, t in self._said.values()]
        self._pane.object = "".join(boxes)
        self._pane.visible = bool(boxes)

    def toggle_help(self) -> None:
        """Show or hide the keyboard shortcuts."""
        rows = " &ensp; ".join(f"<kbd>{key}</kbd> {escape(what)}" for key, what in KEYS)
        self.say("help", "info", "", "" if "help" in self._said else rows)

    def __panel__(self) -> pn.pane.HTML:
        return self._pane


def divergence(run: Run) -> str:
    """A sentence about the members that left the finite numbers; "" while there are none."""
    gone = np.flatnonzero(run.diverged_at >= 0)
    if not len(gone):
        return ""
    first = int(gone[np.argmin(run.diverged_at[gone])])
    config = run.configs[first]
    which = describe({name: getattr(config, name) for name in _telling(run)})
    who = "The run" if len(run.configs) == 1 else f"{len(gone)} of {len(run.configs)} members"
    where = f"{who} diverged: the first at step {int(run.diverged_at[first]):,}" + (f" ({which})" if which else "")
    return f"{where}. Its curve ends there. {_advice(run, config)}".strip()


def _telling(run: Run) -> list[str]:
    return [name for name in run.configs[0].knobs() if len({repr(getattr(c, name)) for c in run.configs}) > 1]


def _advice(run: Run, config: object) -> str:
    try:
        return run.engine.stability(config)
    except Exception:
        return ""
