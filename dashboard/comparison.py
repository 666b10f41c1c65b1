"""What differs between the pinned run and the one that plays: knobs, and every number at the step looked at."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import panel as pn
from panel.viewable import Viewer

from dashboard.components import FOLDER
from dashboard.naming import number, words

if TYPE_CHECKING:
    from dashboard.player import Player
    from engines.core.run import Run

STYLE = (FOLDER / "table.css").read_text() + (FOLDER / "comparison.css").read_text()

WAITING = "<p role='status'>Computing the pinned run…</p>"


class Comparison(Viewer):
    """A table while a run is pinned."""

    def __init__(self) -> None:
        super().__init__()
        self._pane = pn.pane.HTML("", visible=False, stylesheets=[STYLE], sizing_mode="stretch_width", margin=0)

    def show(self, player: Player) -> None:
        """Compare the member in focus with that of the pinned run, at the step that is looked at."""
        visible = player.pinned_as is not None
        text = _table(player.pinned, player.runner.run, player.at(), player.focus) if player.pinned else WAITING
        if visible and text != self._pane.object:
            self._pane.object = text
        if self._pane.visible is not visible:
            self._pane.visible = visible

    def __panel__(self) -> pn.pane.HTML:
        return self._pane


def _table(pinned: Run, run: Run, step: int, focus: int) -> str:
    from engines.core.compare import changed, difference

    members = (min(focus, len(pinned.configs) - 1), focus)
    found = difference(pinned, run, step, members)
    shown = found[np.isfinite(found["a"]) | np.isfinite(found["b"])]
    rows = "".join(_row(run, str(name), row) for name, row in shown.iterrows())
    knobs = changed(pinned, run, members)
    said = ", ".join(f"{words(name)} {_said(a)} → {_said(b)}" for name, (a, b) in knobs.items()) or "no knob"
    return (
        f"<details open><summary>Pinned → now, at step {found.attrs['step']:,}. Changed: {escape(said)}</summary>"
        "<table><thead><tr><th scope='col'>channel</th><th scope='col'>pinned</th><th scope='col'>now</th>"
        f"<th scope='col'>difference</th><th scope='col'>ratio</th></tr></thead><tbody>{rows}</tbody></table></details>"
    )


def _row(run: Run, name: str, row: Any) -> str:
    cells = "".join(f"<td>{number(float(row[each]))}</td>" for each in ("a", "b", "difference", "ratio"))
    return f"<tr><th scope='row'>{escape(run.engine.channel(name).label)}</th>{cells}</tr>"


def _said(value: Any) -> str:
    return words(value) if isinstance(value, str) else number(value)
