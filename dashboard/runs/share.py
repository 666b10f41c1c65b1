"""Links that hold everything on the page, and files of figures, runs and probes."""

from __future__ import annotations

import base64
import mimetypes
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dashboard.session import link
from dashboard.session.session import Session
from dashboard.session.view_state import ViewState
from dashboard.ui.bridge import Bridge
from dashboard.ui.component import FOLDER, Component, whole

if TYPE_CHECKING:
    from engines.core.protocol.declarations import Plot

KINDS = {".parquet": "Parquet", ".csv": "CSV", ".nc": "netCDF", ".py": "Python program"}
"""Formats in which a run can be exported, by the ending of the file's name."""

PIECE = 2**20
"""Bytes sent at once: the next ones follow when the page has them."""

COPIED = "The link is in the address bar and, where the browser allows it, on the clipboard. It holds everything."

TOKEN = "The link is on the clipboard, where the browser allows it: for lab(name, link=...), or ?s=... in a browser."


class Share:
    """Copies links and makes files for the reader. Called under the document's lock.

    `show(subject, kind, text)` puts a message on the page, `view()` says how the lab is viewed now.
    """

    def __init__(
        self,
        session: Session,
        bridge: Bridge,
        show: Callable[[str, str, str], None],
        view: Callable[[], ViewState],
    ) -> None:
        self._session, self._bridge, self._show, self._view = session, bridge, show, view
        self._files = FileMaker(lambda text: show("export", "info", text), lambda text: show("export", "error", text))
        self.download = self._files.download
        """The component that has to be in the page, so that files get there."""

    def token(self) -> str:
        """Return everything that is on screen, as the token of a link."""
        return link.encode(self._session.repeatable(), self._view())

    def copy_link(self) -> None:
        """Give the reader a link, and say where it is."""
        token = self.token()
        if len(token) > link.LONGEST:
            text = f"The link would have {len(token):,} characters; allowed are {link.LONGEST:,}. Unpinning may help."
            return self._show("link", "error", text)
        self._bridge.copy(token)
        self._show("link", "info", COPIED if self._bridge.alone else TOKEN)

    def export_run(self, suffix: str) -> None:
        """Make a file of everything recorded so far, or of the program that repeats it; `suffix` is one of `KINDS`."""
        from engines.core.files import export
        from engines.core.runs import script

        session = self._session
        if suffix not in KINDS or not len(session.runner.run):
            return
        run, preset = session.runner.run.copy(), session.experiment.preset
        experiment = replace(session.repeatable(), steps=max(1, int(run.steps[-1])))
        name = "_".join([run.engine.name, *([preset.name] if preset else []), f"step_{run.steps[-1]}{suffix}"])
        if suffix == ".py":
            return self._files.make(name, lambda: script.script(experiment))
        self._files.make(name, lambda: export.to_bytes(run, suffix))

    def export_plot(self, plot: Plot) -> None:
        """Make a CSV file of all numbers of one figure."""
        from engines.core.files import export

        if len(self._session.runner.run):
            run = self._session.runner.run.copy()
            channels = [*plot.channels, *filter(None, [plot.by])]
            self._files.make(f"{run.engine.name}_{plot.name}.csv", lambda: export.csv(run, channels))

    def save(self, name: str, content: Callable[[], str]) -> None:
        """Make a file of this name."""
        self._files.make(name, content)

    def collect(self) -> None:
        """Send what is ready; call it at each tick."""
        self._files.collect()

    def close(self) -> None:
        """Make nothing more."""
        self._files.close()


class FileMaker:
    """Makes one file at a time beside the page. `inform(text)` tells the reader of progress, `fail(text)` of errors."""

    def __init__(self, inform: Callable[[str], None], fail: Callable[[str], None]) -> None:
        self.download = Download()
        self._inform, self._fail = inform, fail
        self._worker = ThreadPoolExecutor(1, "export")
        self._content: Future[bytes] | None = None
        self._name = ""

    def make(self, name: str, content: Callable[[], bytes | str]) -> None:
        """Begin with a file, unless another one is still being made."""
        if self._content:
            return self._inform(f"{self._name} is still being made.")
        self._name = name
        self._content = self._worker.submit(lambda: _bytes(content()))
        self._inform(f"Making {name}…")

    def collect(self) -> bool:
        """Send the file if it is ready; returns whether one is still being made. Call it at each tick."""
        if self._content is None or not self._content.done():
            return self._content is not None
        content, self._content = self._content, None
        error = content.exception()
        if error:
            self._inform("")
            self._fail(f"{self._name} could not be made: {type(error).__name__}: {error}")
        else:
            self._inform(f"{self._name}: {len(content.result()):,} bytes.")
            self.download.send(self._name, content.result())
        return False

    def close(self) -> None:
        """Make nothing more."""
        self._worker.shutdown(wait=False, cancel_futures=True)


def _bytes(content: bytes | str) -> bytes:
    return content.encode() if isinstance(content, str) else content


class Download(Component):
    """The page's end: it gets a file piece by piece and saves it as a browser saves downloads."""

    _esm = FOLDER / "download.js"
    _stylesheets = [":host { position: absolute; width: 0; height: 0; }"]

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self._name, self._data = "", b""

    def send(self, name: str, data: bytes) -> None:
        """Give the reader a file; the page asks for each piece after the first."""
        self._name, self._data = name, data
        self._send_piece(0)

    def _send_piece(self, index: int) -> None:
        count = max(1, -(-len(self._data) // PIECE))
        piece = base64.b64encode(self._data[index * PIECE : (index + 1) * PIECE]).decode()
        kind = mimetypes.guess_type(self._name)[0] or "application/octet-stream"
        self._send_msg({"name": self._name, "kind": kind, "index": index, "count": count, "piece": piece})

    def _handle_msg(self, data: dict[str, Any]) -> None:
        if "next" in data:
            self._send_piece(max(0, whole(data, "next")))
        elif "done" in data:
            self._data = b""
