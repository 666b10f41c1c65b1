"""Requests that nobody would send: thousands of them, none answered with a 5xx, none with a traceback."""

import asyncio
import random
import re
import socket
from contextlib import suppress

import pytest

REQUESTS = 10_000

PIECES = (
    "/", "/matrix_sensing", "/static/", "js/bokeh.min.js", "/ws", "/autoload.js", "/status", "/login",
    "/components/", "..", "%00", "%ff", "%2e%2e%2f", "//", "\\", "?s=", "?lesson=", "&theme=", "bokeh-session-id=",
    "bokeh-token=", "abc", "x" * 300, "é", "'", '"', "<script>", "{{7*7}}", "${x}", "%", "%zz", ";", "#", "|", "0",
    "-1", "1e999", "null",
)  # fmt: skip
METHODS = ("GET", "GET", "GET", "HEAD", "POST", "PUT", "OPTIONS", "DELETE", "PATCH", "TRACE", "CONNECT", "BREW", "get")
HEADERS = (
    "Host: x", "Host:", "Content-Length: 5", "Content-Length: -1", "Content-Length: 99999999999",
    "Transfer-Encoding: chunked", "Cookie: user=abc; =; ;;", "Cookie: dynascope_visitor=" + "y" * 500,
    "Origin: null", "Origin: http://[", "Upgrade: websocket", "Connection: Upgrade",
    "Sec-WebSocket-Protocol: bokeh, abc", "Sec-WebSocket-Key: x", "Range: bytes=-1", "Accept-Encoding: gzip;q=x",
    "X-Forwarded-For: ' OR 1", "Bokeh-Session-Id: x", "If-Modified-Since: never",
    "Content-Type: multipart/form-data", "Content-Type: application/x-www-form-urlencoded",
    "Authorization: Basic ???", "Expect: 100-continue", ": x", "no colon",
)  # fmt: skip


def request(draw):
    target = "/" + "".join(draw.choices(PIECES, k=draw.randrange(4))) if draw.random() < 0.95 else draw.choice(PIECES)
    lines = [
        f"{draw.choice(METHODS)} {target.replace(' ', '')} HTTP/{draw.choice(['1.1', '1.1', '1.0', '9'])}",
        "Host: a",
    ]
    lines += draw.choices(HEADERS, k=draw.randrange(3))
    body = draw.choice(["", "", "a=b", "{}", "\0\1\2", "--x\r\n\r\n"])
    return ("\r\n".join([*lines, "Connection: close", "", ""]) + body).encode("utf-8", "replace")


async def answer(port, raw, whole=True):
    """The status; 0 where the connection is closed without one, or nothing is answered.

    Where more is to come, as the head says, the connection stays open: a server may close one that ended unanswered.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(raw)
        with suppress(OSError, TimeoutError):
            if whole:
                writer.write_eof()
            head = await asyncio.wait_for(reader.read(300), 30)
            found = re.match(rb"HTTP/1\.\d (\d+)", head)
            return int(found[1]) if found else 0
        return 0
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def answers(port, requests, at_once=16):
    places = asyncio.Semaphore(at_once)

    async def one(raw):
        async with places:
            return await answer(port, raw)

    return await asyncio.gather(*map(one, requests))


def statuses(server, count, seed=0):
    draw = random.Random(seed)
    requests = [request(draw) for _ in range(count)]
    found = asyncio.run(answers(server.port, requests))
    return list(zip(requests, found, strict=True))


def check(found):
    wrong = [(raw[:200], status) for raw, status in found if status >= 500 and status not in (501, 505)]
    assert not wrong, wrong[:3]
    assert (
        sum(status in (200, 302) for _, status in found)
        > 0
        < sum(status in (400, 403, 404, 405) for _, status in found)
    )


def test_requests_that_make_no_sense_are_refused(server):
    check(statuses(server, 500))


@pytest.mark.thorough
def test_ten_thousand_of_them_are(server):
    check(statuses(server, REQUESTS, seed=1))


def test_a_request_that_is_too_large_is_refused_by_its_head(server):
    raw = f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Length: {2**20 + 1}\r\n\r\n"
    assert asyncio.run(answer(server.port, raw.encode(), whole=False)) == 400


@pytest.mark.thorough
def test_a_connection_that_says_nothing_or_half_of_something_is_closed_after_a_minute(server):
    whole = b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"
    slow = [socket.create_connection(("127.0.0.1", server.port), timeout=90) for _ in range(3)]
    for each, said in zip(slow, (b"", whole[:30], whole), strict=True):
        each.sendall(said)
    for each in slow:
        while each.recv(1000):
            pass
        each.close()


def test_a_connection_that_says_nothing_holds_up_nobody(server):
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(50)]
    silent[0].send(b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ")
    assert server.ask("/status").status == 200
    for each in silent:
        each.close()
