"""The bar over the plots: play, step, speed, scrub, branch, reset, pin, link, export."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import param

from dashboard.runs.share import KINDS
from dashboard.session.view_state import NORMAL, SPEEDS
from dashboard.ui.component import FOLDER, Component, script

if TYPE_CHECKING:
    from dashboard.session.view_state import ViewContext
    from engines.core.protocol.declarations import Action

Command = Callable[[str, dict[str, Any]], None]


class Transport(Component):
    """The bar: what the reader asks for goes to `command(what, data)`; `show` displays the state of the run."""

    now = param.Dict({})
    actions = param.List([])
    speeds = param.List([[name, text] for name, (_, text) in SPEEDS.items()])

    files = param.List([list(kind) for kind in KINDS.items()])

    devices = param.List([], doc="Names and descriptions of the devices on which a run can be computed.")

    recorded = param.Boolean(
        False, doc="Whether its steps are taken elsewhere: then it is looked at, and not commanded."
    )

    _esm = script("menu", "transport")
    _stylesheets = [(FOLDER / f"{name}.css").read_text() for name in ("transport", "menu")]

    def __init__(self, actions: Sequence[Action], command: Command, **params: Any) -> None:
        super().__init__(actions=_buttons(actions), now=_EMPTY, margin=0, sizing_mode="stretch_width", **params)
        if self.recorded:
            self.files = [each for each in self.files if each[0] not in REPEATED]
        self._command = command

    def show_actions(self, actions: Sequence[Action]) -> None:
        """Show the buttons of these actions: those whose knobs change something."""
        shown = _buttons(actions)
        if shown != self.actions:
            self.actions = shown

    def show(self, context: ViewContext, frames_ahead: float = 0, time_left: str = "") -> None:
        """Display the runner's status and where the cursor is; sends nothing where nothing changed."""
        status, rate = context.status, float(f"{context.status.rate:.2g}")
        about = {"playing": status.playing, "ready": status.ready, "failed": bool(status.message), "rate": rate}
        steps = {"step": status.step, "horizon": status.horizon, "ahead": round(frames_ahead), "left": time_left}
        cursor = {"rows": context.rows, "index": context.frame, "at": context.step, "scrubbing": context.scrubbing}
        about |= {"device": status.device, "chosen": context.run.device}
        now = about | steps | cursor | {"pinned": context.comparing, "speed": context.speed}
        if now != self.now:
            self.now = now

    def _handle_msg(self, data: dict[str, Any]) -> None:
        self._command(str(data.get("do")), data)


REPEATED = (".py", "_paper.zip")
"""Files that compute a run once more."""

_EMPTY = {
    "playing": False, "ready": False, "failed": False, "horizon": 1, "rate": 0, "step": 0, "rows": 0, "index": 0,
    "device": "", "chosen": "", "at": 0, "ahead": 0, "left": "", "scrubbing": False, "pinned": False, "speed": NORMAL,
}  # fmt: skip


def _buttons(actions: Sequence[Action]) -> list[list[str]]:
    return [[action.name, action.label, action.doc] for action in actions]
