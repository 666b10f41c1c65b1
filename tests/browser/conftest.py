"""A real server in a process of its own, and a real Chromium that may not complain nor leave this machine."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import system

playwright = pytest.importorskip("playwright.sync_api")

ROOT = Path(__file__).parents[2]
THIN = "\u202f"
QUIET = ["--no-sandbox", "--disable-gpu"]
SOON = {"check_unused_sessions_milliseconds": 500, "unused_session_lifetime_milliseconds": 2000}
"""What a closed page was computing does not go on beside the tests that follow."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    yield from served()


def served(first: str = "") -> Iterator[str]:
    """The address of a server; what is to be run `first` there may change what it serves."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = f"{first}\nfrom dashboard.app import serve\nserve({port}, '127.0.0.1', False, **{SOON})"
    with tempfile.TemporaryDirectory() as folder:  # tests keep nothing among the runs of whoever runs them
        yield from _served(code, f"http://127.0.0.1:{port}", os.environ | {"DYNASCOPE_LIBRARY": folder})


def _served(code: str, address: str, around: dict[str, str]) -> Iterator[str]:
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.DEVNULL, env=around)
    until(lambda: answers(address))
    yield address
    process.terminate()
    process.wait(10)


def answers(address: str) -> bool:
    try:
        return urllib.request.urlopen(f"{address}/status", timeout=2).status == 200
    except OSError:
        return False


@pytest.fixture
def active(server: str) -> Callable[[], int]:
    """How many runs the server computes."""
    return lambda: json.load(urllib.request.urlopen(f"{server}/status", timeout=5))["active"]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    if not system.chromium():
        pytest.skip(system.NO_CHROMIUM)
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=system.chromium(), args=QUIET)
        yield browser
        browser.close()


class Page:
    """A page with the questions that tests ask. What it complained about is collected in `complaints`."""

    def __init__(self, browser: Any, server: str, width: int = 1200, height: int = 760) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": height})
        self.view = self.context.new_page()
        self.server, self.complaints = server, []
        self.view.on("console", self._console)
        self.view.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.view.on("request", self._request)
        self.context.route(
            re.compile(rf"^https?://(?!{re.escape(server.split('//')[1])})"), lambda route: route.abort()
        )

    def _console(self, message: Any) -> None:
        if message.type == "error":
            self.complaints.append(f"console: {message.text}")

    def _request(self, request: Any) -> None:
        if not request.url.startswith((self.server, "data:", "blob:")):
            self.complaints.append(f"request: {request.url}")

    def open(self, path: str) -> Page:
        self.view.goto(path if path.startswith("http") else self.server + path)
        return self

    def ready(self, rows: int = 3) -> Page:
        until(lambda: len(self.steps()) >= rows, 90)
        return self

    def pause(self) -> Page:
        """Stop the run; unlike the pause button, which would start it again, also one that has just finished."""
        self.click("take 1 step and pause")
        until(lambda: any(self.view.get_by_text(word, exact=True).count() for word in ("paused", "finished")))
        until(self._rests)  # one that finished while the click was on its way still takes its step
        return self

    def _rests(self) -> bool:
        before = self.shown_step()
        self.view.wait_for_timeout(600)
        return self.shown_step() == before

    def restarted(self, path: str) -> Page:
        """A lab that was begun again with another start, and is paused at step 100."""
        self.open(path).ready().pause()
        self.type("α", "0.27")
        until(lambda: self.steps() == [0])
        self.click("take 100 steps and pause")
        until(lambda: self.steps()[-1] == 100)
        return self

    def close(self) -> None:
        self.context.close()

    def ask(self, script: str, argument: Any = None) -> Any:
        return self.view.evaluate(script, argument)

    def curve(self) -> dict[str, list[float]]:
        """The source of the first lines as they are drawn: `step` and one column a curve and channel."""
        return self.ask(CURVE)

    def steps(self) -> list[float]:
        """The steps that are drawn: what a test waits for, without all the columns."""
        return self.ask(STEPS)

    def names(self) -> set[str]:
        """Which curves are drawn, by their names."""
        return set(self.ask(NAMES))

    def theory(self) -> list[list[float]]:
        """The theory lines of the primary figure as they are drawn."""
        return self.ask(THEORY)

    def click(self, name: str) -> None:
        """Press a button; of those that there is no room for, the entry in a menu of the bar over the plots."""
        button = self.view.get_by_role("button", name=name, exact=True).filter(visible=True)
        rest = self.view.get_by_role("button", name="more commands", exact=True).filter(visible=True)
        more = self.view.get_by_role("button", name="take more steps", exact=True).filter(visible=True)
        until(lambda: button.count() or rest.count() or more.count())  # the bar comes after the first figures
        if button.count() or not (entry := MENUS.get(name)):
            return button.first.click()
        if entry[0] != "+" or not more.count():
            more = self.view.get_by_role("button", name="more commands", exact=True)
        more.click()
        self.view.get_by_role("menuitem", name=entry, exact=True).click()

    def choose(self, figure: str, *entries: str) -> None:
        """Choose in the menu of a figure."""
        self.view.get_by_role("button", name=f"menu: {figure}", exact=True).click()
        for entry in entries:
            self.view.get_by_role("menu").get_by_text(entry, exact=True).click()

    def chosen(self, figure: str, entry: str) -> bool:
        """Whether an entry of a figure's menu is ticked."""
        self.view.get_by_role("button", name=f"menu: {figure}", exact=True).click()
        ticked = self.view.get_by_role("menuitemcheckbox", name=entry, exact=True).get_attribute("aria-checked")
        self.view.keyboard.press("Escape")
        return ticked == "true"

    def save(self, figure: str, *kind: str) -> Path:
        """Have a figure saved as a file; without a name the whole run."""
        with self.view.expect_download() as download:
            if figure:
                self.choose(figure, *kind)
            else:
                self.click("export this run")
                self.view.get_by_role("menuitem", name=kind[0], exact=True).click()
        return download.value.path()

    def link(self) -> str:
        """The address after the link was asked for; what it said before is taken away."""
        self.ask("history.replaceState(null, '', location.pathname)")
        self.click("a link that holds this experiment completely")
        return until(lambda: next((url for url in [self.ask("location.href")] if "s=" in url), None))

    def fits(self) -> bool:
        """Whether nothing sticks out of the window at the side."""
        return self.ask("document.documentElement.scrollWidth <= innerWidth")

    def drag(self, label: str, place: int) -> None:
        """Move a knob's slider without letting it go."""
        self.ask(DRAG, [label, place])

    def type(self, label: str, text: str) -> None:
        field = self.view.get_by_label(f"{label}, exact value", exact=True)
        field.fill(text)
        field.press("Enter")

    def shown_step(self) -> int:
        """The step that the transport shows."""
        text = self.view.locator(".at").first.inner_text()
        return int("".join(digit for digit in text.split(" of ")[0] if digit.isdigit()))

    def announced(self) -> str:
        """What those who cannot see the page were told last."""
        return self.view.locator("div[aria-live=polite]").text_content()

    def says(self, text: str, seconds: float = 60) -> bool:
        try:
            self.view.get_by_text(text).first.wait_for(timeout=1000 * seconds)
        except playwright.TimeoutError:
            return False
        return True


MENUS = {
    "take 1 step and pause": "+1",
    "take 10 steps and pause": "+10",
    "take 100 steps and pause": "+100",
    "take 1000 steps and pause": f"+1{THIN}000",
    "back to step 0, same seeds (R)": "Reset",
    "back to step 0, other seeds": "Reseed",
    "keep this run in grey behind the next": "Pin run",
    "a link that holds this experiment completely": "Copy link",
    "export this run": "Export this run",
    "keyboard shortcuts (?)": "Keyboard shortcuts",
}
"""Buttons of the bar over the plots, by what they are called as entries of a menu."""

FIGURE = """
const models = (globalThis.Bokeh?.documents?.[0]?.roots() ?? []).flatMap((root) => [...root.references()]);
const figures = models.filter((m) => m.type === "Figure");
const first = figures.find((m) => m.tags.includes("first")) ?? figures[0];
const sources = first ? first.renderers.map((r) => r.data_source) : [];
"""
DATA = f"""{FIGURE}
const all = [...sources, ...figures.flatMap((f) => f.renderers.map((r) => r.data_source))];
const found = all.map((s) => s.data).find((data) => data?.step ?? data?.get?.("step")) ?? {{}};
const data = found instanceof Map ? Object.fromEntries(found) : found;
"""
CURVE = f"""() => {{ {DATA}
  return Object.fromEntries(Object.entries(data).map(([name, column]) => [name, Array.from(column)]));
}}"""
STEPS = f"() => {{ {DATA} return Array.from(data.step ?? []) }}"
NAMES = f"() => {{ {DATA} return Object.keys(data) }}"
THEORY = f"""() => {{ {FIGURE}
  const found = first.renderers.find((r) => r.name === "theory");
  const data = found.data_source.data;
  return (data.ys ?? data.get("ys")).map((line) => Array.from(line));
}}"""

DRAG = """([name, place]) => {
  const inside = (e) => e.shadowRoot ? [e, ...deep(e.shadowRoot)] : [e];
  const deep = (root) => [...root.querySelectorAll("*")].flatMap(inside);
  const named = (e) => e.matches("input.range") && e.getAttribute("aria-label").startsWith(name + ":");
  const range = deep(document).find(named);
  range.value = place;
  range.dispatchEvent(new Event("input"));
}"""


@pytest.fixture
def page(chromium: Any, server: str) -> Iterator[Callable[..., Page]]:
    """Open pages; at the end none may have complained."""
    opened: list[Page] = []

    def make(**options: Any) -> Page:
        opened.append(Page(chromium, **{"server": server, **options}))
        return opened[-1]

    yield make
    complaints = [complaint for each in opened for complaint in each.complaints]
    for each in opened:
        each.close()
    assert not complaints


def first_of(values: Iterable[Any]) -> list[Any]:
    """Parameters of a test of which the first is tried with every change, the others by `make thorough`."""
    first, *others = values
    return [first, *(pytest.param(other, marks=pytest.mark.thorough) for other in others)]


def until(done: Callable[[], Any], seconds: float = 60) -> Any:
    """Wait for something to become true, on a slow machine too; returns what it then is, which may change soon."""
    end = time.monotonic() + seconds
    while not (found := done()):
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.1)
    return found
