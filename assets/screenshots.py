"""Takes the pictures that the README and the gallery show: `make docs`, or `python -m assets.screenshots`."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from assets import hosts
from engines.core.protocol.registry import names, sources
from tests import system

ASSETS = Path(__file__).parent
FOLDER = ASSETS / "screenshots"
LOOKS = ("light", "dark")
SIZE = {"width": 1440, "height": 900}

SECONDS = {"matrix_sensing": 14.0, "neural_collapse": 1.5, "subgradient_recovery": 12.0, "loss_landscape": 20.0}
LABS = {name: SECONDS.get(name, 10.0) for name in names()}
"""Seconds to wait before a lab shows what it is about."""


@contextmanager
def served() -> Iterator[str]:
    """A server of its own on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = f"from dashboard.app import serve; serve({port}, '127.0.0.1', False)"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ASSETS.parent)
    try:
        _wait(f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def _wait(address: str) -> None:
    for _ in range(150):
        try:
            urllib.request.urlopen(f"{address}/status", timeout=2)
            return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError(f"no answer from {address}")


def gallery(page: Any, address: str, look: str) -> None:
    """The gallery, once its cards are there."""
    page.goto(f"{address}/?theme={look}")
    page.locator(".card").first.wait_for()
    page.wait_for_timeout(500)
    page.screenshot(path=FOLDER / f"gallery-{look}.png")


def lab(page: Any, address: str, look: str, name: str) -> None:
    """One lab while it runs, and its primary figure for the gallery's card."""
    page.goto(f"{address}/{name}?theme={look}")
    page.locator(".at").first.wait_for()
    page.wait_for_timeout(1000 * LABS[name])
    page.screenshot(path=FOLDER / f"{name}-{look}.png")
    if look == "light":
        folder = sources()[name].folder
        if folder and (folder / "assets").is_dir():
            page.locator(".bk-Figure").first.screenshot(path=folder / "assets" / "thumbnail.png")


def desktops() -> None:
    """Each lab in its own window."""
    with hosts.screen() as display:
        for name, seconds in LABS.items():
            for look in LOOKS:
                picture = hosts.desktop(display, f"/{name}?theme={look}", seconds)
                (FOLDER / f"{name}-desktop-{look}.png").write_bytes(picture)


def notebooks(browser: Any) -> None:
    """Each lab in a notebook."""
    with hosts.jupyter(list(LABS)) as address:
        for look in LOOKS:
            for name, seconds in LABS.items():
                page = browser.new_page(viewport=SIZE)
                hosts.notebook(page, address, name, look, seconds, FOLDER / f"{name}-notebook-{look}.png")
                page.close()


def pages(browser: Any) -> None:
    """Each lab and the gallery in a browser."""
    with served() as address:
        for look in LOOKS:
            page = browser.new_page(viewport=SIZE)
            for name in LABS:
                lab(page, address, look, name)
            gallery(page, address, look)
            page.close()


def main() -> None:
    """Take all pictures, light and dark."""
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=system.chromium(), args=["--no-sandbox", "--disable-gpu"])
        pages(browser)
        notebooks(browser)
        browser.close()
    desktops()


if __name__ == "__main__":
    main()
