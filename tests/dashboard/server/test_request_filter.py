"""What anybody can send to a server: it answers with 4xx or not at all, and its log stays free of tracebacks."""

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path

import pytest
from bokeh.server.protocol_handler import ProtocolHandler
from bokeh.util.token import generate_jwt_token
from tornado.httpclient import HTTPClientError
from tornado.websocket import websocket_connect

from dashboard.controls.transport import Transport
from dashboard.server import request_filter
from dashboard.ui import component
from dashboard.ui.bridge import Bridge

ROOT = Path(__file__).parents[3]

ALLOWED = re.compile(
    r"Launching server at|Starting Bokeh|User authentication|app running at|Starting with|(^| )\d{3} [A-Z]+ |"
    r"a page's message could not be (read|carried out)|Bad header with no msgtype"
)
"""What a log may hold of it: a line a request or message."""


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Server:
    """A server in a process of its own."""

    def __init__(self, line, port, root, folder, **around):
        self.port, self.root, self.log = port, root, folder / "log"
        environment = os.environ | {"DYNASCOPE_LIBRARY": str(folder)} | around
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, *line, "--port", str(port)], cwd=ROOT, env=environment, stdout=log, stderr=log
            )

    def wait(self):
        end = time.monotonic() + 60
        while self.get("/favicon.ico") == 0:
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.2)
        return self

    def get(self, path, method="GET", **headers):
        """The status; 0 where nothing answers."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, headers={name.replace("_", "-"): text for name, text in headers.items()})
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    def text(self, path):
        return urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30).read().decode()

    def strange(self):
        """Lines of the log that nobody should see."""
        return [line for line in self.log.read_text().splitlines() if line.strip() and not ALLOWED.search(line)]

    def close(self):
        self.process.terminate()
        self.process.wait(20)


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """The homes of pages that a browser reaches; they start side by side."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["panel.auth"]
    installed = tmp_path_factory.mktemp("installed")  # as pip would tell of what pyproject.toml declares
    (installed / "dynascope-0.dist-info").mkdir()
    (installed / "dynascope-0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: dynascope\nVersion: 0\n"
    )
    lines = [f"{name} = {place}" for name, place in declared.items()]
    (installed / "dynascope-0.dist-info" / "entry_points.txt").write_text("\n".join(["[panel.auth]", *lines]))
    launch = ["launch.py", "serve", "--no-browser", "--address", "127.0.0.1"]
    kinds = {
        "plain": (launch, ""),
        "behind a login": ([*launch, "--prefix", "lab", "--basic-auth", "secret"], "/lab"),
        "panel serve": (["-m", "panel", "serve", "dashboard/app.py"], ""),
    }
    made = {
        name: Server(line, free_port(), root, tmp_path_factory.mktemp("home"), PYTHONPATH=f"{installed}:{ROOT}")
        for name, (line, root) in kinds.items()
    }
    yield {name: server.wait() for name, server in made.items()}
    for server in made.values():
        server.close()


@pytest.fixture(params=["plain", "behind a login", "panel serve"])
def server(servers, request):
    return servers[request.param]


COMPONENTS = (
    "unittest.__main__/a/b/c", "this/x/y/z", "antigravity/x/y/z", "/x/y/z", "x", "", "os/path/_css/x",
    "dashboard.ui.component/Component/_stylesheets/bridge.js", "panel.template.base/BaseTemplate/_css/x",
)  # fmt: skip


def test_no_address_imports_anything(server):
    """Before any page was asked for, too: the first test of this module."""
    for path in COMPONENTS:
        assert server.get(f"{server.root}/components/{path}") == 404, path
    assert server.get(f"{server.root}/components/this/x/y/z", "POST") == 404
    assert server.process.poll() is None
    assert "Zen of Python" not in server.log.read_text()
    assert not server.strange()


BAD = (
    "/static/%00", "/static/extensions/panel/panel.min.js%00.png", "/%00", "/static/%ff", "/static/../../etc/passwd",
    "/?bokeh-session-id=", "/?bokeh-session-id=mine", "/?bokeh-token=abc", "/matrix_sensing?bokeh-token=",
    "/matrix_sensing?bokeh-absolute-url=https://example.org/x", "/ws", "/matrix_sensing/ws",
    "/matrix_sensing/autoload.js",
    "/matrix_sensing/autoload.js?bokeh-autoload-element=1&bokeh-absolute-url=https://example.org/x",
    "/matrix_sensing/autoload.js?bokeh-autoload-element=1&bokeh-absolute-url=http://[",
    "/matrix_sensing/autoload.js?bokeh-autoload-element=1&bokeh-absolute-url=%ff",
    "/matrix_sensing/autoload.js?bokeh-autoload-element=a%22);alert(1)//",
    "/matrix_sensing/autoload.js?bokeh-autoload-element=1&bokeh-app-path=/x%27%3Balert(1)",
    "/?theme=%ff", "/matrix_sensing?theme=dark&theme=%c3",
)  # fmt: skip


def test_what_makes_no_sense_is_answered_with_4xx(servers):
    server = servers["plain"]
    for path in BAD:
        assert 400 <= server.get(path) < 500, path
    assert server.get("/matrix_sensing/autoload.js", "OPTIONS") == 400
    assert server.get("/", Bokeh_Session_Id="mine") == 400
    for host in (f"[::1]:{server.port}", "::1", "a:b:c", ":::"):
        assert server.get("/matrix_sensing", Host=host) == 400, host
    for host in ("", ":", "a:b", "a:99999999999", "é", "a b", "<b>"):
        assert server.get("/matrix_sensing", Host=host.encode("latin-1")) < 500, host
    for method in ("PUT", "DELETE", "PATCH", "TRACE", "HEAD", "NONSENSE"):
        assert 400 <= server.get("/matrix_sensing", method) < 500, method
    assert not server.strange()


def test_what_makes_sense_is_answered(servers):
    server = servers["plain"]
    texts = ("?s=%ff", "?lesson=%00", "?theme=%00&hide=%ff", "?s=?lesson=?")
    for path in ("/", "/matrix_sensing", *(f"/{text}" for text in texts), "/static/js/bokeh.min.js"):
        assert server.get(path) == 200, path
    ours = f"http://127.0.0.1:{server.port}/matrix_sensing"
    assert f"127.0.0.1:{server.port}" in server.text(
        f"/matrix_sensing/autoload.js?bokeh-autoload-element=1&bokeh-app-path=/matrix_sensing&bokeh-absolute-url={ours}"
    )
    login = servers["behind a login"]
    for cookie in ("", "user=abc", "user=2|1:0|10:1|4:user|4:YWJj|00; id_token=x; is_guest=1"):
        assert login.get("/lab/matrix_sensing", Cookie=cookie) == 302
    assert login.get("/lab/login?next=//example.org") == 400
    assert login.get("/lab/matrix_sensing/autoload.js?bokeh-autoload-element=1") == 403
    assert "<script" not in login.text("/lab/login?error=%3Cscript%3Ex")
    assert not server.strange() and "Traceback" not in login.log.read_text()


def test_addresses_that_are_no_pages_are_answered_in_whatever_way_pages_are_served(servers):
    for server in servers.values():
        server.get(f"{server.root}/app")  # `panel serve` runs our program when its page is asked for
        assert json.loads(server.text(f"{server.root}/kept")) == {"kept": False}
        assert json.loads(server.text(f"{server.root}/status")) == {"active": 0}
        assert not server.root or server.get("/status") == 404


def header(kind):
    return json.dumps({"msgid": "1", "msgtype": kind})


def patch(*events):
    return [header("PATCH-DOC"), "{}", json.dumps({"events": events})]


MESSAGES = {
    "text": ["garbage"] * 3,
    "no header": ["{}", "{}", "{}"],
    "a list": ["[]", "[]", "[]"],
    "another kind": [header("NOTHING"), "{}", "{}"],
    "an answer": [header("OK"), "{}", "{}"],
    "events that are a number": [header("PATCH-DOC"), "{}", '{"events": 5}'],
    "an unknown event": patch({"kind": "Nothing"}),
    "an unknown model": patch({"kind": "ModelChanged", "model": {"id": "x"}, "attr": "y", "new": 1}),
    "an unknown type": patch({"kind": "RootAdded", "model": {"type": "object", "name": "os.system", "id": "x"}}),
    "another document": [header("PUSH-DOC"), "{}", '{"doc": {"roots": 3}}'],
    "bytes": [b"\0\1"],
    "nested": [header("PATCH-DOC"), "{}", "[" * 100_000],
}


async def said(address, token, parts):
    """What a server answers to a message, as far as it does."""
    connection = await websocket_connect(address, subprotocols=["bokeh", token])
    found = [await connection.read_message() for _ in range(3)]  # that it is connected
    for part in parts:
        await connection.write_message(part, binary=isinstance(part, bytes))
    with suppress(TimeoutError):
        while (text := await asyncio.wait_for(connection.read_message(), 2)) is not None:
            found.append(text)
    connection.close()
    return "\n".join(map(str, found))


async def all_said(address, messages):
    answers = await asyncio.gather(*(said(address, *each) for each in messages))
    await asyncio.sleep(1)  # until all is closed
    return answers


def test_a_malformed_message_is_answered_without_what_is_inside(servers):
    server = servers["plain"]
    messages = [(re.search(r'"token":"([^"]+)"', server.text("/"))[1], parts) for parts in MESSAGES.values()]
    answers = asyncio.run(all_said(f"ws://127.0.0.1:{server.port}/ws", messages))
    for name, answer in zip(MESSAGES, answers, strict=True):
        assert "ACK" in answer, name
        assert not re.search(rf"Traceback|File |site-packages|{re.escape(str(ROOT))}", answer), (name, answer)
    told = server.log.read_text()
    assert "could not be read" in told and "could not be carried out" in told
    assert not server.strange()


@pytest.mark.parametrize(
    "token",
    [
        *("none", "e30", "....", "abc.def"),
        pytest.param(generate_jwt_token(""), id="of no session"),
        pytest.param(generate_jwt_token("x", expiration=-1), id="expired"),
    ],
)
def test_a_connection_with_a_token_of_nobodys_is_refused(servers, token):
    server = servers["plain"]
    with pytest.raises(HTTPClientError, match="403"):
        asyncio.run(said(f"ws://127.0.0.1:{server.port}/ws", token, []))
    assert not server.strange()


def test_what_a_closed_tab_had_sent_is_left(caplog):
    """It waits behind a page that starts, and finds no session any more."""

    class Closed:
        _session = None

    class Message:
        msgtype = "PATCH-DOC"

    request_filter.install()
    assert asyncio.run(ProtocolHandler().handle(Message(), Closed())) is None
    assert not caplog.records


NONSENSE = (None, [1], "x", 3, {}, {"ack": "x"}, {"ack": None}, {"ack": float("inf")}, {"ack": True}, {"ack": 1e300},
            {"ack": {}}, {"hidden": []})  # fmt: skip


@pytest.mark.parametrize("message", NONSENSE, ids=str)
def test_a_message_that_makes_no_sense_changes_nothing(message):
    bridge = Bridge()
    bridge.count_update()
    bridge.receive(message)
    assert bridge.ack == 0 and not bridge.hidden


def test_an_answer_is_to_what_was_sent():
    bridge = Bridge()
    bridge.receive({"ack": 10**6})
    assert bridge.ack == 0


def test_numbers_of_a_message_are_numbers_within_bounds():
    assert component.whole({"index": 3.0}, "index") == 3
    for value in (None, "3", True, 0.5, float("nan"), float("inf"), 10**10, [3], {"a": 1}):
        with pytest.raises(component.UnknownMessage):
            component.whole({"index": value}, "index")


def test_other_components_pass_messages_on_and_hide_no_fault_of_ours():
    heard = []
    bar = Transport((), lambda what, data: heard.append(component.whole(data, "count")))
    bar.receive({"do": "step", "count": 3})
    bar.receive({"do": "step", "count": "many"})
    assert heard == [3]
    with pytest.raises(ZeroDivisionError):
        Transport((), lambda what, data: 1 / 0).receive({"do": "step"})


def test_a_text_is_as_long_as_its_bytes():
    closed = []

    class Socket:
        max_message_size = 100
        size_so_far = 0

        def close(self, code, reason):
            closed.append(code)

    asyncio.run(request_filter._receive(Socket(), "\u20ac" * 40))
    assert closed == [request_filter.TOO_LARGE]
