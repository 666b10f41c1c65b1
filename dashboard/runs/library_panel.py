"""The library on the page: store the run, draw stored ones behind it, open one, delete one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import param

from dashboard.figures.overlays import Overlays, merged, overlay_curves
from dashboard.runs import library
from dashboard.runs.background_jobs import BackgroundJobs
from dashboard.ui.component import Component, script, sheet
from dashboard.ui.palette import STORED
from engines.core.protocol.errors import DynascopeError

if TYPE_CHECKING:
    from engines.core.runs.run import Run

MOST_OVERLAYS = 5
"""Stored runs that are drawn at once: more cannot be told apart."""


class LibraryPanel(Component):
    """The list of stored runs.

    `current()` is the run on screen, `open(run)` shows one in its place, `changed()` asks for `overlays` to be drawn
    again, `fail(text)` tells the reader what went wrong, `checkpoint()` is one from which the run goes on.
    """

    shown = param.Dict({"entries": [], "note": "", "count": 0, "deleted": ""})

    _esm = script("library_panel")
    _stylesheets = [sheet("controls"), sheet("library_panel")]

    def __init__(
        self,
        engine: str,
        current: Callable[[], Run],
        open: Callable[[Run], None],
        changed: Callable[[], None],
        fail: Callable[[str], None],
        checkpoint: Callable[[], Any] = lambda: None,
    ) -> None:
        self._folder = library.folder()  # jobs work in threads of their own, which know no visitor
        self._library = library.opened(self._folder) if self._folder else None
        super().__init__(visible=self._folder is not None)
        self._engine, self._current, self._open, self._changed, self._fail = engine, current, open, changed, fail
        self._checkpoint = checkpoint
        self._drawn: dict[str, Overlays] = {}
        self._hues: dict[str, str] = {}
        self._safe = library.AutosavedRun(self._folder)
        self._jobs = BackgroundJobs("library", fail)
        self.refresh()

    @property
    def overlays(self) -> Overlays:
        """The curves of all stored runs that are drawn behind the one on screen."""
        return merged(list(self._drawn.values()))

    def refresh(self, note: str = "", deleted: str = "") -> None:
        """List the stored runs, with a note of what was done, and the run whose deletion can be undone."""
        entries, count = self._library.find(engine=self._engine, limit=library.SHOWN) if self._library else ([], 0)
        rows = [
            {"name": each.id, "title": each.title, "about": library.summary_line(each), "broken": each.broken}
            | {"hue": self._hues.get(each.id, "")}
            for each in entries
        ]
        self.shown = {"entries": rows, "note": note, "count": count, "deleted": deleted}

    def _handle_msg(self, data: dict[str, Any]) -> None:
        name = str(data.get("name", ""))
        commands = {"keep": self._keep, "over": self._draw_or_remove, "open": self._load, "delete": self._delete}
        commands["restore"] = self._restore
        do = commands.get(str(data.get("do")))
        if not do:
            return
        try:
            do(name)
        except DynascopeError as error:
            self._fail(str(error))

    def collect(self) -> bool:
        """Take what is ready; returns whether anything is still being done. Call it at each tick."""
        if not self._jobs and self._safe.due(run := self._current()):
            copy = run.copy()
            self._jobs.start(lambda: self._safe.keep(copy))
        return self._jobs.collect()

    def _keep(self, name: str) -> None:
        run = self._current()
        if len(run):
            copy, checkpoint = run.copy(), self._checkpoint()
            keep = lambda: library.keep(copy, self._folder, checkpoint)  # noqa: E731
            self._jobs.start(keep, lambda kept: self.refresh(f"Kept as {kept}."))

    def _draw_or_remove(self, name: str) -> None:
        if name in self._hues:  # also one that is still being read
            self._drawn.pop(name, None)
            del self._hues[name]
            return self._overlays_changed()
        if len(self._hues) >= MOST_OVERLAYS:
            return self._fail(f"{MOST_OVERLAYS} runs are laid over already: take one away first.")
        hue = next(h for h in STORED if h not in self._hues.values())
        self._hues[name] = hue
        title = next((each["title"] for each in self.shown["entries"] if each["name"] == name), name)
        work = lambda: overlay_curves(self._read(name), color=hue, label=f"stored: {title}")  # noqa: E731
        self._jobs.start(work, lambda curves: self._draw(name, curves), failed=lambda: self._hues.pop(name, None))

    def _draw(self, name: str, curves: Overlays) -> None:
        if name in self._hues:
            self._drawn[name] = curves
            self._overlays_changed()

    def _overlays_changed(self) -> None:
        self._changed()
        self.refresh()

    def _load(self, name: str) -> None:
        self._jobs.start(lambda: self._read(name), self._open)

    def _delete(self, name: str) -> None:
        library.opened(self._folder).delete(name)
        if name in self._hues:
            self._draw_or_remove(name)
        self.refresh("Deleted.", deleted=name)

    def _restore(self, name: str) -> None:
        library.opened(self._folder).restore(name)
        self.refresh("It is back.")

    def close(self) -> None:
        """Do nothing more than what was begun."""
        self._jobs.close(last=self._safe.end)
        self._safe = library.AutosavedRun(None)

    def _read(self, name: str) -> Run:
        return library.opened(self._folder).open(name)
