"""A lab in a real JupyterLab: what a person does with a widget."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from tests.browser.conftest import ROOT, until

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("jupyterlab")

TOKEN = "a-token"
WATCH = """
import threading, time
from engines.core.live.scheduler import shared
def watch():
    while True:
        open("active.txt", "w").write(str(shared().active()))
        time.sleep(0.1)
threading.Thread(target=watch, daemon=True).start()
"""
CELLS = ("from dashboard import lab, show", 'lab("matrix_sensing", preset="P3", height=500)', WATCH)


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory):
    """The address of a JupyterLab, and the folder that it serves."""
    folder = tmp_path_factory.mktemp("books")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in CELLS])
    book.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(book, folder / "book.ipynb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {"port": port, "token": TOKEN, "root_dir": folder, "open_browser": False, "allow_root": True}
    given = [f"--ServerApp.{name}={value}" for name, value in options.items()]
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", *given], cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        env={"PYTHONPATH": str(ROOT), "HOME": str(folder), "PATH": str(os.environ["PATH"])},
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    until(lambda: _answers(address), 60)
    yield address, folder
    process.terminate()
    process.wait(20)


def _ask(address, path, method="GET"):
    request = urllib.request.Request(f"{address}/api/{path}", method=method)
    request.add_header("Authorization", f"token {TOKEN}")
    return urllib.request.urlopen(request, timeout=20).read()


def _answers(address):
    try:
        return _ask(address, "status")
    except OSError:
        return False


def _idle(address):
    try:
        kernels = json.loads(_ask(address, "kernels"))
    except urllib.error.HTTPError:  # the server cannot list them while one starts
        return []
    return [kernel["id"] for kernel in kernels if kernel["execution_state"] == "idle"]


def began(done, seconds=5):
    """Whether something becomes true soon."""
    end = time.monotonic() + seconds
    while not (found := done()) and time.monotonic() < end:
        time.sleep(0.1)
    return found


class Book:
    """A notebook on screen."""

    def __init__(self, browser, address):
        self.view = browser.new_context(viewport={"width": 1440, "height": 1000}).new_page()
        self.complaints = []
        self.view.on("request", lambda request: self._request(request, address))
        self.view.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.view.on("console", lambda said: said.type == "error" and self.complaints.append(said.text))
        self.view.goto(f"{address}/lab/tree/book.ipynb?token={TOKEN}")
        self.cells = self.view.locator(".jp-Notebook .jp-CodeCell")
        self.cells.first.wait_for(timeout=60_000)
        self.view.locator(".jp-InputPrompt").first.wait_for()

    def _request(self, request, address):
        if not request.url.startswith((address, "data:", "blob:")):
            self.complaints.append(request.url)

    def run(self, index):
        """Run a cell; keys that come while a kernel is being connected are lost now and then."""
        prompt = self.cells.nth(index).locator(".jp-InputPrompt")
        before = prompt.inner_text()
        for _ in range(10):
            self.cells.nth(index).locator(".cm-content").click()
            self.view.keyboard.press("Control+Enter")
            if began(lambda: prompt.inner_text() != before):
                return
        raise AssertionError(f"cell {index} did not run")

    def step(self):
        """The step that the transport shows; -1 where there is none."""
        shown = self.view.locator(".at")
        text = shown.first.inner_text() if shown.count() else ""
        return int("".join(filter(str.isdigit, text.split(" of ")[0])) or -1)

    def moves(self):
        before = self.step()
        until(lambda: self.step() > max(before, 5), 90)


@pytest.fixture
def book(chromium, jupyter):
    """A notebook whose cells were run once: its lab moves."""
    address, _ = jupyter
    opened = Book(chromium, address)
    until(lambda: _idle(address), 60)
    for index in (0, 1, 2):
        opened.run(index)
    opened.moves()
    yield opened
    opened.view.close()


@pytest.fixture
def active(jupyter):
    """How many runs the notebook's kernel computes."""
    return lambda: int((jupyter[1] / "active.txt").read_text() or -1)


def test_a_lab_in_jupyterlab_moves_obeys_and_leaves_nothing_behind(book, active):
    field = book.view.get_by_label("α, exact value", exact=True)
    field.fill("0.2")
    field.press("Enter")
    until(lambda: not book.view.get_by_text("α = 0.5, 3 seeds").count())
    book.moves()
    book.view.get_by_role("button", name="take more steps", exact=True).click()
    book.view.get_by_role("menuitem", name="+10", exact=True).click()
    until(lambda: active() == 0 and book.view.get_by_text("paused", exact=True).count())
    end = book.step()
    book.view.keyboard.press("ArrowLeft")
    until(lambda: book.step() < end)
    mode = book.cells.nth(1).locator(".jp-InputArea-editor")
    book.view.keyboard.press("r")  # resets the lab, and must not make the cell a raw one
    until(lambda: book.step() == 0)
    assert mode.count() == 1 and book.cells.count() == 3

    book.run(1)
    book.moves()
    until(lambda: active() == 1)
    assert not book.complaints
    book.view.close()
    until(lambda: active() == 0, 30)


@pytest.mark.thorough
def test_a_lab_moves_again_after_a_restart_of_the_kernel(book, active, jupyter):
    address, _ = jupyter
    (kernel,) = until(lambda: _idle(address), 60)
    _ask(address, f"kernels/{kernel}/restart", "POST")
    until(lambda: _idle(address), 60)
    for index in (0, 1, 2):
        book.run(index)
    book.moves()
    book.view.evaluate("WebSocket.prototype.send = () => {}")  # it goes without a word
    until(lambda: active() == 0, 15)
