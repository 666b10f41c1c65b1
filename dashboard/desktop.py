"""The laboratory in a window of its own: a server that only this window can reach, and the best window there is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dashboard import app
from dashboard.server.request_filter import StrangerMatcher
from engines.core.protocol.errors import DynascopeError

LOOPBACK = "127.0.0.1"

WINDOW = Path(__file__).with_name("server") / "native_window.py"
"""The program that shows a native window."""

PROGRAMS = "/Applications/{0}.app/Contents/MacOS/{0}"
BROWSERS = (
    "chromium", "chromium-browser", "google-chrome", "microsoft-edge", "chrome", "msedge",
    PROGRAMS.format("Google Chrome"), PROGRAMS.format("Chromium"), PROGRAMS.format("Microsoft Edge"),
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)  # fmt: skip
"""Programs that can show a page as a window, without tabs and address; some are on no path."""


class NoWindow(Exception):
    """A kind of window cannot be opened here; the message says why."""


@contextmanager
def served(device: str = "auto") -> Iterator[tuple[str, StrangerMatcher]]:
    """Serve on a free port of this machine behind a guard; yields the address and the guard once it answers."""
    guard, ready = StrangerMatcher(), Future()
    thread = threading.Thread(target=_serve, args=(device, guard, ready), name="server")
    thread.start()
    server = ready.result()
    try:
        yield f"http://{LOOPBACK}:{server.port}", guard
    finally:
        server.io_loop.add_callback(server.io_loop.stop)
        thread.join()


def _serve(device: str, guard: StrangerMatcher, ready: Future[Any]) -> None:
    try:
        server = app.serve(0, LOOPBACK, False, device, start=False, verbose=False)
    except Exception as error:
        return ready.set_exception(error)
    server._tornado.add_handlers(".*", guard.rules())  # Bokeh has no public way to its application
    server.start()
    server.io_loop.add_callback(ready.set_result, server)
    server.io_loop.start()
    server.stop()
    server.io_loop.close(all_fds=True)


def native(url: str) -> None:
    """Open a window of the system's own web engine (Qt's on Linux) until it is closed. Raises `NoWindow`."""
    if not find_spec("webview"):
        raise NoWindow("pywebview is not installed (pip install 'dynascope[desktop]')")
    _require_screen()
    # By input, not by argument: arguments can be read by all users of a machine.
    line = [sys.executable, "-P", str(WINDOW)]
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(line, stdin=subprocess.PIPE, stderr=errors, bufsize=0) as window,
    ):
        assert window.stdin
        window.stdin.write(f"{url}\n".encode())
        status = window.wait()
        errors.seek(0)
        complaint = _reason(errors.read().decode(errors="replace").splitlines())
    if status:
        raise NoWindow(f"it ended with status {status}: {complaint}")


def _reason(lines: Sequence[str]) -> str:
    # Where Qt finds no screen or misses a library, it says so first, and much afterwards.
    given = [line.strip() for line in lines if line.strip()] or ["no reason was given"]
    return next((line for line in given if line.startswith("qt.qpa")), given[-1])


def _require_screen() -> None:
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise NoWindow("there is no screen (neither DISPLAY nor WAYLAND_DISPLAY is set)")


def browser(url: str) -> None:
    """Open a browser's window without tabs and address until it is closed. Raises `NoWindow`."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not program:
        raise NoWindow("there is no Chromium, Chrome or Edge")
    _require_screen()
    with tempfile.TemporaryDirectory(prefix="dynascope-", ignore_cleanup_errors=True) as profile:
        shape = [f"--app={url}", f"--user-data-dir={profile}", "--window-size=1440,900", "--no-first-run"]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            shape.append("--no-sandbox")  # Chromium has none for root, and does not start without being told so
        result = subprocess.run([program, *shape], stderr=subprocess.DEVNULL, check=False)
    if result.returncode:
        raise NoWindow(f"{program} ended with status {result.returncode}")


def tab(url: str) -> None:
    """Open a tab of the default browser until the program is interrupted. Raises `NoWindow`."""
    if not webbrowser.open(url):
        raise NoWindow("no browser could be started")
    print("Press Ctrl+C here to stop.", flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        return


WINDOWS: tuple[tuple[str, Callable[[str], None]], ...] = (
    ("a window of its own", native),
    ("a browser's application window", browser),
    ("a tab of the default browser", tab),
)
"""Ways to open a window, the best first."""


def open_window(address: str, guard: StrangerMatcher, page: str, windows: Any = WINDOWS) -> None:
    """Show a page in the best window that opens, and say which it is. Raises `DynascopeError` where none does."""
    for name, window in windows:
        print(f"Dynascope opens in {name}.", flush=True)
        try:
            return window(address + guard.invite(page))
        except NoWindow as error:
            print(f"That did not work: {error}.", flush=True)
    raise DynascopeError("no window could be opened; `launch.py serve` serves the same pages to any browser")


def launch(page: str = "/", device: str = "auto") -> None:
    """Show a page in a window until it is closed; then everything ends."""
    with served(device) as (address, guard):
        open_window(address, guard, page)
