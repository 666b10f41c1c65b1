"""Visitors without a browser: they open pages, answer as a browser does, and time the way there and back.

`python -m benchmarks.visitor ADDRESS PATH COUNT SECONDS OVER`: `COUNT` visitors arrive over `OVER` seconds, stay
`SECONDS` after the last came, and leave; with `shown` as one word more each as soon as its lab is shown, with `told`
all when standard input ends. Prints one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from statistics import median
from typing import Any

from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClosedError, websocket_connect

SIGN = 1.0
"""Seconds between two signs that a page is there."""

A_LAB = 100_000
"""Characters of a message that brings a lab; none before it has so many."""


class Visitor:
    """One open page."""

    def __init__(self, leaves_when_shown: bool = False) -> None:
        self.shown = asyncio.Event()
        """Its lab has come."""
        self._leaves_when_shown = leaves_when_shown
        self.trips: list[float] = []
        self.messages = self.bytes = 0
        self.dropped = self.connected = False
        self._socket: Any = None
        self._bridge = ""
        self._sent: dict[str, float] = {}
        self._count = 0
        self._leaves = False

    async def visit(self, address: str, path: str, until: asyncio.Event) -> None:
        """Open a page, and keep it open until the visit is over."""
        page = await asyncio.to_thread(_get, address + path)
        token = re.search(r'"token":\s*"([^"]+)"', page)
        if not token:
            self.dropped = True
            return
        where = f"ws{address[4:]}{path.partition('?')[0].rstrip('/')}/ws"
        self._socket = await websocket_connect(where, subprotocols=["bokeh", token[1]], max_message_size=2**28)
        self.connected = True
        reader = asyncio.create_task(self._read())
        while not self.messages and not reader.done():  # what comes before the server's greeting is not read
            await asyncio.sleep(0.02)
        await self._send("PULL-DOC-REQ", {})
        while not self._bridge and not reader.done():
            await asyncio.sleep(0.05)
        await self._event({"type": "event", "name": "document_ready", "values": {"type": "map", "entries": []}})
        while not until.is_set() and not self.dropped and not (self._leaves_when_shown and self.shown.is_set()):
            await self._sign()
            with suppress(TimeoutError):
                await asyncio.wait_for((self.shown if self._leaves_when_shown else until).wait(), SIGN)
        self._leaves = True
        await self._sign(hidden=True, gone=True)  # as a browser says when its tab is closed
        self._socket.close()
        await reader

    async def _sign(self, **more: bool) -> None:
        # The server takes no more answers than it asked for.
        signs = {"hidden": False, "idle": 0, "ack": 10**9} | more
        values = {"type": "map", "entries": [list(each) for each in signs.items()]}
        entries = [["model", {"id": self._bridge}], ["data", values]]
        event = {"type": "event", "name": "data_event", "values": {"type": "map", "entries": entries}}
        with suppress(WebSocketClosedError, StreamClosedError):
            await self._event(event)

    async def _event(self, event: Any) -> None:
        told = {"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": event}
        await self._send("PATCH-DOC", {"events": [told]})

    async def _send(self, kind: str, content: Any) -> None:
        self._count += 1
        name = str(self._count)
        self._sent[name] = time.perf_counter()
        for part in ({"msgid": name, "msgtype": kind}, {}, content):
            await self._socket.write_message(json.dumps(part))

    async def _read(self) -> None:
        """Read frames: a header says how many buffers, two frames each, follow the content."""
        while (header := await self._frame()) is not None:
            about = json.loads(header)
            await self._frame()
            content = await self._frame()
            for _ in range(2 * about.get("num_buffers", 0)):
                await self._frame()
            self.messages += 1
            if self._bridge and len(content or "") > A_LAB:
                self.shown.set()
            asked = self._sent.pop(about.get("reqid"), None)
            if asked is not None and about["msgtype"] == "OK":
                self.trips.append(time.perf_counter() - asked)
            if about["msgtype"] == "PULL-DOC-REPLY":
                self._bridge = next(_bridges(json.loads(content or "{}")), "none")
        self.dropped = not self._leaves

    async def _frame(self) -> Any:
        found = await self._socket.read_message()
        self.bytes += len(found or "")
        return found


def _get(address: str) -> str:
    return urllib.request.urlopen(address, timeout=120).read().decode()


def _bridges(value: Any) -> Iterator[str]:
    """Find the component that paces what is sent: it has a `tick`."""
    if isinstance(value, dict):
        attributes = value.get("attributes")
        if isinstance(attributes, dict) and attributes.get("class_name") == "Bridge":
            yield value["id"]
        for each in value.values():
            yield from _bridges(each)
    elif isinstance(value, list):
        for each in value:
            yield from _bridges(each)


async def visits(
    address: str, path: str, count: int, seconds: float, over: float, leave_when: str = ""
) -> list[Visitor]:
    """Have visitors arrive one after another, stay for a while, and leave together, or each when its lab is shown."""
    visitors, end = [Visitor(leave_when == "shown") for _ in range(count)], asyncio.Event()
    tasks = []
    for visitor in visitors:
        tasks.append(asyncio.create_task(visitor.visit(address, path, end)))
        await asyncio.sleep(over / count)
    while not all(visitor.connected or visitor.dropped for visitor in visitors):
        await asyncio.sleep(0.1)
    for visitor in visitors:
        visitor.trips.clear()
    if leave_when == "shown":
        await asyncio.wait(tasks, timeout=seconds)
    else:
        if leave_when == "told":
            asyncio.get_running_loop().add_reader(sys.stdin, end.set)
        with suppress(TimeoutError):
            await asyncio.wait_for(end.wait(), seconds)
    end.set()
    await asyncio.gather(*tasks)
    return visitors


def main() -> None:
    """Visit, and print what came of it."""
    address, path, count, seconds, over, *when = sys.argv[1:]
    found = asyncio.run(visits(address, path, int(count), float(seconds), float(over), *when))
    trips = sorted(trip for visitor in found for trip in visitor.trips)
    quarter = max(1, len(found[0].trips) // 4)
    about = {
        "dropped": sum(visitor.dropped for visitor in found),
        "trips": len(trips),
        "median_ms": 1000 * trips[len(trips) // 2] if trips else None,
        "p95_ms": 1000 * trips[int(0.95 * len(trips))] if trips else None,
        "first_ms": 1000 * median(found[0].trips[:quarter] or [0]),
        "last_ms": 1000 * median(found[0].trips[-quarter:] or [0]),
        "bytes": sum(visitor.bytes for visitor in found),
        "shown": sum(visitor.shown.is_set() for visitor in found),
        "quiet": sum(visitor.messages < 5 for visitor in found),
    }
    print(json.dumps(about))


if __name__ == "__main__":
    main()
