"""Takes the pictures that the README shows: `make docs`, or `python -m assets.screenshots`.

`make docs ARGS=film` takes one kind only: pages, film, notebooks or desktops.
"""

from __future__ import annotations

import io
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from assets import hosts
from dashboard.ui.formatting import words
from engines.core.protocol.registry import names
from tests import system

ASSETS = Path(__file__).parent
FOLDER = ASSETS / "screenshots"
LOOKS = ("light", "dark")
SIZE = {"width": 1440, "height": 900}

SECONDS = {"matrix_sensing": 14.0, "neural_collapse": 1.5, "subgradient_recovery": 12.0, "loss_landscape": 20.0}
LABS = {name: SECONDS.get(name, 10.0) for name in names()}
"""Seconds to wait before a lab shows what it is about."""

FILM = {"width": 1240, "height": 740}
"""The window of the moving picture; what is kept of it is `SHOWN` pixels wide."""
SHOWN = 900
PRESET, KNOB = "P3", "eta"
FRAMES, BEFORE, DRAGGED = 42, 4, 9
"""How many frames there are, before the slider is taken and while it is moved."""
BEGUN = 300
"""The step at which the film begins."""
PAUSE = 0.3
"""Seconds between two frames, as they are taken and as they are shown."""


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
    """The gallery, once its labs are there."""
    page.goto(f"{address}/?theme={look}")
    page.locator(".lab").first.wait_for()
    page.wait_for_timeout(5000)
    page.screenshot(path=FOLDER / f"gallery-{look}.png")


def lab(page: Any, address: str, look: str, name: str) -> None:
    """One lab while it runs."""
    page.goto(f"{address}/{name}?theme={look}")
    page.locator(".at").first.wait_for()
    page.wait_for_timeout(1000 * LABS[name])
    page.screenshot(path=FOLDER / f"{name}-{look}.png")


def film(browser: Any) -> None:
    """A lab at work as a moving picture: curves stream, a slider is dragged, curves and predictions answer."""
    with served() as address:
        page = browser.new_page(viewport=FILM)
        page.goto(f"{address}/matrix_sensing?preset={PRESET}&theme=light")
        page.locator(".at").first.wait_for(timeout=120_000)
        hosts.until(lambda: _step(page) >= BEGUN)
        slider = page.locator(f'input.range[aria-label^="{words(KNOB)}:"]').first.bounding_box()
        frames = [_frame(page, slider, at) for at in range(FRAMES)]
        page.close()
    first, *others = frames
    how = {"save_all": True, "append_images": others, "duration": round(1000 * PAUSE), "loop": 0}
    first.save(FOLDER / "matrix_sensing.webp", quality=50, method=6, **how)


def _frame(page: Any, slider: Any, at: int) -> Image.Image:
    began, y = time.monotonic(), slider["y"] + slider["height"] / 2
    places = [slider["x"] + slider["width"] * (0.6 + 0.13 * turn / DRAGGED) for turn in range(DRAGGED + 1)]
    if at == BEFORE:
        page.mouse.move(places[0], y)
        page.mouse.down()
        _press(page, "--")  # slower, so that a run on a busy machine is not over before the slider is let go
    if BEFORE <= at <= BEFORE + DRAGGED:
        page.mouse.move(places[at - BEFORE], y)
    if at == BEFORE + DRAGGED:
        page.mouse.up()
        _press(page, "++")
    taken = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    page.wait_for_timeout(max(0.0, 1000 * (began + PAUSE - time.monotonic())))
    return taken.resize((SHOWN, round(SHOWN * taken.height / taken.width)), Image.Resampling.LANCZOS)


def _step(page: Any) -> int:
    """The step that a page shows."""
    digits = [each for each in page.locator(".at").first.inner_text().split(" of ")[0] if each.isdigit()]
    return int("".join(digits) or 0)


def _press(page: Any, keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def desktops() -> None:
    """Each lab in its own window."""
    with hosts.screen() as display:
        for name, seconds in LABS.items():
            for look in LOOKS:
                picture = hosts.desktop(display, f"/{name}?theme={look}", seconds)
                (FOLDER / f"{name}-desktop-{look}.png").write_bytes(picture)


def notebooks(browser: Any) -> None:
    """Each lab in a notebook, anew for each look: one that was run before shows that until it has begun again."""
    for look in LOOKS:
        with hosts.jupyter(list(LABS)) as address:
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
    """Take all pictures, light and dark, or those of the kinds that are named."""
    kinds = sys.argv[1:] or ["pages", "film", "notebooks", "desktops"]
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=system.chromium(), args=["--no-sandbox", "--disable-gpu"])
        for take in (pages, film, notebooks):
            if take.__name__ in kinds:
                take(browser)
        browser.close()
    if "desktops" in kinds:
        desktops()


if __name__ == "__main__":
    main()
