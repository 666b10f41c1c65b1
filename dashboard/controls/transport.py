"""Time as an object: the bar with play, step, speed, scrub, branch and reset."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import param

from dashboard.runs.download import KINDS
from dashboard.session.speeds import NORMAL, SPEEDS
from dashboard.ui.component import FOLDER, Component, script

if TYPE_CHECKING:
    from engines.core.live.runner import Status
    from engines.core.protocol.declarations import Action

Command = Callable[[str, dict[str, Any]], None]


class Transport(Component):
    """The bar. What a person asks for goes to `command(what, data)`; what is so comes in through `refresh`."""

    now = param.Dict({})
    actions = param.List([])
    speeds = param.List([[name, text] for name, (_, text) in SPEEDS.items()])

    files = param.List([list(kind) for kind in KINDS.items()])

    _esm = script("transport")
    _stylesheets = [(FOLDER / "transport.css").read_text()]

    def __init__(self, actions: Sequence[Action], command: Command, **params: Any) -> None:
        shown = [[action.name, action.label, action.doc] for action in actions]
        super().__init__(actions=shown, now=_EMPTY, **params)
        self._command = command

    def refresh(self, status: Status, rows: int, index: int, at: int, **more: Any) -> None:
        """Show the runner's status and where the cursor is; sends nothing where nothing changed."""
        rate = float(f"{status.rate:.2g}")
        about = {"playing": status.playing, "ready": status.ready, "failed": bool(status.message), "rate": rate}
        where = {"step": status.step, "horizon": status.horizon, "rows": rows, "index": index, "at": at}
        now = self.now | where | about | more
        if now != self.now:
            self.now = now

    def _handle_msg(self, data: dict[str, Any]) -> None:
        self._command(str(data.get("do")), data)


_EMPTY = {
    "playing": False, "ready": False, "failed": False, "horizon": 1, "rate": 0, "step": 0, "rows": 0, "index": 0,
    "at": 0, "ahead": 0, "left": "", "scrubbing": False, "pinned": False, "speed": NORMAL,
}  # fmt: skip
