"""Decides what may come in from outside: addresses, messages, and strangers to a window.

`install` puts the rules before those of Panel and Bokeh, which would take all of it at its word; a
`StrangerMatcher` keeps a server to the one window that it was started for.
"""

from __future__ import annotations

import logging
import re
import secrets
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlencode, urlsplit

from bokeh.core.serialization import Deserializer
from bokeh.protocol.exceptions import ProtocolError
from bokeh.server.protocol_handler import ProtocolHandler
from bokeh.server.tornado import BokehTornado
from bokeh.server.views.ico_handler import IcoHandler
from bokeh.server.views.multi_root_static_handler import MultiRootStaticHandler
from bokeh.server.views.static_handler import StaticHandler
from bokeh.server.views.ws import WSHandler
from bokeh.util.token import check_token_signature, get_session_id, get_token_payload
from panel.io.resources import COMPONENT_PATH
from panel.io.server import AutoloadJsHandler, DocHandler, RootHandler
from panel.io.server import WSHandler as PanelWSHandler
from tornado.httputil import HTTPServerRequest
from tornado.routing import Matcher, PathMatches, Rule
from tornado.web import ErrorHandler, RedirectHandler, RequestHandler

from dashboard.server import browser_faults, cached_answers, response_headers, visitors

log = logging.getLogger(__name__)

ENTER = "enter"
"""The address that takes the token of a window."""

OWN_APP = Path(__file__).parent.parent / "app.py"

OWN_PARAMETERS = ("bokeh-autoload-element", "bokeh-app-path", "bokeh-absolute-url")
"""Parameters with which a page of someone else's asks for `autoload.js`; a session is not chosen by an address."""

SAFE = re.compile(r"[\w./:?&=%~+-]*")
"""Characters of these parameters, which Bokeh writes into the text of a script."""

ALLOWED: set[type[RequestHandler]] = {
    AutoloadJsHandler, DocHandler, ErrorHandler, IcoHandler, MultiRootStaticHandler, PanelWSHandler, RedirectHandler,
    RootHandler, StaticHandler, WSHandler,
}  # fmt: skip
"""Handlers that requests get through to; all others of Panel and Bokeh do not exist here."""

NO_PAGES: dict[str, type[RequestHandler]] = {}
"""Addresses that are no pages, with what answers there, in whatever way the pages are served."""

VIOLATION = 1002
"""The code with which a socket is closed that sends no messages of Bokeh's."""

TOO_LARGE = 1009
"""The code with which a socket is closed that sends too much."""


SENT_BY_PAGES = ("PULL-DOC-REQ", "PATCH-DOC", "SERVER-INFO-REQ")
"""Kinds of messages that a page sends; what a program of Bokeh's could send besides, nobody needs here."""

BROWSER_TYPES = ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "float32", "float64", "object")
"""Types of arrays that a browser has."""


class Refusal(NamedTuple):
    """The answer to a request that is not passed on."""

    status: int
    reason: str


NOWHERE = Refusal(404, "There is no such address.")


class RefusalHandler(RequestHandler):
    """Gives a refusal as the answer."""

    def initialize(self, refusal: Refusal) -> None:
        """Choose the answer."""
        self._refusal = refusal

    def prepare(self) -> None:
        """Answer every method alike."""
        self.set_status(self._refusal.status)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(self._refusal.reason)


def refusal(request: HTTPServerRequest, server: BokehTornado) -> Refusal | None:
    """Return why a request goes no further; None where it is passed on to Panel's, Bokeh's and our own rules."""
    if "\0" in unquote(request.path):
        return Refusal(400, "There is no such address.")
    if request.host.count(":") > 1:
        return Refusal(400, "Pages are reached by a name or an IPv4 address: Panel reads no IPv6 address.")
    if request.path.startswith(f"{server.prefix}/{COMPONENT_PATH}"):
        # Panel would import whatever module is named there. None of our pages asks for anything below it.
        return NOWHERE
    if request.method not in ("GET", "HEAD", "OPTIONS") and not _from_here(request, server):
        return Refusal(403, "This is asked by a page of another origin.")
    if request.method == "OPTIONS" and "Origin" not in request.headers:
        return Refusal(400, "This is asked by pages of other origins, which say theirs.")
    if request.headers.get("Upgrade") and request.path.endswith("/ws"):
        token = request.headers.get("Sec-WebSocket-Protocol", "").removeprefix("bokeh,").strip()
        return None if _admits(token, server) else Refusal(403, "The page is too old, or not of this server.")
    return _bad_parameter(request, server)


def _from_here(request: HTTPServerRequest, server: BokehTornado) -> bool:
    """Whether no other page's script or form sends this; a browser says where it comes from, a program need not."""
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site", "same-origin")
    return site in ("same-origin", "none") and (origin is None or _is_own_address(origin, request, server))


def _admits(token: str, server: BokehTornado) -> bool:
    """Check that a token is one that this server could have given, and not expired."""
    try:
        name, expiry = get_session_id(token), get_token_payload(token)["session_expiry"]
        mine = check_token_signature(token, server.secret_key, server.sign_sessions)
        return mine and isinstance(name, str) and bool(name) and time.time() < expiry
    except Exception:  # base64, UTF-8, zlib, JSON, missing names, other types: all of it was sent to us
        return False


def _bad_parameter(request: HTTPServerRequest, server: BokehTornado) -> Refusal | None:
    given = [name for name in request.arguments if name.startswith("bokeh-")]
    embeds = request.path.endswith("/autoload.js")
    if "Bokeh-Session-Id" in request.headers or (given and not (embeds and set(given) <= set(OWN_PARAMETERS))):
        return Refusal(400, "A session is not chosen by an address.")
    texts = [value.decode("utf-8", "replace") for name in given for value in request.arguments[name]]
    if not all(map(SAFE.fullmatch, texts)):
        return Refusal(400, "An embedded page is named by letters, digits and signs of an address.")
    # A page takes its scripts from the address that is given here: it must be ours.
    for value in request.arguments.get("bokeh-absolute-url", []):
        if not _is_own_address(value.decode("utf-8", "replace"), request, server):
            return Refusal(400, "bokeh-absolute-url is not an address of this server.")
    if not all(map(_is_text, request.arguments.get("theme", []))):  # the one name of a page that Panel reads itself
        return Refusal(400, "theme is no text.")
    return None


def _is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_own_address(address: str, request: HTTPServerRequest, server: BokehTornado) -> bool:
    try:
        url = urlsplit(address)
    except ValueError:
        return False
    return url.scheme in ("http", "https") and url.netloc in {request.host, *server.websocket_origins}


async def _embed(handler: AutoloadJsHandler, *arguments: Any, **options: Any) -> None:
    """Answer a page of someone else's that embeds ours: Panel would send a stranger to a login, and fail."""
    if handler.current_user:
        return await handler._unchecked(*arguments, **options)  # type: ignore[attr-defined]
    handler.set_status(403)
    handler.finish("Only who has logged in can embed this page.")


# -- messages -------------------------------------------------------------------------------------------------


async def _receive(socket: WSHandler, fragment: str | bytes) -> Any:
    """Receive a whole message, or None; a socket that sends anything else, or more than it may, is closed."""
    came = len(fragment if isinstance(fragment, bytes) else fragment.encode())  # a character has up to four bytes
    size = getattr(socket, "size_so_far", 0) + came  # Tornado looks at each part of a message by itself
    if size > socket.max_message_size:
        return socket.close(TOO_LARGE, "this message is too large")
    try:
        message = await socket.receiver.consume(fragment)  # type: ignore[union-attr]
    except Exception as error:
        log.warning("a page's message could not be read (%s): its connection is closed", type(error).__name__)
        return socket.close(VIOLATION, "this is no message of a page")
    socket.size_so_far = 0 if message else size  # type: ignore[attr-defined]
    return message


def _close_lost(socket: WSHandler) -> None:
    """Close a connection; of one whose session has ended there is nothing to be told."""
    if socket.connection is not None and socket.connection._session is None:
        return socket.application.client_lost(socket.connection)  # type: ignore[attr-defined]
    socket._lose_session()  # type: ignore[attr-defined]


async def _handle(handler: ProtocolHandler, message: Any, connection: Any) -> Any:
    """Answer a message; where it cannot be carried out, with a sentence that tells nothing of this machine."""
    if connection._session is None:  # what a closed tab had sent before is of no use to anybody
        return None
    try:
        return await _handler(handler, message)(message, connection)
    except Exception as error:
        log.warning("a page's message could not be carried out (%s)", type(error).__name__)
        log.debug("that message", exc_info=True)
    return connection.error(message, "this message could not be carried out")  # out here, where no traceback is


def _handler(handler: ProtocolHandler, message: Any) -> Any:
    handle = handler._handlers.get(message.msgtype)
    if handle is None or message.msgtype not in SENT_BY_PAGES:
        raise ProtocolError(f"{message.msgtype} is not for a server")
    return handle


def _decode_bytes(reader: Deserializer, about: Any) -> Any:
    """Read bytes that came beside a message. A page sends none within it, where a few would unpack to gigabytes."""
    if not isinstance(about["data"], dict):
        reader.error("bytes come beside a message")
    return reader._bytes_unchecked(about)  # type: ignore[attr-defined]


def _decode_array(reader: Deserializer, about: Any) -> Any:
    """Read an array of a type that a browser has: texts of any length would take as much of any length."""
    if about["dtype"] not in BROWSER_TYPES:
        reader.error("a browser has no arrays of this type")
    return reader._array_unchecked(about)  # type: ignore[attr-defined]


# -- one window ----------------------------------------------------------------------------------------------

STRANGER = Refusal(403, "This page belongs to the window of Dynascope that it was started for.")


class StrangerMatcher(Matcher):
    """Finds strangers: requests without the cookie, which is given once, to whoever brings a token first.

    Other programs and users of this machine can reach the port, too; whatever they ask for, they get 403.
    """

    def __init__(self) -> None:
        self._token = ""
        self._secret = secrets.token_urlsafe()
        # Browsers send a cookie to every port of a machine: two servers must not take each other's.
        self.cookie = f"dynascope_{secrets.token_hex(4)}"

    def invite(self, page: str) -> str:
        """Make an address that opens the door once and leads to `page`; an earlier invitation is void."""
        self._token = secrets.token_urlsafe()
        return f"/{ENTER}?{urlencode({'token': self._token, 'to': page})}"

    def redeem(self, token: str) -> str:
        """Give the cookie's value for the token, which is void from then on; "" for any other text."""
        if not self._token or not _same(token, self._token):
            return ""
        self._token = ""
        return self._secret

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """Answer Tornado, which asks whom a rule concerns: {} for a stranger, None for the window."""
        given = request.cookies.get(self.cookie)
        return None if given and _same(given.value, self._secret) else {}

    def rules(self) -> list[Rule]:
        """Make the rules that go before all others of a server: pages, sockets and files are behind them."""
        enter = Rule(PathMatches(f"/{ENTER}"), TokenHandler, {"guard": self})
        return [enter, Rule(self, RefusalHandler, {"refusal": STRANGER})]


def _same(given: str, expected: str) -> bool:
    return secrets.compare_digest(given.encode(), expected.encode())


class TokenHandler(RefusalHandler):
    """Takes a token: gives the cookie for it and goes on to the page; else 403."""

    def initialize(self, guard: StrangerMatcher) -> None:  # type: ignore[override]
        """Name the guard whose token it is."""
        super().initialize(STRANGER)
        self._guard = guard

    def prepare(self) -> None:
        """Answer every method alike: a token is for one request of any kind."""
        secret = self._guard.redeem(self.get_argument("token", ""))
        if not secret:
            return super().prepare()
        self.set_cookie(self._guard.cookie, secret, httponly=True, samesite="Strict")
        self.redirect("/" + self.get_argument("to", "").lstrip("/\\"))


# -- the rules take effect -------------------------------------------------------------------------------------


def allow(*handlers: type[RequestHandler]) -> None:
    """Let requests through to more handlers than those that pages need."""
    ALLOWED.update(handlers)


def answer_at(addresses: Mapping[str, type[RequestHandler]]) -> None:
    """Have addresses answered that are no pages: `panel serve` takes no rules of ours."""
    NO_PAGES.update(addresses)


def install() -> None:
    """Put these rules before all others in each server of this process, also in one that runs already."""
    from dashboard.server import logins  # not above: it imports the module that imports this one

    response_headers.install()
    logins.install()
    cached_answers.install()
    browser_faults.install()
    if not hasattr(BokehTornado, "_unchecked"):
        BokehTornado._unchecked = BokehTornado.find_handler  # type: ignore[attr-defined]
        AutoloadJsHandler._unchecked = AutoloadJsHandler.get  # type: ignore[attr-defined]
        WSHandler._lose_session = WSHandler.on_close  # type: ignore[attr-defined]
        Deserializer._bytes_unchecked = Deserializer._decode_bytes  # type: ignore[attr-defined]
        Deserializer._array_unchecked = Deserializer._decode_ndarray  # type: ignore[attr-defined]
    BokehTornado.find_handler = _find_handler  # type: ignore[method-assign]
    AutoloadJsHandler.get = _embed  # type: ignore[method-assign]
    WSHandler._receive = _receive  # type: ignore[method-assign]
    WSHandler.on_close = _close_lost  # type: ignore[method-assign]
    ProtocolHandler.handle = _handle  # type: ignore[method-assign]
    Deserializer._decode_bytes = _decode_bytes  # type: ignore[method-assign]
    Deserializer._decode_ndarray = _decode_array  # type: ignore[method-assign]


def _find_handler(server: BokehTornado, request: HTTPServerRequest, **options: Any) -> Any:
    if not server.sign_sessions:  # however it was started: nobody else can make a session's name
        server._secret_key, server._sign_sessions = secrets.token_bytes(32), True
    path, mark, query = request.uri.partition("?") if request.uri else ("", "", "")
    request.uri = path + mark + query.replace("?", "%3F")  # Panel takes an address with two question marks for none
    refused = refusal(request, server)
    if refused:
        return server.get_handler_delegate(request, RefusalHandler, {"refusal": refused})
    passed = server._unchecked(request, **options)  # type: ignore[attr-defined]
    kind = getattr(passed, "handler_class", None)
    if kind in (None, ErrorHandler, server.settings.get("default_handler_class")):  # no page has this address
        ours = NO_PAGES.get(request.path.removeprefix(server.prefix))
        if ours and request.path.startswith(server.prefix):
            return server.get_handler_delegate(request, ours)
    if kind is not None and not _allowed(kind):
        return server.get_handler_delegate(request, RefusalHandler, {"refusal": NOWHERE})
    if kind is DocHandler:
        position = _position(request, server)
        if position:
            return server.get_handler_delegate(request, visitors.QueueHandler, {"position": position})
    return passed


def _allowed(kind: type[RequestHandler]) -> bool:
    """Whether a handler is one of pages, of files that they load, of logins, or one that was named as ours."""
    return kind in ALLOWED or kind.__module__ == "panel.auth" or kind.__module__.startswith("dashboard.")


def _position(request: HTTPServerRequest, server: BokehTornado) -> int:
    """Return the visitor's place in the queue for a page; 0 where there is none."""
    visitor = visitors.name_of(request) or visitors.introduce(request)
    return visitors.QUEUE.position(visitor, visitors.sessions(server))


def __getattr__(name: str) -> Any:
    # Not imported above: Panel's module asks for it while it is being imported itself.
    if name == "PasswordLoginHandler":
        from panel.auth import PasswordLoginHandler

        return PasswordLoginHandler
    raise AttributeError(name)


# `panel serve` runs our page only once somebody asks for it. It loads providers of logins before that, and this
# module is named as one of them (pyproject.toml): so the rules stand from the first request on.
if any(word.endswith("app.py") and Path(word).resolve() == OWN_APP.resolve() for word in sys.argv):
    install()
