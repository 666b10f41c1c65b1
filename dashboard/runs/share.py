"""What leaves the page: a link that holds everything, and files of figures and runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from dashboard.runs.download import KINDS, Exports
from dashboard.session import link
from dashboard.session.view_state import View

if TYPE_CHECKING:
    from dashboard.page.lab import Lab
    from engines.core.protocol.declarations import Plot

COPIED = "The link is in the address bar and, where the browser allows it, on the clipboard. It holds everything."

TOKEN = "The link is on the clipboard, where the browser allows it: for lab(name, link=...), or ?s=... in a browser."


class Sharing:
    """Links and files of a lab. Called under its document's lock."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._exports = Exports(lambda text: self._say("info", text), lambda text: self._say("error", text))
        self.download = self._exports.download
        """What belongs in the page, so that files get there."""

    def _say(self, kind: str, text: str) -> None:
        self._lab.notices.say("export", kind, text)

    def view(self) -> View:
        """How the lab is looked at."""
        lab, player = self._lab, self._lab.player
        return View(
            bands=player.bands,
            speed=player.speed,
            focus=player.focus,
            cursor=player.cursor,
            looks=lab.stage.looks(),
            hide=tuple(sorted(lab.hidden)),
            lesson=lab.teacher.lesson.name if lab.teacher else "",
            page=lab.teacher.index if lab.teacher else 0,
            pinned=player.pinned_as.to_json() if player.pinned_as else "",
        )

    def token(self) -> str:
        """Everything that is on screen, as the token of a link."""
        return link.encode(self._lab.player.shared(), self.view())

    def copy(self) -> None:
        """Give the reader a link."""
        token, bridge, notices = self.token(), self._lab.bridge, self._lab.notices
        if len(token) > link.LONGEST:
            text = f"The link would have {len(token):,} characters; allowed are {link.LONGEST:,}. Unpinning may help."
            return notices.say("link", "error", text)
        bridge.copy(token)
        notices.say("link", "info", COPIED if bridge.alone else TOKEN)

    def export(self, suffix: str) -> None:
        """Everything recorded so far in the format with this ending, or the program that repeats it."""
        from engines.core.files import export
        from engines.core.runs import script

        player = self._lab.player
        if suffix not in KINDS or not len(player.runner.run):
            return
        run, preset = player.runner.run.copy(), player.experiment.preset
        experiment = replace(player.shared(), steps=max(1, int(run.steps[-1])))
        name = "_".join([run.engine.name, *([preset.name] if preset else []), f"step_{run.steps[-1]}{suffix}"])
        if suffix == ".py":
            return self._exports.ask(name, lambda: script.script(experiment))
        self._exports.ask(name, lambda: export.to_bytes(run, suffix))

    def export_plot(self, plot: Plot) -> None:
        """All numbers of one figure."""
        from engines.core.files import export

        if len(self._lab.player.runner.run):
            run = self._lab.player.runner.run.copy()
            channels = [*plot.channels, *filter(None, [plot.by])]
            self._exports.ask(f"{run.engine.name}_{plot.name}.csv", lambda: export.csv(run, channels))

    def save(self, name: str, make: Callable[[], str]) -> None:
        """A file of this name."""
        self._exports.ask(name, make)

    def collect(self) -> None:
        """Send what is ready; call it at each tick."""
        self._exports.collect()

    def close(self) -> None:
        """Make nothing more."""
        self._exports.close()
