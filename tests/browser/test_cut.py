"""A page whose connection was cut for a moment: it comes back by itself, and nothing is missing on its figures."""

import selectors
import socket
import threading
import time

import numpy as np
import pytest

import engines
from dashboard.session import link
from dashboard.session.view_state import ViewState
from engines.core.runs.experiment import Experiment

STEPS = 3000

DRAWN = """() => {
  const models = globalThis.Bokeh?.documents[0]?._all_models.values() ?? [];
  const sources = [...models].filter((m) => m.type === "ColumnDataSource");
  const run = sources.find((m) => m.data.step?.length && Object.keys(m.data).some((k) => k.endsWith("relative_error")));
  const key = run && Object.keys(run.data).find((k) => k.endsWith("relative_error"));
  return run ? [Array.from(run.data.step), Array.from(run.data[key])] : [[], []];
}"""


class Relay:
    """Passes connections on to a server until it is cut, and again once it is mended."""

    def __init__(self, port):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port, self._target, self.whole, self._open = self.socket.getsockname()[1], port, True, []
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self):
        while True:
            try:
                near, _ = self.socket.accept()
            except OSError:
                return
            if not self.whole:
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self._target))
            self._open += [near, far]
            threading.Thread(target=self._pass, args=(near, far), daemon=True).start()

    def _pass(self, near, far):
        chosen = selectors.DefaultSelector()
        chosen.register(near, selectors.EVENT_READ, far)
        chosen.register(far, selectors.EVENT_READ, near)
        try:
            while True:
                for key, _ in chosen.select():
                    data = key.fileobj.recv(65536)
                    if not data:
                        return
                    key.data.sendall(data)
        except OSError:
            return
        finally:
            near.close()
            far.close()

    def cut(self):
        self.whole = False
        for each in self._open:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self._open.clear()


@pytest.fixture
def relay(server):
    relay = Relay(int(server.rpartition(":")[2]))
    yield relay
    relay.cut()
    relay.socket.close()


@pytest.mark.thorough
@pytest.mark.parametrize("seconds", [0.3, 5.0])
def test_after_a_cut_the_page_comes_back_and_nothing_is_missing_on_the_plot(chromium, relay, seconds):
    """Also where the server gave the page up in between: then its link begins the run again."""
    engine = engines.load("matrix_sensing")
    knobs = {"operator": "identity", "n": 10, "k": 3}
    token = link.encode(Experiment.from_preset(engine, None, knobs, steps=STEPS), ViewState(speed="60"))
    page = chromium.new_context().new_page()
    page.goto(f"http://127.0.0.1:{relay.port}/matrix_sensing?s={token}")
    page.wait_for_function(f"() => ({DRAWN})()[0].length > 30", timeout=60_000)
    relay.cut()
    page.locator("#lost").wait_for(state="visible", timeout=20_000)
    time.sleep(seconds)
    relay.whole = True
    page.locator("#lost").wait_for(state="hidden", timeout=60_000)
    page.wait_for_function(f"() => ({DRAWN})()[0].at(-1) === {STEPS}", timeout=90_000)
    steps, errors = page.evaluate(DRAWN)
    whole = engines.run("matrix_sensing", set=knobs, steps=STEPS)
    assert set(np.diff(steps) > 0) == {True}
    np.testing.assert_array_equal(steps, whole.steps[np.isin(whole.steps, steps)])
    assert set(whole.steps) <= set(steps), "a recorded step is missing"
    np.testing.assert_array_equal(errors, whole["relative_error"][:, 0])
    page.context.close()
