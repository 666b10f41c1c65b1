"""The page of the library: stored runs of all labs are found, named, tagged, compared, opened and deleted with undo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import panel as pn
import param
from panel.viewable import Viewer

from dashboard.runs import library
from dashboard.runs.background_jobs import BackgroundJobs
from dashboard.runs.comparison_panel import ComparisonPanel
from dashboard.session.link import with_query
from dashboard.ui.component import Component, script, sheet, whole
from engines.core.library.library import Entry, Library

if TYPE_CHECKING:
    from engines.core.runs.run import Run

PERIOD = 150
"""Milliseconds between two looks whether something is ready."""

MOST_COMPARED = 12
"""Runs that are compared at once."""

ROWS = 100
"""Runs that are listed at once."""

LONGEST_FILTER = 1000

AddressOf = Callable[[str], str]


class RunList(Component):
    """A list of stored runs with a filter; what is done to one comes as a message."""

    shown = param.Dict({})

    _esm = script("run_list")
    _stylesheets = [sheet("controls"), sheet("run_list")]


class LibraryPage(Viewer):
    """The body of the page, made under its document's lock and in the session of the visitor whose runs these are."""

    def __init__(self, address: AddressOf, folder: Any = None) -> None:
        """Show the runs in a folder (default: those of this visitor); `address(name)` says where a lab is served."""
        super().__init__()
        self._library: Library = library.opened(folder)
        self._address = address
        self._asked, self._first = "", 0
        self._chosen: list[str] = []
        self._deleted: list[str] = []
        self._jobs = BackgroundJobs("library page", self._fail)
        self.list = RunList(sizing_mode="stretch_width", margin=0)
        self.list._handle_msg = self._handle  # type: ignore[method-assign]
        self.comparison = ComparisonPanel()
        self._panel = pn.Column(self.list, self.comparison, sizing_mode="stretch_width", margin=(10, 24, 24, 24))
        self._show([], 0, note="Looking…")
        self._find()

    def start(self) -> None:
        """Begin to look for what is ready; call it once the page is being shown."""
        pn.state.add_periodic_callback(self._tick, period=PERIOD)
        pn.state.on_session_destroyed(lambda context: self.close())

    def _tick(self) -> None:
        self.collect()

    def collect(self) -> bool:
        """Take what is ready; returns whether anything is still being done."""
        return self._jobs.collect()

    def close(self) -> None:
        """Do nothing more."""
        self._jobs.close()

    # -- what is done ----------------------------------------------------------------------------------------

    def _handle(self, data: dict[str, Any]) -> None:
        name, text = str(data.get("name", "")), str(data.get("text", ""))
        names = [str(each) for each in data.get("names", ())] if isinstance(data.get("names"), list) else []
        actions: dict[str, Callable[[], Any]] = {
            "find": lambda: self._ask(text, max(0, whole(data, "first"))),
            "rename": lambda: self._change(lambda: self._library.rename(name, text), "Renamed."),
            "note": lambda: self._change(lambda: self._library.note(name, text), "Noted."),
            "tag": lambda: self._change(lambda: self._library.tag(name, text.split()), "Tagged."),
            "untag": lambda: self._change(lambda: self._library.tag(name, (), [text]), "Tag taken away."),
            "delete": lambda: self._delete(names[:ROWS]),
            "restore": self._restore,
            "compare": lambda: self._compare(names),
        }
        act = actions.get(str(data.get("do")))
        if act:
            act()

    def _ask(self, text: str, first: int) -> None:
        self._asked, self._first = text[:LONGEST_FILTER], first
        self._find()

    def _find(self, note: str = "") -> None:
        def find() -> Any:
            return self._library.find(self._asked, limit=ROWS, first=self._first)

        self._jobs.start(find, lambda answer: self._show(*answer, note=note))

    def _change(self, act: Callable[[], Any], note: str) -> None:
        self._jobs.start(act, lambda done: self._find(note))

    def _delete(self, names: Sequence[str]) -> None:
        def done(deleted: list[str]) -> None:
            self._deleted = deleted
            self._chosen = [name for name in self._chosen if name not in deleted]
            self._find(f"{len(deleted)} deleted.")

        self._jobs.start(lambda: [self._library.delete(name) for name in names], done)

    def _restore(self) -> None:
        names, self._deleted = self._deleted, []
        self._change(lambda: [self._library.restore(name) for name in names], f"{len(names)} brought back.")

    def _compare(self, names: Sequence[str]) -> None:
        if len(names) > MOST_COMPARED:
            return self._fail(f"{MOST_COMPARED} runs are compared at most.")
        self._chosen = list(names)
        self.list.shown = self.list.shown | {"chosen": self._chosen, "note": "Reading…" if names else "", "error": ""}

        def read() -> Any:
            runs: list[tuple[str, Run]] = []
            for name in names:
                run = self._library.open(name)
                runs.append((run.name or (run.preset.name if run.preset else name), run))
            titles = {name: title for name, (title, _) in zip(names, runs, strict=True)}
            table = self._library.members(names).set_index("run")
            members = table.loc[[name for name in names if name in table.index]].reset_index()  # in this order
            if len(set(titles.values())) == len(titles):
                members["run"] = members["run"].map(titles)
            return runs, members

        def done(answer: Any) -> None:
            self.comparison.show(*answer)
            self.list.shown = self.list.shown | {"note": ""}

        self._jobs.start(read, done)

    def _fail(self, text: str) -> None:
        self.list.shown = self.list.shown | {"error": text, "note": ""}

    # -- what is shown ---------------------------------------------------------------------------------------

    def _show(self, entries: Sequence[Entry], count: int, note: str = "") -> None:
        self.list.shown = {
            "sweeps": "" if library.public() else self._address("sweeps"),
            "rows": [self._row(entry) for entry in entries],
            "count": count,
            "first": self._first,
            "page": ROWS,
            "chosen": self._chosen,
            "deleted": len(self._deleted),
            "note": note,
            "error": "",
        }

    def _row(self, entry: Entry) -> dict[str, Any]:
        about = library.summary_line(replace(entry, interrupted=False)) if not entry.broken else ""
        href = with_query(self._address(entry.engine), run=entry.id)
        return {
            "id": entry.id,
            "title": entry.title,
            "name": entry.name,
            "lab": entry.engine.replace("_", " "),
            "about": about,
            "steps": f"{entry.steps:,}",
            "tags": list(entry.tags),
            "note": entry.note,
            "claims": f"{entry.held}/{entry.claims}" if entry.claims else "",
            "held": entry.held == entry.claims,
            "interrupted": entry.interrupted,
            "broken": entry.broken,
            "href": "" if entry.broken else href,
        }

    def __panel__(self) -> pn.Column:
        return self._panel
