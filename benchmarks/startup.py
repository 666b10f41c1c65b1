"""How long until there is something to see: our page against an empty one, `--help` against an empty program."""

from __future__ import annotations

import json
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import sync_playwright

from benchmarks.timing import head, row
from tests import system

REPEATS = 5

SERVER = """
import panel as pn, panel_material_ui as pmui
from dashboard import app
from dashboard.server import theme
def empty():
    return pmui.Page(title="empty", main=[], theme_config=theme.THEME)
routes = app.routes
app.routes = lambda device="cpu": routes(device) | {{"empty": empty}}
app.serve({port}, "127.0.0.1", False)
"""

PAINTED = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


def main() -> None:
    """Print all rows."""
    head("Start-up")
    words, nothing = (_median(lambda line=line: _run(line)) for line in (["launch.py", "--help"], ["-c", "pass"]))
    row(
        "`launch.py --help` over an empty program",
        words / nothing,
        "-",
        f"{1e3 * words:.0f} against {1e3 * nothing:.0f} ms",
    )
    if not system.chromium():
        print(system.NO_CHROMIUM)
        return
    with _served() as address, sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=system.chromium(), args=["--no-sandbox", "--disable-gpu"])
        _first(browser, f"{address}/matrix_sensing")  # what is loaded once a server is not a page's
        empty = _median(lambda: _first(browser, f"{address}/empty"))
        ours = _median(lambda: _first(browser, f"{address}/matrix_sensing"))
        curve = _median(lambda: _first(browser, f"{address}/matrix_sensing", "canvas"))
        browser.close()
    row("first paint of a lab over that of an empty page", ours / empty, "<= 1.2", f"{ours:.0f} against {empty:.0f} ms")
    row("first figure of a lab over the paint of an empty page", curve / empty, "-", f"{curve:.0f} ms")


def _median(measure: Callable[[], float]) -> float:
    return statistics.median(measure() for _ in range(REPEATS))


def _run(line: list[str]) -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, *line], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def _first(browser: Any, address: str, what: str = "") -> float:
    """Milliseconds from asking for a page to its first paint, or to the first of some element."""
    context = browser.new_context()
    page = context.new_page()
    begun = time.perf_counter()
    page.goto(address)
    if what:
        page.locator(what).first.wait_for()
        found = 1e3 * (time.perf_counter() - begun)
    else:
        found = page.wait_for_function(PAINTED).json_value()
    context.close()
    _rest(address)
    return found


def _rest(address: str) -> None:
    """Wait until the server has let go of the page: its run would take the processor from the next one."""
    status = f"{address.rpartition('/')[0]}/status"
    time.sleep(1)
    while json.load(urllib.request.urlopen(status, timeout=5))["active"]:
        time.sleep(0.2)


@contextmanager
def _served() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER.format(port=port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    while True:
        try:
            urllib.request.urlopen(f"{address}/status", timeout=2)
            break
        except OSError:
            time.sleep(0.1)
    yield address
    process.terminate()
    process.wait(10)


if __name__ == "__main__":
    main()
