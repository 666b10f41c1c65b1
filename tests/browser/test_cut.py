"""A page that loses its connection comes back to what it had open; a proxy between browser and server cuts it."""

import asyncio
import contextlib
import subprocess
import sys
import threading

import pytest

from tests.browser.conftest import ROOT, Page, until
from tests.browser.test_installed import reached
from tests.faults.test_strangers import free_port

LAB = "/matrix_sensing"


class Proxy:
    """Passes bytes on between a browser and a server, until it is cut."""

    def __init__(self, server):
        self.loop, self.open = asyncio.new_event_loop(), True
        self._writers, self._port = set(), int(server.rpartition(":")[2])
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        begun = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._serve, "127.0.0.1", 0), self.loop)
        self._listener = begun.result(10)
        self.address = f"http://127.0.0.1:{self._listener.sockets[0].getsockname()[1]}"

    async def _serve(self, reader, writer):
        if not self.open:
            return writer.close()
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers |= {writer, back}
        await asyncio.gather(self._pass(reader, back), self._pass(there, writer))

    async def _pass(self, reader, writer):
        with contextlib.suppress(OSError):
            while data := await reader.read(2**16):
                writer.write(data)
                await writer.drain()
        writer.close()
        self._writers.discard(writer)

    def cut(self):
        self.open = False
        self.loop.call_soon_threadsafe(lambda: [writer.transport.abort() for writer in list(self._writers)])

    def close(self):
        asyncio.run_coroutine_threadsafe(self._end(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()

    async def _end(self):
        self.open = False
        self._listener.close()
        for writer in list(self._writers):
            writer.transport.abort()  # what reads from them ends by itself
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)


@pytest.fixture
def proxy(server):
    made = Proxy(server)
    yield made
    made.close()


@pytest.fixture
def lab(chromium, proxy):
    page = Page(chromium, proxy.address)
    yield page
    page.close()


def marked(page):
    """Whether a page is the one that was marked, and was not loaded again."""
    return page.ask("globalThis.before === true")


def cut_and_come_back(lab, proxy):
    lab.ask("globalThis.before = true")
    proxy.cut()
    assert lab.says("The connection to the server is lost.")
    lab.view.wait_for_timeout(1000)
    assert marked(lab), "nothing is loaded again from a server that cannot be reached"
    with lab.view.expect_navigation(timeout=30_000):
        proxy.open = True
    lab.ready()
    until(lambda: lab.ask("sessionStorage.length") == 0)
    assert "back" not in lab.ask("location.search")


def test_a_page_that_was_cut_off_comes_back_to_what_was_on_it(lab, proxy):
    lab.open(LAB).ready().pause()
    lab.type("η", "0.11")
    lab.pause()
    lab.view.keyboard.press("Home")
    until(lambda: lab.shown_step() == 0)
    before = lab.curve()
    cut_and_come_back(lab, proxy)
    assert lab.curve() == before and lab.shown_step() == 0
    assert lab.view.get_by_label("η, exact value", exact=True).input_value() == "0.11"


@pytest.fixture
def panel_serve():
    """The program under Panel's own command."""
    port = free_port()
    line = [sys.executable, "-m", "panel", "serve", "dashboard/app.py", "--port", str(port)]
    line += ["--allow-websocket-origin", "*"]  # the proxy has another port
    process = subprocess.Popen(line, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        until(lambda: reached(f"http://127.0.0.1:{port}/app"), 60)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.thorough
def test_a_page_comes_back_under_panels_own_command_too(chromium, panel_serve):
    proxy = Proxy(panel_serve)
    page = Page(chromium, proxy.address)
    page.open("/app?lab=matrix_sensing").ready().pause()
    page.view.keyboard.press("Home")
    until(lambda: page.shown_step() == 0)
    before = page.curve()
    cut_and_come_back(page, proxy)
    assert page.curve() == before and page.shown_step() == 0
    page.close()
    proxy.close()


@pytest.mark.thorough
def test_a_run_that_played_goes_on_where_it_was_and_a_second_cut_is_no_other(lab, proxy):
    lab.open(LAB + "?preset=P3").ready()
    for _ in range(2):
        before = lab.curve()
        last = before["step"][-1]
        cut_and_come_back(lab, proxy)
        until(lambda: lab.steps()[-1] > last)  # noqa: B023
        after = lab.curve()
        for name, column in before.items():
            assert after[name][: len(column)] == column, name
