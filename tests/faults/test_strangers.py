"""What a public server promises: headers, cookies, logins, queues and libraries, each tried against a real one."""

import asyncio
import base64
import http.server
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from tornado.websocket import websocket_connect

ROOT = Path(__file__).parents[2]


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Answer:
    def __init__(self, response):
        self.status, self.text = response.status, response.read().decode("utf-8", "replace")
        self.headers = {name.lower(): value for name, value in response.getheaders() if name.lower() != "set-cookie"}
        self.cookies = response.headers.get_all("Set-Cookie") or []

    @property
    def pairs(self):
        return "; ".join(cookie.partition(";")[0] for cookie in self.cookies)


class Server:
    """`launch.py serve` in a process of its own."""

    def __init__(self, folder, *words, secure=False):
        self.port, self.secure, self.log = free_port(), secure, folder / "log"
        line = [sys.executable, "launch.py", "serve", "--no-browser", "--address", "127.0.0.1", *words]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*line, "--port", str(self.port)], cwd=ROOT, stdout=log, stderr=log, env=os.environ
            )
        end = time.monotonic() + 90
        while True:
            try:
                self.ask("/favicon.ico")
                return
            except OSError:
                assert time.monotonic() < end and self.process.poll() is None, self.log.read_text()
                time.sleep(0.2)

    def ask(self, path, method="GET", body=None, **headers):
        if self.secure:
            anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
            connection = HTTPSConnection("127.0.0.1", self.port, timeout=60, context=anybody)
        else:
            connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        sent = {name.replace("_", "-"): text for name, text in headers.items()}
        if body is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, path.removeprefix("."), body=body and urlencode(body), headers=sent)
        answer = Answer(connection.getresponse())
        connection.close()
        return answer

    def close(self):
        self.process.terminate()
        self.process.wait(20)


@pytest.fixture
def serve(tmp_path):
    made = []

    def make(*words, **options):
        made.append(Server(tmp_path, *words, **options))
        return made[-1]

    yield make
    for server in made:
        server.close()


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("plain"))
    yield server
    server.close()


def token_of(page):
    return re.search(r'"token":\s*"([^"]+)"', page)[1]


def session_of(page):
    payload = token_of(page).split(".")[0]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["session_id"]


# -- what every answer says ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/nothing", "/status", "/static/js/bokeh.min.js", "/metadata"])
def test_every_answer_says_what_a_browser_may_do_with_it(plain, path):
    found = plain.ask(path).headers
    policy = found["content-security-policy"]
    assert "unsafe-inline" not in policy.split("script-src")[1].split(";")[0]
    assert "object-src 'none'" in policy and "frame-ancestors 'self'" in policy
    assert found["x-frame-options"] == "SAMEORIGIN"
    assert found["x-content-type-options"] == "nosniff"
    assert found["referrer-policy"] == "same-origin"
    assert "server" not in found and "strict-transport-security" not in found


def test_each_page_has_a_word_of_its_own_for_its_scripts(plain):
    words = set()
    for _ in range(2):
        answer = plain.ask("/")
        word = re.search("'nonce-([^']+)'", answer.headers["content-security-policy"])[1]
        assert answer.text.count("<script") == answer.text.count(f'<script nonce="{word}"') > 0
        assert int(answer.headers["content-length"]) == len(answer.text.encode())
        words.add(word)
    assert len(words) == 2


def test_cookies_stay_with_this_site_and_out_of_reach_of_scripts(plain):
    cookies = plain.ask("/").cookies
    assert cookies
    assert all("SameSite=Lax" in cookie and "HttpOnly" in cookie for cookie in cookies)


def test_what_a_page_is_told_names_no_folder_of_the_server(plain):
    async def document():
        token = token_of((await asyncio.to_thread(plain.ask, "/matrix_sensing")).text)
        address = f"ws://127.0.0.1:{plain.port}/matrix_sensing/ws"
        connection = await websocket_connect(address, subprotocols=["bokeh", token], max_message_size=2**28)
        await connection.read_message()  # that it is connected: nothing is read before
        for part in ({"msgid": "1", "msgtype": "PULL-DOC-REQ"}, {}, {}):
            await connection.write_message(json.dumps(part))
        while '"roots"' not in (text := await connection.read_message()):
            pass
        connection.close()
        return text

    text = asyncio.run(document())
    assert "FileSelector" in text and str(ROOT) not in text and os.path.expanduser("~") not in text


def test_sessions_are_signed(plain):
    first, second = (session_of(plain.ask("/").text) for _ in range(2))
    assert first != second
    assert all(len(name.split(".")[1]) == 43 for name in (first, second))  # a digest beside the name


@pytest.mark.parametrize("path", ["/metadata", "/matrix_sensing/metadata", "/components/x/y/z", "/rest/session_info",
                                  "/liveness", "/admin"])  # fmt: skip
def test_what_panel_and_bokeh_could_serve_besides_is_not_there(plain, path):
    assert plain.ask(path).status == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "same-site"}, 403),
        ({}, 405),
    ],
)
def test_a_form_on_another_page_changes_nothing_here(plain, headers, status):
    assert plain.ask("/status", "POST", {"a": "b"}, **headers).status == status


def test_origins_are_named_exactly(tmp_path):
    line = [sys.executable, "launch.py", "serve", "--no-browser", "--allow-websocket-origin", "*"]
    found = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=90)
    assert found.returncode == 2 and "exactly" in found.stderr and found.stderr.count("\n") == 1


def test_a_page_may_be_framed_by_those_who_are_named(serve):
    headers = serve("--frame", "https://school.example").ask("/").headers
    assert "frame-ancestors 'self' https://school.example" in headers["content-security-policy"]
    assert "x-frame-options" not in headers


# -- who comes in ----------------------------------------------------------------------------------------------


def test_a_password_opens_the_pages_and_failures_have_to_wait(serve, tmp_path):
    users = tmp_path / "users.json"
    users.write_text(json.dumps({"ada": "sesame", "bob": "other"}))
    server = serve("--basic-auth", str(users))
    assert server.ask("/").status == 302
    assert server.ask("/matrix_sensing/autoload.js?bokeh-autoload-element=1").status == 403
    form = {"username": "ada", "password": "sesame"}
    for wrong in ({"username": "ada", "password": "other"}, {"username": "eve", "password": "sesame"}):
        answer = server.ask("/login", "POST", wrong)
        assert "user" not in answer.pairs and answer.status == 302
    answer = server.ask("/login", "POST", form, Origin="http://evil.example")
    assert answer.status == 403
    answer = server.ask("/login", "POST", form)
    assert answer.status == 302
    assert all("HttpOnly" in cookie and "SameSite=Lax" in cookie for cookie in answer.cookies if "user=" in cookie)
    assert server.ask("/", Cookie=answer.pairs).status == 200
    assert server.ask("/", Cookie='user="2|1:0|10:1|4:user|4:YWRh|abc"').status == 302
    for _ in range(3):
        server.ask("/login", "POST", {"username": "ada", "password": "no"})
    answer = server.ask("/login", "POST", form)
    assert answer.status == 429 and "try again in" in answer.text and int(answer.headers["retry-after"]) >= 1
    time.sleep(int(answer.headers["retry-after"]))
    assert server.ask("/login", "POST", form).status == 302


@pytest.mark.thorough
def test_with_tokens_against_forged_forms_a_login_needs_one_and_its_form_brings_it(serve):
    server = serve("--basic-auth", "sesame", "--enable-xsrf-cookies")
    asked = server.ask("/login")
    token = re.search('name="_xsrf" value="([^"]+)"', asked.text)[1]
    form = {"username": "ada", "password": "sesame"}
    assert server.ask("/login", "POST", form).status == 403
    assert server.ask("/login", "POST", form | {"_xsrf": "forged"}, Cookie=asked.pairs).status == 403
    answer = server.ask("/login", "POST", form | {"_xsrf": token}, Cookie=asked.pairs)
    assert answer.status == 302 and "user=" in answer.pairs
    assert server.ask("/", Cookie=answer.pairs).status == 200


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    line = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
            "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]  # fmt: skip
    try:
        subprocess.run(line, check=True, capture_output=True, timeout=60)
    except FileNotFoundError:
        pytest.skip("openssl is not here to make a certificate")
    return folder


def test_under_tls_cookies_are_secure_and_the_login_page_asks_no_other_host(serve, certificate):
    words = ["--ssl-certfile", str(certificate / "cert.pem"), "--ssl-keyfile", str(certificate / "key.pem")]
    server = serve(*words, "--basic-auth", "sesame", secure=True)
    asked = server.ask("/login").text
    assert "password" in asked.lower() and not re.search("(src|href)=.?https?:", asked)
    answer = server.ask("/login", "POST", {"username": "ada", "password": "sesame"})
    assert answer.status == 302 and all("Secure" in cookie for cookie in answer.cookies)
    page = server.ask("/", Cookie=answer.pairs)
    assert page.status == 200
    assert page.headers["strict-transport-security"].startswith("max-age")
    assert f"wss://127.0.0.1:{server.port}" in page.headers["content-security-policy"]


class Provider(http.server.BaseHTTPRequestHandler):
    """A provider of identities that knows one person, as OAuth has it."""

    def log_message(self, *words):
        pass

    def _say(self, about):
        text = json.dumps(about).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_POST(self):
        given = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        right = given.get("code") == ["good"] and given.get("client_secret") == ["hidden"]
        part = lambda about: base64.urlsafe_b64encode(json.dumps(about).encode()).decode().rstrip("=")  # noqa: E731
        person = f"{part({'alg': 'none'})}.{part({'email': 'ada@example.org', 'sub': '1'})}.c2ln"
        self._say(
            {"access_token": "a", "id_token": person, "expires_in": 3600} if right else {"error": "invalid_grant"}
        )

    def do_GET(self):
        self._say({"email": "ada@example.org", "sub": "1"})


@pytest.fixture
def provider():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_provider_of_identities_opens_the_pages(serve, provider, monkeypatch):
    for name in ("AUTHORIZE", "TOKEN", "USER"):
        monkeypatch.setenv(f"PANEL_OAUTH_{name}_URL", f"{provider}/{name.lower()}")
    words = "--oauth-provider generic --oauth-key key --oauth-secret hidden --cookie-secret cookie"
    server = serve(*words.split(), "--oauth-redirect-uri", "http://127.0.0.1:9")
    login = server.ask("/").headers["location"]
    away = server.ask(login)
    target = urlsplit(away.headers["location"])
    assert f"{target.scheme}://{target.netloc}" == provider
    asked = {name: values[0] for name, values in parse_qs(target.query).items()}
    for code, state, fine in (
        ("good", "forged", False),
        ("bad", asked["state"], False),
        ("good", asked["state"], True),
    ):
        back = server.ask(f"/login?{urlencode({'code': code, 'state': state})}", Cookie=away.pairs)
        assert ("user=" in back.pairs) is fine, (code, state, back.status, back.text[:300])
    assert server.ask("/", Cookie=back.pairs).status == 200


# -- how many come in, and what is whose -------------------------------------------------------------------------


def test_who_finds_all_places_taken_waits_in_a_queue_and_comes_in_by_turn(serve):
    server = serve("--sessions", "1")
    assert server.ask("/").status == 200
    second, third = server.ask("/"), server.ask("/")
    assert second.status == third.status == 503
    assert "number 1 in the queue" in second.text and "number 2 in the queue" in third.text
    assert "number 1 in the queue" in server.ask("/", Cookie=second.pairs).text
    end = time.monotonic() + 60  # nobody has connected for the first page: its place is free again soon
    while (again := server.ask("/", Cookie=second.pairs)).status == 503:
        assert time.monotonic() < end
        assert "number 2 in the queue" in server.ask("/", Cookie=third.pairs).text
        time.sleep(0.5)
    assert again.status == 200
    assert "number 1 in the queue" in server.ask("/", Cookie=third.pairs).text
