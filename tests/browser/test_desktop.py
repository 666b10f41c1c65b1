"""The window of its own: a real one under a virtual screen, and what stands in for it."""

import asyncio
import base64
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from http.cookiejar import CookieJar

import pytest
from PIL import Image
from tornado.httpclient import HTTPClientError
from tornado.websocket import websocket_connect

from dashboard import desktop
from engines.core.errors import DynascopeError
from tests.browser.conftest import ROOT, until

START = """
import os, sys, threading, time
def close():
    while not os.path.exists(sys.argv[1]):
        time.sleep(0.05)
    import webview
    webview.windows[0].destroy()
threading.Thread(target=close, daemon=True).start()
import launch
sys.exit(launch.main(["desktop", "matrix_sensing", "--preset", "P3"]))
"""


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def waited(coroutine):
    """Its result; in a thread of its own, since the browser's driver has a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


def answers(address):
    try:
        return urllib.request.urlopen(address, timeout=2).read()
    except OSError:
        return None


class Window:
    """A page of Qt's engine, through its debugging port."""

    def __init__(self, port):
        self._list = f"http://127.0.0.1:{port}/json"
        until(lambda: answers(self._list) and self._page(), 60)

    def _page(self):
        pages = json.loads(answers(self._list) or b"[]")
        return next((page for page in pages if page["url"].startswith("http")), None)

    def send(self, method, **params):
        async def ask():
            socket = await websocket_connect(self._page()["webSocketDebuggerUrl"], max_message_size=2**26)
            await socket.write_message(json.dumps({"id": 1, "method": method, "params": params}))
            while True:
                said = json.loads(await socket.read_message())
                if said.get("id") == 1:
                    socket.close()
                    while await socket.read_message() is not None:
                        pass  # until it is closed
                    return said["result"]

        return waited(ask())

    def ask(self, script):
        found = self.send("Runtime.evaluate", expression=script, returnByValue=True)
        return found["result"].get("value")

    def step(self):
        text = self.ask(f"{DEEP}; deep(document).find((e) => e.matches('.at'))?.textContent ?? ''")
        return int("".join(filter(str.isdigit, text.split(" of ")[0])) or -1)

    def click(self, name):
        self.ask(f"{DEEP}; deep(document).find((e) => e.ariaLabel === {name!r} || e.title === {name!r}).click()")


DEEP = """
var inside = (e) => e.shadowRoot ? [e, ...deep(e.shadowRoot)] : [e];
var deep = (root) => [...root.querySelectorAll("*")].flatMap(inside)"""


@pytest.fixture
def screen():
    """A virtual screen's name."""
    pytest.importorskip("webview")
    pytest.importorskip("PySide6.QtWebEngineWidgets")
    if not shutil.which("Xvfb"):
        pytest.skip("Xvfb is not installed")
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1500x950x24"], pass_fds=[write], stderr=subprocess.DEVNULL
    )
    yield f":{os.read(read, 10).decode().strip()}"
    server.terminate()
    server.wait(10)


def test_a_window_opens_moves_obeys_and_leaves_nothing_behind(screen, tmp_path):
    port, close = free_port(), tmp_path / "close"
    around = {"DISPLAY": screen, "QTWEBENGINE_REMOTE_DEBUGGING": str(port), "HOME": str(tmp_path)}
    flags = {"QTWEBENGINE_CHROMIUM_FLAGS": "--no-sandbox"}
    process = subprocess.Popen(
        [sys.executable, "-c", START, str(close)], cwd=ROOT, env=os.environ | around | flags,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    window = Window(port)
    until(lambda: window.step() > 5, 60)
    address = window.ask("location.origin")
    window.click("take 10 steps and pause")
    until(lambda: json.loads(answers(f"{address}/status"))["active"] == 0)
    shot = Image.open(io.BytesIO(base64.b64decode(window.send("Page.captureScreenshot")["data"])))
    assert len(shot.convert("RGB").resize((300, 200)).getcolors(60_000)) > 200
    close.touch()
    said, _ = process.communicate(timeout=30)
    assert (process.returncode, said.strip()) == (0, "Dynascope opens in a window of its own.")
    assert answers(f"{address}/status") is None


def test_only_who_brings_the_token_first_gets_in():
    with desktop.served() as (address, guard):
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        for stranger in ("/", "/matrix_sensing", "/enter", "/enter?token=guess"):
            with pytest.raises(urllib.error.HTTPError, match="403"):
                urllib.request.urlopen(address + stranger, timeout=20)
        with pytest.raises(HTTPClientError, match="403"):
            waited(connected(address))
        invitation = address + guard.invite("/matrix_sensing?preset=P3")
        entered = opener.open(invitation, timeout=20)
        assert entered.url == f"{address}/matrix_sensing?preset=P3"
        assert b"Dynascope" in entered.read()
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(invitation, timeout=20)
        assert opener.open(f"{address}/", timeout=20).status == 200
    assert answers(f"{address}/status") is None


async def connected(address):
    await websocket_connect(address.replace("http", "ws") + "/matrix_sensing/ws", subprotocols=["bokeh", "none"])


def test_an_invitation_leads_to_no_other_host():
    with desktop.served() as (address, guard):
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        with pytest.raises(urllib.error.HTTPError, match="404"):
            opener.open(address + guard.invite("//example.org/x"), timeout=20)


def test_the_next_best_window_opens_and_the_reason_is_told(capsys):
    def broken(url):
        raise desktop.NoWindow("no screen")

    opened = []
    with desktop.served() as (address, guard):
        desktop.open_window(address, guard, "/", (("the best", broken), ("another", opened.append)))
        assert opened[0].startswith(f"{address}/enter?token=")
        assert "That did not work: no screen." in capsys.readouterr().out
        with pytest.raises(DynascopeError, match="no window could be opened"):
            desktop.open_window(address, guard, "/", (("the best", broken),))


def test_a_browser_shows_the_page_as_a_window_with_a_profile_that_goes(monkeypatch, tmp_path):
    log = tmp_path / "log"
    fake = tmp_path / "chromium"
    fake.write_text(f"#!/bin/sh\necho $@ > {log}\nexit ${{STATUS:-0}}\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    desktop.browser("http://127.0.0.1:1/")
    flags = dict(flag.partition("=")[::2] for flag in log.read_text().split())
    assert flags["--app"] == "http://127.0.0.1:1/"
    assert not os.path.exists(flags["--user-data-dir"])
    monkeypatch.setenv("STATUS", "1")
    with pytest.raises(desktop.NoWindow, match="status 1"):
        desktop.browser("http://127.0.0.1:1/")
