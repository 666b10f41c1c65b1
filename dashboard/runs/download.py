"""Files for the reader: made beside the page, sent to it in pieces, so that it goes on meanwhile."""

from __future__ import annotations

import base64
import mimetypes
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from dashboard.ui.component import FOLDER, Component, whole

PIECE = 2**20
"""Bytes sent at once: the next ones follow when the page has them."""

KINDS = {".parquet": "Parquet", ".csv": "CSV", ".nc": "netCDF", ".py": "Python program"}
"""What a run can be exported as."""


class Download(Component):
    """The page's end: gets a file piece by piece and saves it as a browser saves downloads."""

    _esm = FOLDER / "download.js"
    _stylesheets = [":host { position: absolute; width: 0; height: 0; }"]

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self._name, self._data = "", b""

    def send(self, name: str, data: bytes) -> None:
        """Give the reader a file."""
        self._name, self._data = name, data
        self._piece(0)

    def _piece(self, index: int) -> None:
        count = max(1, -(-len(self._data) // PIECE))
        piece = base64.b64encode(self._data[index * PIECE : (index + 1) * PIECE]).decode()
        kind = mimetypes.guess_type(self._name)[0] or "application/octet-stream"
        self._send_msg({"name": self._name, "kind": kind, "index": index, "count": count, "piece": piece})

    def _handle_msg(self, data: dict[str, Any]) -> None:
        if "next" in data:
            self._piece(max(0, whole(data, "next")))
        elif "done" in data:
            self._data = b""


class Exports:
    """One file at a time. `say(text)` tells the reader how it stands, `fail(text)` what went wrong."""

    def __init__(self, say: Callable[[str], None], fail: Callable[[str], None]) -> None:
        self.download = Download()
        self._say, self._fail = say, fail
        self._workers = ThreadPoolExecutor(1, "export")
        self._made: Future[bytes] | None = None
        self._name = ""

    def ask(self, name: str, make: Callable[[], bytes | str]) -> None:
        """Make a file beside the page; one that is still being made is finished first."""
        if self._made:
            return self._say(f"{self._name} is still being made.")
        self._name = name
        self._made = self._workers.submit(lambda: _bytes(make()))
        self._say(f"Making {name}…")

    def collect(self) -> None:
        """Send what is ready; call it at each tick."""
        if self._made is None or not self._made.done():
            return
        made, self._made = self._made, None
        error = made.exception()
        if error:
            self._say("")
            return self._fail(f"{self._name} could not be made: {type(error).__name__}: {error}")
        self._say(f"{self._name}: {len(made.result()):,} bytes.")
        self.download.send(self._name, made.result())

    def close(self) -> None:
        """Make nothing more."""
        self._workers.shutdown(wait=False, cancel_futures=True)


def _bytes(made: bytes | str) -> bytes:
    return made.encode() if isinstance(made, str) else made
