"""Labs as widgets of a notebook: `from dashboard import lab, show`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from threading import RLock
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import panel as pn
from IPython import get_ipython
from IPython.display import update_display
from panel.io.model import patch_cds_msg
from panel.io.notebook import load_notebook
from panel.io.state import set_curdoc
from panel.viewable import Viewer

from dashboard.page.lab import PERIOD, Lab
from dashboard.session.start import Start
from dashboard.ui.bridge import FIRST_LEASE
from dashboard.ui.page_updates import one_update, write_styles
from engines.core.protocol.errors import ConfigError

if TYPE_CHECKING:
    from engines.core.protocol.engine import Engine
    from engines.core.runs.run import Run
    from engines.core.subjects.subject import Subject

TURN = RLock()
"""Messages of a page may come in a thread of their own, beside cells and ticks; they take turns."""

GROUND = """:host { background: var(--panel-background-color, #fff); color: var(--panel-on-background-color, #222); }"""
"""The sheet is light or dark as the notebook is: the library gives all that stands on it, figures too, its colours."""


class Cell(pn.Column):
    """The sheet of a lab in a cell; it calls `shown(document)` for each place, and `gone()` when none is left."""

    def __init__(self, content: Any, shown: Callable[[Any], None], gone: Callable[[], None], height: int) -> None:
        place = {"height": height, "sizing_mode": "stretch_width", "scroll": "y-auto", "margin": 0}
        super().__init__(content, stylesheets=[GROUND], styles={"--room": f"{height}px"}, **place)
        self._shown, self._page_closed = shown, gone

    def get_root(self, doc: Any = None, comm: Any = None, preprocess: bool = True) -> Any:
        """Return the model for a new place; the place before gives way, since a figure can be in one document only."""
        for view in [view for view in pn.state._views.values() if view[0] is self]:
            self._cleanup(view[1])
        root = super().get_root(doc, comm, preprocess)
        write_styles(pn.state._views[root.ref["id"]][2], root.references())
        self._shown(doc)
        return root

    def _on_msg(self, ref: str, manager: Any, message: Any) -> None:
        # As Panel does it, but in turn, and with what the message makes us change sent back.
        _, root, document, comm = pn.state._views[ref]
        assert comm
        patch_cds_msg(root, message)
        with TURN, set_curdoc(document), one_update():
            manager.assemble(message).apply_to_document(document, comm.id)
            queued = document.callbacks._held_events
            queued[:] = [event for event in queued if event.setter != comm.id]

    def _cleanup(self, root: Any = None) -> None:
        super()._cleanup(root)
        if not self._models:
            self._page_closed()


def _load() -> list[str]:
    """Give the page of this cell the scripts that draw labs; returns their names in the notebook.

    Each time: a kernel cannot know whether its page was loaded anew.
    """
    publisher: Any = getattr(get_ipython(), "display_pub", None)
    names: list[str] = []
    if not hasattr(publisher, "register_hook"):
        return names

    def name(message: Any) -> Any:
        names.append(uuid4().hex)
        message["content"].setdefault("transient", {})["display_id"] = names[-1]
        return message

    publisher.register_hook(name)
    try:
        (partial(load_notebook, inline=True) if pn.extension._loaded else partial(pn.extension, inline=True))()
    finally:
        publisher.unregister_hook(name)
    return names


class Widget(Viewer):
    """A live lab in a cell. It computes while a page shows it, and goes on where it was when it is shown again."""

    def __init__(self, lab: Lab, height: int) -> None:
        super().__init__()
        lab.bridge.alone = False
        self.lab, self._ticks, self._document, self._scripts = lab, None, None, _load()
        self.cell = Cell(lab, self._shown, self._page_closed, height)

    @property
    def run(self) -> Run:
        """The run that is on screen, as far as it has come; `run.to_xarray()` is its data."""
        return self.lab.session.runner.run

    def link(self) -> str:
        """Return the token of what is on screen: for `lab(..., link=token)`, and for `?s=token` in a browser."""
        return self.lab.share.token()

    def close(self) -> None:
        """Stop for good. What was recorded stays readable."""
        self._page_closed()
        self.lab.close()

    def _shown(self, document: Any) -> None:
        self._document = document
        self.lab.bridge.await_page()
        self.lab.session.extend_lease(FIRST_LEASE)
        if self._ticks is None:
            self._ticks = pn.state.add_periodic_callback(self._tick, period=PERIOD)
        self.lab.resume()

    def _page_closed(self) -> None:
        if self._ticks is not None:
            self._ticks.stop()
            self._ticks = None
        self.lab.suspend()
        self.lab.panels.probes.cancel()

    def _tick(self) -> None:
        while self._scripts and self.lab.bridge.answered:  # megabytes that need not be stored with the notebook
            update_display({}, display_id=self._scripts.pop(), raw=True)
        with TURN, set_curdoc(self._document):
            self.lab.refresh.tick()

    def __panel__(self) -> Cell:
        return self.cell


def lab(
    name: str,
    preset: str = "",
    link: str = "",
    set: Mapping[str, Any] | None = None,
    hide: Sequence[str] = (),
    height: int = 600,
    device: str = "auto",
    subject: Subject | None = None,
) -> Widget:
    """Open a lab as a live widget.

    Parameters
    ----------
    name : the engine, as in `engines.names()`
    preset : one of its presets; default: the one with which the lab opens
    link : what *Copy link* gave, a whole address or its token alone; it takes the place of `preset`
    set : knob values on top; a list spreads into an ensemble
    hide : parts of the page, knobs and figures to leave out
    height : of the widget in pixels; what is longer scrolls
    device : `auto` (a card where there is one, and what is worth it), `cpu`, `cuda` or `cuda:1`
    subject : a model of your own, an `engines.Subject`, in place of a preset or a link

    Raises
    ------
    UnknownName, ConfigError : an engine, preset, knob or value that does not exist
    BadLink : a link that cannot be read
    """
    from engines import load

    engine = load(name)
    if subject is not None:
        if preset or link:
            raise ConfigError("subject is about a model of your own: leave out preset and link")
        return _widget(engine, Start.from_subject(engine, subject, set), hide, height, device)
    start = Start.from_link(engine, _token(link)) if link else Start.from_preset(engine, preset)
    experiment = start.experiment.override(set) if set else start.experiment
    return _widget(engine, replace(start, experiment=experiment), hide, height, device)


def show(run: Run, hide: Sequence[str] = (), height: int = 600) -> Widget:
    """Show a computed run as a widget, to scrub and to go on from. The run itself stays as it is.

    Raises `ConfigError` for a run in which nothing is recorded, and for what is no run.
    """
    from engines.core.compute.device import resolve_or_cpu
    from engines.core.runs.run import require_run

    require_run(run)
    return _widget(run.engine, Start.from_run(run), hide, height, str(resolve_or_cpu(run.device)))


def _widget(engine: Engine, start: Start, hide: Sequence[str], height: int, device: str) -> Widget:
    return Widget(Lab(engine, start.hide(tuple(hide)), device=device, suspended=True), height)


def _token(link: str) -> str:
    tokens = parse_qs(urlsplit(link).query).get("s", [])
    return tokens[0] if tokens else link
