"""The window of its own: a real one under a virtual screen, and what stands in for it."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from http.cookiejar import CookieJar
from pathlib import Path

import pytest
from PIL import ImageGrab
from tornado.httpclient import HTTPClientError
from tornado.websocket import websocket_connect

from dashboard import desktop
from engines.core.protocol.errors import DynascopeError
from tests import system
from tests.browser.conftest import ROOT, until


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
        page = until(self._page)  # the port answers late where the window computes

        async def ask():
            socket = await websocket_connect(page["webSocketDebuggerUrl"], max_message_size=2**26)
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

    def set(self, name, value, event):
        self.ask(
            f"{DEEP}; var field = named({name!r}); field.value = {value}; field.dispatchEvent(new Event({event!r}))"
        )

    def shows(self, word):
        return self.ask(f"{DEEP}; deep(document).some((e) => e.textContent.startsWith({word!r}))")


DEEP = """
var inside = (e) => e.shadowRoot ? [e, ...deep(e.shadowRoot)] : [e];
var deep = (root) => [...root.querySelectorAll("*")].flatMap(inside);
var named = (name) => deep(document).find((e) => e.ariaLabel?.startsWith(name))"""


@pytest.fixture
def screen():
    """A virtual screen's name."""
    for module in ("webview", "PySide6.QtWebEngineWidgets", "Xlib.display"):
        pytest.importorskip(module, exc_type=ImportError)
    if absent := system.absent_for_window():
        pytest.skip(f"a window on a virtual screen needs {', '.join(absent)}")
    read, write = os.pipe()
    server = subprocess.Popen(
        # Without -noreset it begins anew after each program that was its only one, as one that looks at it is.
        ["Xvfb", "-noreset", "-displayfd", str(write), "-screen", "0", "1500x950x24"],
        pass_fds=[write], stderr=subprocess.DEVNULL,
    )  # fmt: skip
    yield f":{os.read(read, 10).decode().strip()}"
    server.terminate()
    server.wait(10)


def colours(picture):
    """How many colours a picture has, up to sixty thousand."""
    return len(picture.convert("RGB").resize((300, 200)).getcolors(60_000))


def close_window(screen, title):
    """Close a window as its frame's button does."""
    from Xlib import display
    from Xlib.protocol.event import ClientMessage

    def inside(window):
        return [window, *(each for child in window.query_tree().children for each in inside(child))]

    server = display.Display(screen)
    name, protocols, delete = map(server.intern_atom, ("_NET_WM_NAME", "WM_PROTOCOLS", "WM_DELETE_WINDOW"))
    for window in inside(server.screen().root):
        known = window.get_full_property(name, 0)
        if known and known.value == title.encode() and delete in window.get_wm_protocols():
            window.send_event(ClientMessage(window=window, client_type=protocols, data=(32, [delete, 0, 0, 0, 0])))
    server.close()


def living(session):
    """The processes of a session, without those that ended and were not yet taken note of."""
    stats = (path.read_text().rpartition(")")[2].split() for path in Path("/proc").glob("[0-9]*/stat"))
    return [state for state, _, _, its, *_ in stats if int(its) == session and state != "Z"]


@pytest.fixture
def folder():
    """A folder with a short name: a browser puts a socket there, and their names are limited."""
    with tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as path:
        yield Path(path)


@pytest.fixture
def program(screen, folder):
    """Starts a program on the virtual screen, in a session of its own that ends with the test."""
    started = []

    def start(*line, **around):
        everything = os.environ | {"DISPLAY": screen, "HOME": str(folder), "TMPDIR": str(folder)} | around
        started.append(
            subprocess.Popen(
                [sys.executable, *line], cwd=ROOT, env=everything, text=True, start_new_session=True,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )
        )  # fmt: skip
        return started[-1]

    yield start
    for process in started:
        if living(process.pid):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_a_window_opens_moves_obeys_and_leaves_nothing_behind(screen, program):
    port = free_port()
    process = program(
        "launch.py", "desktop", "matrix_sensing", "--preset", "P3", QTWEBENGINE_REMOTE_DEBUGGING=str(port)
    )
    window = Window(port)
    until(lambda: window.step() > 5, 60)
    assert window.ask("location.pathname + location.search") == "/matrix_sensing?preset=P3"
    assert window.ask("document.cookie") in ("", "dynascope_system=light")  # no script sees the one that lets in
    address = window.ask("location.origin")
    window.set("scrub over the recorded steps", 3, "input")
    until(lambda: window.step() == 3)
    window.set("α, exact value", 0.27, "change")
    until(lambda: not window.shows("varies: 0.1") and window.step() > 100, 60)
    assert colours(ImageGrab.grab(xdisplay=screen)) > 200
    close_window(screen, "Dynascope")  # while it computes
    said, complaints = process.communicate(timeout=30)
    assert (process.returncode, complaints) == (0, "")
    assert said.strip() == "Dynascope opens in a window of its own."
    assert answers(f"{address}/status") is None
    until(lambda: not living(process.pid))


@pytest.mark.thorough
def test_a_browsers_window_ends_the_program_too(screen, program, folder):
    if not system.chromium():
        pytest.skip(system.NO_CHROMIUM)
    hidden = "import sys; sys.modules['webview'] = None; import launch; sys.exit(launch.main(['desktop']))"
    process = program("-c", hidden)
    until(lambda: colours(ImageGrab.grab(xdisplay=screen)) > 200, 60)
    close_window(screen, "Dynascope")
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "pywebview is not installed" in said
    assert said.strip().endswith("Dynascope opens in a browser's application window.")
    assert not list(folder.glob("dynascope-*"))


def test_a_file_is_saved_where_its_reader_says(monkeypatch, tmp_path):
    pytest.importorskip("webview")
    widgets = pytest.importorskip("qtpy.QtWidgets", exc_type=ImportError)
    from dashboard.server import native_window

    asked, done = [], []
    answer = [str(tmp_path / "mine.csv")]
    monkeypatch.setattr(
        widgets.QFileDialog, "getSaveFileName", lambda parent, title, at: (asked.append(at), (answer[0], ""))[1]
    )

    class Download:
        downloadFileName = staticmethod(lambda: "curve.csv")

        def __getattr__(self, name):
            return lambda *given: done.append((name, *given))

    native_window.save_download(None, Download())
    assert asked[0].endswith("curve.csv")
    assert done == [("setDownloadDirectory", str(tmp_path)), ("setDownloadFileName", "mine.csv"), ("accept",)]
    answer[0] = ""
    native_window.save_download(None, Download())
    assert done[3:] == [("cancel",)]


def refusal(address):
    """What a stranger is told there."""
    with pytest.raises(urllib.error.HTTPError, match="403") as refused:
        urllib.request.urlopen(address, timeout=20)
    return refused.value.read().decode()


async def connected(address):
    await websocket_connect(address.replace("http", "ws") + "/matrix_sensing/ws", subprotocols=["bokeh", "none"])


def test_only_who_brings_the_token_first_gets_in():
    files = ("/static/js/bokeh.min.js", "/favicon.ico", "/status", "/nowhere")
    with desktop.served() as (address, guard):
        for place in ("/", "/matrix_sensing", "/enter", "/enter?token=guess", *files):
            assert "belongs to the window" in refusal(address + place)
        with pytest.raises(HTTPClientError, match="403"):
            waited(connected(address))
        jar = CookieJar()
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
        void = address + guard.invite("/")
        invitation = address + guard.invite("/matrix_sensing?preset=P3")
        refusal(void)
        entered = opener.open(invitation, timeout=20)
        assert entered.url == f"{address}/matrix_sensing?preset=P3"
        assert b"Dynascope" in entered.read()
        refusal(invitation)
        assert opener.open(f"{address}/static/js/bokeh.min.js", timeout=20).status == 200
        [cookie] = (each for each in jar if each.name == guard.cookie)
        assert cookie.has_nonstandard_attr("HttpOnly")
        assert cookie.get_nonstandard_attr("SameSite") == "Strict"
    assert answers(f"{address}/status") is None


def test_an_invitation_leads_to_no_other_host():
    with desktop.served() as (address, guard):
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        with pytest.raises(urllib.error.HTTPError, match="404"):
            opener.open(address + guard.invite("//example.org/x"), timeout=20)


class Invitations:
    """A guard that only counts."""

    def invite(self, page):
        return f"/enter?to={page}"


def refused(url):
    raise desktop.NoWindow("no luck")


def test_the_next_best_window_opens_and_the_reason_is_told(capsys):
    opened = []
    windows = (("the best", refused), ("another", opened.append))
    desktop.open_window("http://here", Invitations(), "/", windows)
    assert opened == ["http://here/enter?to=/"]
    told = "Dynascope opens in the best.\nThat did not work: no luck.\nDynascope opens in another.\n"
    assert capsys.readouterr().out == told
    with pytest.raises(DynascopeError, match="no window could be opened"):
        desktop.open_window("http://here", Invitations(), "/", windows[:1])


def test_the_windows_are_native_then_a_browsers_then_a_tab():
    assert [window for _, window in desktop.WINDOWS] == [desktop.native, desktop.browser, desktop.tab]


def test_a_native_window_needs_pywebview_and_a_screen(monkeypatch):
    monkeypatch.setattr(desktop, "find_spec", {"webview": None}.get)
    with pytest.raises(desktop.NoWindow, match=r"pip install 'dynascope\[desktop\]'"):
        desktop.native("http://127.0.0.1:1/")
    monkeypatch.setattr(desktop, "find_spec", lambda name: True)
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(desktop.NoWindow, match="no screen"):
        desktop.native("http://127.0.0.1:1/")


@pytest.fixture
def native(monkeypatch, tmp_path):
    """Show a window by a program of the test's."""

    def show(text):
        program = tmp_path / "window.py"
        program.write_text(text)
        monkeypatch.setenv("DISPLAY", ":1")
        monkeypatch.setattr(desktop, "find_spec", lambda name: True)
        monkeypatch.setattr(desktop, "WINDOW", program)
        desktop.native("http://127.0.0.1:1/?token=x")

    return show


def test_the_address_goes_to_the_windows_input_where_no_other_user_reads_it(native, tmp_path):
    native(f"import sys; open({str(tmp_path / 'log')!r}, 'w').write(sys.stdin.readline() + str(sys.argv[1:]))")
    assert (tmp_path / "log").read_text() == "http://127.0.0.1:1/?token=x\n[]"


def test_an_engine_that_takes_its_process_along_is_a_reason(native):
    said = "Xlib: hm\nqt.qpa.plugin: libxcb-cursor0 is needed\nAvailable: minimal"
    with pytest.raises(desktop.NoWindow, match=r"status -6: qt.qpa.plugin: libxcb-cursor0 is needed$"):
        native(f"import os, sys; sys.stderr.write({said!r}); sys.stderr.flush(); os.abort()")
    with pytest.raises(desktop.NoWindow, match=r"status 1: no Qt$"):
        native("import sys; sys.exit('no Qt')")


def test_a_browser_shows_the_page_as_a_window_with_a_profile_that_goes(monkeypatch, tmp_path):
    log = tmp_path / "log"
    fake = tmp_path / "chromium"
    fake.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$@\" > '{log}'\nexit ${{STATUS:-0}}\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DISPLAY", ":1")
    desktop.browser("http://127.0.0.1:1/")
    flags = dict(flag.partition("=")[::2] for flag in log.read_text().splitlines())
    assert flags["--app"] == "http://127.0.0.1:1/"
    assert not os.path.exists(flags["--user-data-dir"])
    monkeypatch.setenv("STATUS", "1")
    with pytest.raises(desktop.NoWindow, match="status 1"):
        desktop.browser("http://127.0.0.1:1/")
    fake.unlink()
    with pytest.raises(desktop.NoWindow, match="no Chromium, Chrome or Edge"):
        desktop.browser("http://127.0.0.1:1/")


def test_a_tab_stays_until_it_is_interrupted(monkeypatch, capsys):
    opened = []
    monkeypatch.setattr(desktop.webbrowser, "open", lambda url: opened.append(url) or True)
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background of a shell
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    desktop.tab("http://127.0.0.1:1/")
    signal.signal(signal.SIGINT, usual)
    assert opened == ["http://127.0.0.1:1/"]
    assert "Ctrl+C" in capsys.readouterr().out
    monkeypatch.setattr(desktop.webbrowser, "open", lambda url: False)
    with pytest.raises(desktop.NoWindow, match="no browser"):
        desktop.tab("http://127.0.0.1:1/")
