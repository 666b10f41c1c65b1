"""Pictures of the labs in the window of their own and in a notebook; for `python -m assets.screenshots`."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tornado.websocket import websocket_connect

ROOT = Path(__file__).parent.parent
TOKEN = "pictures"
BOOK = """
from dashboard import lab
lab({name!r}, height=760)
"""

DRAWN = """[...globalThis.Bokeh?.documents?.[0]?._all_models.values() ?? []]
  .some((m) => m.type === "ColumnDataSource" && m.data.step?.length > 2)"""
"""Whether a page shows a run."""


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def until(done: Any, seconds: float = 60) -> Any:
    """Wait for something to become true, and return it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if answer := done():
                return answer
        except OSError:
            pass
        time.sleep(0.2)
    raise TimeoutError(f"not within {seconds} s")


@contextmanager
def screen() -> Iterator[str]:
    """A virtual screen's name."""
    read, write = os.pipe()
    shape = ["-displayfd", str(write), "-screen", "0", "1500x950x24"]
    server = subprocess.Popen(["Xvfb", *shape], pass_fds=[write], stderr=subprocess.DEVNULL)
    try:
        yield f":{os.read(read, 10).decode().strip()}"
    finally:
        server.terminate()
        server.wait(10)


def desktop(display: str, page: str, seconds: float) -> bytes:
    """What the window shows of a page after some seconds, as PNG."""
    port = free_port()
    around = {
        "DISPLAY": display,
        "QTWEBENGINE_REMOTE_DEBUGGING": str(port),
        "QTWEBENGINE_CHROMIUM_FLAGS": "--no-sandbox",
    }
    code = f"from dashboard import desktop; desktop.launch({page!r})"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | around,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        shown = until(lambda: _page(port))
        return asyncio.run(asyncio.wait_for(_photographed(shown["webSocketDebuggerUrl"], seconds), 90 + seconds))
    finally:
        process.terminate()
        process.wait(20)


def _page(port: int) -> Any:
    pages = json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=2))
    return next((page for page in pages if page["url"].startswith("http")), None)


async def _photographed(address: str, seconds: float) -> bytes:
    """Photograph a page some seconds after its figures have begun to be drawn."""
    page = await websocket_connect(address, max_message_size=2**26)
    while not (await _answer(page, "Runtime.evaluate", expression=DRAWN))["result"].get("value"):
        await asyncio.sleep(0.3)
    await asyncio.sleep(seconds)
    found = await _answer(page, "Page.captureScreenshot")
    page.close()
    return base64.b64decode(found["data"])


async def _answer(page: Any, method: str, **params: Any) -> dict[str, Any]:
    await page.write_message(json.dumps({"id": 1, "method": method, "params": params}))
    while (said := json.loads(await page.read_message())).get("id") != 1:
        pass
    return said["result"]


@contextmanager
def jupyter(names: list[str]) -> Iterator[str]:
    """The address of a JupyterLab with a notebook a lab."""
    import nbformat

    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(BOOK.format(name=name).strip())])
            book.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
            nbformat.write(book, f"{folder}/{name}.ipynb")
        port = free_port()
        options = {"port": port, "token": TOKEN, "root_dir": folder, "open_browser": False, "allow_root": True}
        given = [f"--ServerApp.{name}={value}" for name, value in options.items()]
        home = {"HOME": folder, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *given], cwd=ROOT, env=os.environ | home, stderr=subprocess.DEVNULL
        )
        try:
            until(lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/api?token={TOKEN}", timeout=2))
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(20)


def notebook(page: Any, address: str, name: str, look: str, seconds: float, path: Path) -> None:
    """Run a lab's notebook in JupyterLab's light or dark theme and take its picture."""
    page.goto(f"{address}/lab/tree/{name}.ipynb?token={TOKEN}&reset")
    page.locator(".jp-CodeCell").first.wait_for(timeout=60_000)
    if look == "dark":
        page.get_by_role("menuitem", name="Settings").click()
        page.get_by_text("Theme", exact=True).hover()
        page.get_by_text("JupyterLab Dark", exact=True).click()
    page.get_by_text("| Idle").wait_for(timeout=60_000)
    page.keyboard.press("Control+b")  # away with the list of files
    page.locator(".cm-content").first.click()
    page.keyboard.press("Control+Enter")
    page.locator(".at").first.wait_for(timeout=60_000)
    page.wait_for_timeout(1000 * (seconds + 4))
    page.screenshot(path=path)
