"""The laboratory in a window of its own: a server that only this window can reach, and the best window there is."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from dashboard import app
from dashboard.guard import ENTER, Enter, Guard
from engines.core.errors import DynascopeError

TITLE = "Dynascope"
SIZE = (1440, 900)
PATIENCE = 60.0
"""Seconds until a server that does not answer is given up."""

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "microsoft-edge", "msedge", "chrome")
"""Programs that can show a page as a window, without tabs and address."""


class NoWindow(Exception):
    """A kind of window that cannot be opened here; the message says why."""


@contextmanager
def served(device: str = "cpu") -> Iterator[tuple[str, Guard]]:
    """A server on a free port of this machine, behind a guard; yields its address once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    guard, address = Guard(), f"http://127.0.0.1:{port}"
    patterns = [(f"/{ENTER}", Enter, {"guard": guard})]
    options = {"auth_provider": guard, "threaded": True, "verbose": False}
    thread = app.serve(port, "127.0.0.1", False, device, patterns, **options)
    try:
        _wait(address)
        yield address, guard
    finally:
        thread.stop()
        thread.join(10)


def _wait(address: str) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(f"{address}/status", timeout=2)
            return
        except OSError:
            time.sleep(0.05)
    raise DynascopeError(f"the server at {address} did not answer within {PATIENCE:.0f} s")


def native(url: str) -> None:
    """A window of the system's own web engine (Qt's on Linux); returns when it is closed. Raises `NoWindow`."""
    try:
        import webview
    except ImportError:
        raise NoWindow("pywebview is not installed (pip install 'dynascope[desktop]')") from None
    webview.settings["ALLOW_DOWNLOADS"] = True
    webview.create_window(TITLE, url, width=SIZE[0], height=SIZE[1], min_size=(400, 300), text_select=True)
    try:
        webview.start(gui="qt" if sys.platform.startswith("linux") else None)
    except Exception as error:
        raise NoWindow(f"{type(error).__name__}: {error}") from error


def browser(url: str) -> None:
    """A browser's window without tabs and address; returns when it is closed. Raises `NoWindow`."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not found:
        raise NoWindow(f"none of {', '.join(BROWSERS)} is installed")
    with tempfile.TemporaryDirectory(prefix="dynascope-", ignore_cleanup_errors=True) as profile:
        shape = [f"--app={url}", f"--user-data-dir={profile}", f"--window-size={SIZE[0]},{SIZE[1]}"]
        result = subprocess.run([found, *shape, "--no-first-run"], stderr=subprocess.DEVNULL, check=False)
    if result.returncode:
        raise NoWindow(f"{found} ended with status {result.returncode}")


def tab(url: str) -> None:
    """A tab of the default browser; returns when the program is interrupted. Raises `NoWindow`."""
    if not webbrowser.open(url):
        raise NoWindow("no browser could be started")
    print("Press Ctrl+C here to stop.", flush=True)
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        return


WINDOWS: tuple[tuple[str, Callable[[str], None]], ...] = (
    ("a window of its own", native),
    ("a browser's application window", browser),
    ("a tab of the default browser", tab),
)
"""From the best to the last."""


def open_window(address: str, guard: Guard, page: str, windows: Any = WINDOWS) -> None:
    """Show a page in the best window that opens, and say which it is. Raises `DynascopeError` where none does."""
    for name, window in windows:
        print(f"Dynascope opens in {name}.", flush=True)
        try:
            return window(address + guard.invite(page))
        except NoWindow as error:
            print(f"That did not work: {error}.", flush=True)
    raise DynascopeError("no window could be opened; `launch.py serve` serves the same pages to any browser")


def launch(page: str = "/", device: str = "cpu") -> None:
    """Show a page in a window until it is closed; then everything ends."""
    with served(device) as (address, guard):
        open_window(address, guard, page)
