"""What happens first: the page is there before anything heavy is; and who may come in."""

import json
import re
import subprocess
import sys
import urllib.request
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from tests.browser.conftest import FIGURE, ROOT, Page, answers, served, until
from tests.browser.test_desktop import free_port

HEAVY = ("torch", "pyvista", "scipy", "xarray", "matplotlib")
TELL = f"""
import sys
from dashboard.server import handlers
loaded = lambda: [name for name in {HEAVY} if name in sys.modules]
handlers.StatusHandler.get = lambda self: self.write({{"active": 0, "loaded": loaded()}})
"""


@pytest.fixture(scope="module")
def telling():
    yield from served(TELL)


def loaded(address):
    return json.load(urllib.request.urlopen(f"{address}/status", timeout=10))["loaded"]


def test_a_page_is_painted_before_anything_heavy_is_loaded(telling, chromium):
    assert loaded(telling) == []
    assert urllib.request.urlopen(f"{telling}/matrix_sensing", timeout=20).status == 200
    assert loaded(telling) == []  # the whole page was made; what fills it waits until a browser has shown it
    lab = Page(chromium, telling).open("/matrix_sensing").ready(1)
    assert "torch" in loaded(telling)
    assert "pyvista" not in loaded(telling)
    lab.close()


COUNT = """(() => {
  globalThis.laid = 0;
  const soon = setInterval(() => {
    if (!globalThis.Bokeh?.require) return;
    clearInterval(soon);
    const { LayoutDOMView } = Bokeh.require("models/layouts/layout_dom");
    const old = LayoutDOMView.prototype.update_layout;
    LayoutDOMView.prototype.update_layout = function () {
      globalThis.laid += !(this.parent instanceof LayoutDOMView);
      return old.call(this);
    };
  }, 1);
})()"""


def test_figures_that_arrive_together_are_laid_out_together(page):
    lab = page()
    lab.view.add_init_script(COUNT)
    lab.open("/subgradient_recovery").ready()
    figures = lab.ask(f"() => {{ {FIGURE} return figures.length }}")
    assert figures > 10
    assert 0 < lab.ask("laid") <= figures / 2


@pytest.fixture
def guarded():
    """The address of a server behind a password and a prefix, to which another host's pages may connect."""
    port = free_port()
    flags = ["--prefix", "lab", "--basic-auth", "open sesame", "--num-threads", "2"]
    origins = ["--allow-websocket-origin", f"localhost:{port}", "--allow-websocket-origin", "lab.example"]
    process = subprocess.Popen(
        [sys.executable, "launch.py", "serve", "--no-browser", "--port", str(port), *flags, *origins], cwd=ROOT,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://localhost:{port}/lab"
    until(lambda: answers(address), 60)
    yield address
    process.terminate()
    process.wait(20)


def test_panels_flags_hold_a_password_a_prefix_and_origins(guarded, chromium):
    page = Page(chromium, guarded).open("/matrix_sensing")
    assert page.ask("location.pathname") == "/lab/login"

    def enter(password):
        page.view.get_by_label("User name").fill("anna")
        page.view.get_by_label("Password").fill(password)
        page.click("Log in")

    enter("guess")
    assert page.says("Invalid user name or password")
    page.open("/matrix_sensing")
    enter("open sesame")
    page.ready(1)
    assert page.ask("location.pathname") == "/lab/matrix_sensing"
    assert not page.complaints
    cookies = "; ".join(f"{each['name']}={each['value']}" for each in page.context.cookies())
    page.close()
    token = signed(f"{guarded}/matrix_sensing", cookies)
    socket = f"{guarded}/matrix_sensing/ws"
    assert told(socket, token, cookies, "http://lab.example") == 101
    assert told(socket, token, cookies, "http://elsewhere.example") == 403
    assert told(socket, token, "", "http://lab.example") == 403


def signed(address, cookies):
    """The token of a session that the server began for whoever has these cookies."""
    asked = urllib.request.Request(address, headers={"Cookie": cookies})
    return re.search(r'"token":"([^"]+)"', urllib.request.urlopen(asked, timeout=20).read().decode())[1]


def told(address, token, cookies, origin):
    """The status of the answer to a page of another host that asks for a socket."""
    where = urlsplit(address)
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    upgrade |= {"Sec-WebSocket-Key": "c2l4dGVlbiBjaGFyYWN0cw=="}
    upgrade |= {"Sec-WebSocket-Protocol": f"bokeh, {token}"}
    with closing(HTTPConnection(where.netloc, timeout=20)) as connection:
        connection.request("GET", where.path, headers=upgrade | {"Cookie": cookies, "Origin": origin})
        with connection.getresponse() as answer:
            return answer.status
