"""Messages of a socket that no page would send, to what is on a page: none is answered or logged with a traceback."""

import asyncio
import base64
import gzip
import json
import random
import re
import struct
from contextlib import suppress
from pathlib import Path

import pytest
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClosedError, websocket_connect

from tests.faults.test_strangers import token_of

MESSAGES = 500
"""Messages to a page with a lab on it; a connection takes up to 250 of them."""


class Page:
    """One page without a browser: what was said to it, and the models that it was told of, with their properties."""

    def __init__(self):
        self.said, self.models = [], {}

    async def open(self, server, path, greetings=("PULL-DOC-REQ",)):
        """Connect, and have the page made."""
        page = await asyncio.to_thread(server.ask, path)
        address = f"ws://127.0.0.1:{server.port}{path.rstrip('/')}/ws"
        self.socket = await websocket_connect(address, subprotocols=["bokeh", token_of(page.text)],
                                              max_message_size=2**28)  # fmt: skip
        await self.socket.read_message()  # that it is connected: nothing is read before
        self.heard = asyncio.create_task(self._listen())
        for kind in greetings:
            await self.send(kind, {})
        return self

    async def send(self, kind, content):
        for part in ({"msgid": "1", "msgtype": kind}, {}, content):
            await self.socket.write_message(json.dumps(part))

    async def event(self, name, **values):
        told = {"type": "event", "name": name, "values": {"type": "map", "entries": list(map(list, values.items()))}}
        await self.send("PATCH-DOC", {"events": [{"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": told}]})

    async def shown(self):
        """Wait until what the page is for is on it."""
        async with asyncio.timeout(60):
            while len(self.models) < 5:
                await asyncio.sleep(0.02)
        empty = known = len(self.models)
        await self.event("document_ready")
        async with asyncio.timeout(60):
            while known == empty or known < len(self.models):
                known = len(self.models)
                await asyncio.sleep(0.5)
        return self

    async def close(self):
        self.socket.close()
        await self.heard

    async def _listen(self):
        while (text := await self.socket.read_message()) is not None:
            if isinstance(text, str):
                self.said.append(text)
                self._collect(json.loads(text))

    def _collect(self, value):
        if isinstance(value, dict) and value.get("type") == "object" and "id" in value:
            self.models[value["id"]] = list(value.get("attributes") or {})
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            self._collect(inner)


TEXTS = ("", "x", "nan", "9" * 400, "x" * 5000, "é\0", "<b>", "../../etc/passwd", "\u202e", "eta", "seed", "P0", "loss")
NUMBERS = (0, -1, 0.5, 10**9, 10**25, 1e308, *({"type": "number", "value": name} for name in ("nan", "+inf", "-inf")))
STRANGE = (
    {"type": "ndarray", "array": ["a"] * 4, "shape": [4], "dtype": "S100000000", "order": "little"},
    {"type": "ndarray", "array": {"type": "bytes", "data": "AAAA"}, "shape": [9], "dtype": "int8", "order": "little"},
    {"type": "bytes", "data": "!!"}, {"type": "slice", "start": 0, "stop": None, "step": 0}, {"type": "x"},
    {"type": "set", "entries": [[1], {}]}, {"type": "object", "name": "CustomJS", "id": "q", "attributes": {"code": 1}},
    {"type": "object", "name": "os.system", "id": "r"}, {"id": "nobody"}, None, True,
)  # fmt: skip
WORDS = (
    "do", "knob", "value", "final", "ack", "key", "idle", "hidden", "visit", "ticket", "option", "pick", "bands",
    "seeds", "spread", "kind", "piece", "size", "use", "restore", "go", "choose", "name", "text", "names", "first",
    "count", "type", "msg", "data", "id", "item", "index",
)  # fmt: skip
ORDERS = ("undo", "step", "toggle", "scrub", "speed", "branch", "pin", "device", "action", "export", "keep", "open",
          "delete", "restore", "find", "rename", "compare", "click", "close")  # fmt: skip
EVENTS = ("data_event", "data_event", "data_event", "esm_event", "dom_event", "button_click", "tap", "rangesupdate",
          "selectiongeometry", "scroll_button_click", "cell-click", "document_ready", "nothing")  # fmt: skip


def value(draw, depth=2):
    simple = draw.choice([draw.choice(TEXTS), draw.choice(NUMBERS), draw.choice(WORDS), draw.choice(STRANGE)])
    if depth == 0 or draw.random() < 0.5:
        return simple
    inner = [value(draw, depth - 1) for _ in range(draw.randrange(4))]
    names = draw.sample(WORDS, len(inner))
    return draw.choice([inner, {"type": "map", "entries": list(map(list, zip(names, inner, strict=True)))}])


def change(draw, models):
    """A change of a document: of properties and data of its models, of its roots, or an event of one of them."""
    which, named = {"id": draw.choice([*models])}, draw.random() < 0.95
    match draw.randrange(8):
        case 0 | 1 | 2:
            entries = [[name, value(draw)] for name in draw.sample(WORDS, draw.randrange(3))]
            data = {"type": "map", "entries": [*entries, ["do", draw.choice(ORDERS)]]}
            values = [["model", which if named else value(draw, 0)], ["data", data if named else value(draw)],
                      ["node", draw.choice(WORDS)]]  # fmt: skip
            told = {"type": "event", "name": draw.choice(EVENTS), "values": {"type": "map", "entries": values}}
            return {"kind": "MessageSent", "msg_type": draw.choice(["bokeh_event"] * 9 + ["x"]), "msg_data": told}
        case 3:
            kind = draw.choice(["ColumnDataChanged", "ColumnsStreamed", "ColumnsPatched"])
            return {"kind": kind, "model": which, "attr": "data", "data": value(draw), "cols": None, "rollover": 1,
                    "patches": value(draw)}  # fmt: skip
        case 4:
            kind = draw.choice(["RootAdded", "RootRemoved", "TitleChanged", "None", ""])
            return {"kind": kind, "model": value(draw), "title": value(draw)}
        case _:
            attributes = models[which["id"]]
            name = draw.choice(attributes) if attributes and named else draw.choice(WORDS)
            return {"kind": "ModelChanged", "model": which, "attr": name, "new": value(draw)}


async def noise(server, path, count, seed):
    """Send messages to a page, to another one wherever a connection was closed; returns what was answered."""
    draw, said, left = random.Random(seed), [], count
    while left > 0:
        page = await (await Page().open(server, path)).shown()
        with suppress(WebSocketClosedError, StreamClosedError):
            for _ in range(min(left, MESSAGES // 2)):
                left -= 1
                content = {"events": [change(draw, page.models)]} if draw.random() < 0.95 else value(draw)
                await page.send(draw.choice(["PATCH-DOC"] * 19 + ["PUSH-DOC", "OK", "X", ""]), content)
                await asyncio.sleep(0.001)
            await asyncio.sleep(1)  # changes are taken up a moment later
        await page.close()
        said += page.said
    return said


@pytest.mark.parametrize(
    ("path", "count", "seed"),
    [("/matrix_sensing", MESSAGES, 0)]
    + [pytest.param(path, 2 * MESSAGES, 1, marks=pytest.mark.thorough)
       for path in ("/", "/library", "/sweeps", "/matrix_sensing", "/loss_landscape")],
)  # fmt: skip
def test_messages_that_make_no_sense_are_answered_in_words_or_not_at_all(server, path, count, seed):
    said = asyncio.run(noise(server, path, count, seed))
    assert not [text for text in said if re.search(r"Traceback|site-packages|File \"", text)]
    assert server.ask("/status").status == 200


def peak(server):
    """The most bytes that a server has taken since `forget`."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return 1024 * int(re.search(r"VmHWM:\s+(\d+)", status)[1])


def unpacks_to_much():
    small = base64.b64encode(gzip.compress(bytes(2**28), 9)).decode()
    return [{"type": "bytes", "data": small}]


def is_as_long_as_it_says():
    return [{"type": "ndarray", "array": ["a"] * 4, "shape": [4], "dtype": "S100000000", "order": "little"}]


@pytest.mark.parametrize("make", [unpacks_to_much, is_as_long_as_it_says])
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="this system does not say how much was taken")
def test_a_message_takes_no_more_memory_than_its_length(server, make):
    async def send(values):
        page = await (await Page().open(server, "/")).shown()
        Path(f"/proc/{server.process.pid}/clear_refs").write_text("5")
        before = peak(server)
        told = {"new": values, "kind": "ModelChanged", "model": {"id": next(iter(page.models))}, "attr": "tags"}
        heard = len(page.said)
        await page.send("PATCH-DOC", {"events": [told]})
        while not any("reqid" in text for text in page.said[heard:]):  # it is answered once it has been looked at
            await asyncio.sleep(0.05)
        await page.close()
        return peak(server) - before

    assert asyncio.run(asyncio.wait_for(send(make()), 60)) < 100 * 2**20


def test_parts_of_a_message_are_no_larger_together_than_one_may_be(server):
    async def send():
        page = await Page().open(server, "/", greetings=())
        with suppress(WebSocketClosedError, StreamClosedError):
            await page.socket.write_message(json.dumps({"msgid": "1", "msgtype": "PATCH-DOC", "num_buffers": 99}))
            for part in ("{}", '{"events": []}'):
                await page.socket.write_message(part)
            for _ in range(8):
                await page.socket.write_message('{"id": "0"}')
                await page.socket.write_message(bytes(2**20), binary=True)
        await asyncio.wait_for(page.heard, 30)
        code = page.socket.close_code
        await page.close()
        return code

    assert asyncio.run(send()) == 1009


def test_a_message_that_is_too_large_ends_its_connection_alone(server):
    async def send():
        page = await asyncio.to_thread(server.ask, "/")
        connection = await websocket_connect(
            f"ws://127.0.0.1:{server.port}/ws", subprotocols=["bokeh", token_of(page.text)]
        )
        # Its head alone: a server that is still being sent to can only hang up, and its reason is lost on the way.
        head = struct.pack("!BBQ", 0x81, 0x80 | 127, 3 * 2**20) + b"mask"
        await connection.protocol.stream.write(head)
        while await asyncio.wait_for(connection.read_message(), 30) is not None:
            pass
        connection.close()
        return connection.close_code

    assert asyncio.run(send()) == 1009
    assert server.ask("/").status == 200
