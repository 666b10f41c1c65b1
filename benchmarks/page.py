"""What showing a run costs: a real Chromium on a real server, against the engine alone.

Server and engine share this process, so that the run behind the page can be watched directly.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import sync_playwright

from benchmarks.load import served
from benchmarks.timing import head, row
from dashboard.page.lab import Lab
from dashboard.session import link
from dashboard.session.view_state import ViewState
from engines.core.live.runner import Runner
from engines.core.runs.experiment import Experiment
from engines.matrix_sensing.engine import ENGINE
from tests import system

WINDOW = 8.0
"""Seconds over which a rate is measured."""

SMALL = {"operator": "identity", "parameterization": "symmetric", "k": 5, "alpha": 0.5, "eta": 0.2}
LARGE = {"operator": "gaussian", "m": 2500, "seed": list(range(16)), "alpha": 0.3}

NEWEST = """() => Math.max(0, ...[...Bokeh.documents[0]._all_models.values()]
  .filter(m => m.type === 'ColumnDataSource' && m.data.step?.length).map(m => m.data.step[m.data.step.length - 1]))"""


def main() -> None:
    """Print all rows."""
    head("The page, one compute thread")
    if not system.chromium():
        print(system.NO_CHROMIUM)
        return
    alone = {name: _alone(knobs) for name, knobs in (("identity", SMALL), ("gaussian, 16 members", LARGE))}
    with served() as (address, labs, _), sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=system.chromium(), args=["--no-sandbox", "--disable-gpu"])
        for name, knobs in (("identity", SMALL), ("gaussian, 16 members", LARGE)):
            with _page(browser, address, knobs) as page:
                page.wait_for_timeout(4000)
                shown = _steps_per_second(lambda: _open_lab(labs).session.runner.status.step)
            row(f"(d) steps a second shown over headless, {name}", shown / alone[name], ">= 0.90",
                f"{shown:.0f} against {alone[name]:.0f} a second")  # fmt: skip
        _growth(browser, address, labs)
        for slowdown in (1, 4):
            _lag(browser, address, labs, slowdown)
        browser.close()


def _alone(knobs: dict[str, Any]) -> float:
    experiment = Experiment.from_preset(ENGINE, None, knobs, steps=10**9)
    runner = Runner(ENGINE, experiment.configs(), horizon=experiment.steps)
    runner.play()
    time.sleep(4)
    found = _steps_per_second(lambda: runner.status.step)
    runner.close()
    return found


def _steps_per_second(step: Callable[[], int]) -> float:
    begun, at = time.perf_counter(), step()
    time.sleep(WINDOW)
    return (step() - at) / (time.perf_counter() - begun)


@contextmanager
def _page(browser: Any, address: str, knobs: dict[str, Any], speed: str = "max") -> Iterator[Any]:
    experiment = Experiment.from_preset(ENGINE, None, knobs, steps=10**9)
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(f"{address}/matrix_sensing?s={link.encode(experiment, ViewState(speed=speed))}")
    page.wait_for_selector("canvas", timeout=60_000)
    yield page
    context.close()
    time.sleep(10)  # until the server has noticed that the tab is closed


def _open_lab(labs: Iterable[Lab]) -> Lab:
    """Find the lab of the page that is open, the only one."""
    (lab,) = (lab for lab in labs if not lab._closed)
    return lab


def _growth(browser: Any, address: str, labs: Iterable[Lab]) -> None:
    """(e) the mean cost of a tick that draws, around step 1e3 and around step 1e6."""
    with _page(browser, address, SMALL) as page:
        lab = _open_lab(labs)
        sent, spent = _watched(page, lab)
        marks: dict[str, tuple[float, float]] = {}
        for name, step in (("early", 1000), ("late", 1_000_000)):
            while lab.session.runner.status.step < step:
                time.sleep(0.05)
                page.evaluate("1")
            sent.clear(), spent.clear()
            page.wait_for_timeout(4000)
            marks[name] = (sum(spent) / len(spent), sum(sent) / len(spent))
    for place, what, unit in ((0, "server time", "ms"), (1, "bytes", "kB")):
        early, late = marks["early"][place], marks["late"][place]
        scale = 1e3 if unit == "ms" else 1e-3
        row(f"(e) {what} a tick from step 10^6 on over from 10^3 on", late / early, "<= 1.2",
            f"{late * scale:.1f} against {early * scale:.1f} {unit}")  # fmt: skip


def _watched(page: Any, lab: Lab) -> tuple[list[int], list[float]]:
    """Bytes of each socket frame, and seconds of each tick that draws."""
    sent: list[int] = []
    spent: list[float] = []
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.on("Network.webSocketFrameReceived", lambda event: sent.append(len(event["response"]["payloadData"])))
    draw = lab.refresh._draw

    def timed(context: Any) -> None:
        begun = time.perf_counter()
        draw(context)
        spent.append(time.perf_counter() - begun)

    lab.refresh._draw = timed  # type: ignore[method-assign]
    return sent, spent


def _lag(browser: Any, address: str, labs: Iterable[Lab], slowdown: int) -> None:
    """(f) how old the newest drawn step is while many more frames are made than a slowed browser can draw."""
    with _page(browser, address, {**SMALL, "n": 400, "seed": list(range(24))}, "240") as page:
        page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slowdown})
        lab, history, stop = _open_lab(labs), [], threading.Event()
        acks = lab.bridge.ack

        def watch() -> None:
            while not stop.wait(0.005):
                history.append((time.perf_counter(), lab.session.runner.status.step))

        thread = threading.Thread(target=watch, daemon=True)
        frames = len(lab.session.runner.run)
        thread.start()
        lags = []
        begun = time.perf_counter()
        while time.perf_counter() < begun + WINDOW:
            drawn = page.evaluate(NEWEST)
            now = time.perf_counter()
            reached = next((at for at, step in history if step > drawn), now)
            lags.append(now - reached)
            time.sleep(0.1)
        stop.set()
        made = (len(lab.session.runner.run) - frames) / max(lab.bridge.ack - acks, 1)
    row(f"(f) seconds from a step to its drawing, browser slowed {slowdown} times", max(lags), "<= 1",
        f"{made:.0f} frames made for each drawn; median {sorted(lags)[len(lags) // 2]:.2f} s")  # fmt: skip
