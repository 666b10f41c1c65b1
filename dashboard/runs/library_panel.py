"""The library on the page: keep the run, lay stored ones over it, open one, delete one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import param

from dashboard.figures.overlays import Ghosts, ghosts, merged
from dashboard.runs import library
from dashboard.ui.component import FOLDER, Component, script
from dashboard.ui.palette import qualitative
from engines.core.protocol.errors import DynascopeError

if TYPE_CHECKING:
    from engines.core.runs.run import Run

FIRST_HUE = 3
"""Hues before it belong to the run that plays, as far as it has few curves."""

MOST = 5
"""Runs that are laid over at once: more cannot be told apart."""


class Shelf(Component):
    """The panel. `current()` is the run on screen, `lay(ghosts)` draws others behind it, `open(run)` shows one."""

    shown = param.Dict({"entries": [], "note": ""})

    _esm = script("shelf")
    _stylesheets = [(FOLDER / "shelf.css").read_text()]

    def __init__(
        self,
        engine: str,
        current: Callable[[], Run],
        lay: Callable[[Ghosts], None],
        open: Callable[[Run], None],
        fail: Callable[[str], None],
    ) -> None:
        super().__init__(visible=library.folder() is not None)
        self._engine, self._current, self._lay, self._open, self._fail = engine, current, lay, open, fail
        self._over: dict[str, Ghosts] = {}
        self._hues: dict[str, str] = {}
        self._worker = ThreadPoolExecutor(1, "library")
        self._jobs: list[tuple[Future[Any], Callable[[Any], None], str]] = []
        self.refresh()

    def refresh(self, note: str = "") -> None:
        """List what there is."""
        found = library.entries(self._engine) if self.visible else []
        rows = [vars(entry) | {"hue": self._hues.get(entry.name, "")} for entry in found]
        self.shown = {"entries": rows, "note": note}

    def _handle_msg(self, data: dict[str, Any]) -> None:
        name = str(data.get("name", ""))
        known = {"keep": self._keep, "over": self._toggle, "open": self._load, "delete": self._delete}
        do = known.get(str(data.get("do")))
        if not do:
            return
        try:
            do(name)
        except DynascopeError as error:
            self._fail(str(error))

    def _start(self, work: Callable[[], Any], done: Callable[[Any], None], over: str = "") -> None:
        """Work beside the page; what comes of it is taken at a tick. A run that was to be laid `over` frees its hue."""
        self._jobs.append((self._worker.submit(work), done, over))

    def collect(self) -> None:
        """Take what is ready; call it at each tick."""
        for job in [job for job in self._jobs if job[0].done()]:
            self._jobs.remove(job)
            error = job[0].exception()
            if error:
                self._hues.pop(job[2], None)
                self._fail(str(error))
            else:
                job[1](job[0].result())

    def _keep(self, name: str) -> None:
        run = self._current()
        if len(run):
            copy = run.copy()
            self._start(lambda: library.keep(copy), lambda kept: self.refresh(f"Kept as {kept}."))

    def _toggle(self, name: str) -> None:
        if name in self._hues:  # also one that is still being read
            self._over.pop(name, None)
            del self._hues[name]
            return self._show()
        if len(self._hues) >= MOST:
            return self._fail(f"{MOST} runs are laid over already: take one away first.")
        hue = next(h for h in map(qualitative, range(FIRST_HUE, 50)) if h not in self._hues.values())
        self._hues[name] = hue
        title = next((each["title"] for each in self.shown["entries"] if each["name"] == name), name)
        work = lambda: ghosts(_read(name), color=hue, label=f"stored: {title}")  # noqa: E731
        self._start(work, lambda found: self._laid(name, found), over=name)

    def _laid(self, name: str, found: Ghosts) -> None:
        if name in self._hues:
            self._over[name] = found
            self._show()

    def _show(self) -> None:
        self._lay(merged(list(self._over.values())))
        self.refresh()

    def _load(self, name: str) -> None:
        self._start(lambda: _read(name), self._open)

    def _delete(self, name: str) -> None:
        library.delete(name)
        if name in self._hues:
            self._toggle(name)
        self.refresh()

    def close(self) -> None:
        """Do nothing more."""
        self._worker.shutdown(wait=False, cancel_futures=True)


def _read(name: str) -> Run:
    from engines.core.files import store
    from engines.core.runs.run import Run

    return Run.of(store.read(library.path(name)))
