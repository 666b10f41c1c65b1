"""What controls cost: ours, of which one component holds many, against those of panel-material-ui, one model each.

Seconds of the processor are counted: of the server, which makes, draws and writes them, and of the browser. And whether
they can be used without being seen: what axe-core calls serious or critical in the library's, opened where they open.
"""

from __future__ import annotations

import socket
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pandas as pd
import panel as pn
import panel_material_ui as pmui
from bokeh.document import Document
from playwright.sync_api import sync_playwright

from benchmarks.timing import head, row
from dashboard.controls.ensemble import EnsembleForm
from dashboard.controls.knobs import Knobs, Presets
from dashboard.controls.members import Members
from dashboard.controls.transport import Transport
from dashboard.figures.card import FigureHeading
from dashboard.figures.tables import NumbersTable, html_table
from dashboard.page.layout import Fold
from dashboard.probes.form import ProbeForm
from dashboard.server.theme import THEME, prepare
from dashboard.session.view_state import SPEEDS
from dashboard.ui.styles import TABLE
from engines.core.analysis.probing import probe_options
from engines.core.protocol.config import Knob
from engines.matrix_sensing.engine import ENGINE
from tests import system
from tests.browser.test_access import FIND, SCRIPT, SERIOUS

REPEATS = 9

FIGURES, MEMBERS, ROWS = 8, 12, 14

BUTTONS = ("Play", "+1", "+10", "+100", "Reset", "Reseed", "Pin run", "Copy link", "Export", "Keys")

QUIET = ["--no-sandbox", "--disable-gpu"]

Make = Callable[[], Any]


class Pair(NamedTuple):
    """Controls of ours, and those of the library in their place."""

    what: str
    ours: Make
    library: Make


def main() -> None:
    """Print a row or two for each kind of control."""
    prepare()
    head("Controls: the library's over ours, seconds of the processor")
    with _browser() if system.chromium() else _nowhere() as browser:
        for pair in _pairs():
            (mine, models), (theirs, more) = _on_server(pair.ours), _on_server(pair.library)
            said = f"{1e3 * theirs:.1f} against {1e3 * mine:.1f} ms, {more} models against {models}"
            row(f"{pair.what}: the server", theirs / mine, "-", said)
            if browser:
                mine, theirs = browser.seconds(pair.ours), browser.seconds(pair.library)
                said = f"{1e3 * theirs:.0f} against {1e3 * mine:.0f} ms, axe: {browser.violations(pair.library)}"
                row(f"{pair.what}: the browser", theirs / mine, "-", said)


def _pairs() -> Iterator[Pair]:
    yield from _of_a_lab_once()
    yield from _of_a_lab_often()


def _of_a_lab_once() -> Iterator[Pair]:
    """Pair what stands on a lab's page once."""
    knobs, titles = ENGINE.Config.knobs().values(), [preset.title for preset in ENGINE.presets]
    yield Pair(
        "the list of experiments",
        lambda: Presets(ENGINE.presets, _quiet),
        lambda: pmui.Select(label="Experiment", options=titles),
    )
    yield Pair(
        "the form of an ensemble",
        lambda: EnsembleForm(ENGINE.Config, _quiet, _quiet),
        lambda: pn.Column(
            pmui.Select(label="spread a knob", options=[knob.name for knob in knobs]),
            pmui.TextInput(label="values"), pmui.TextInput(label="seeds"), pmui.Button(label="Spread"),
            pmui.Select(label="how seeds are drawn", options=["spread", "mean", "each"]),
        ),
    )  # fmt: skip
    yield Pair(
        "the bar, with tooltips",
        lambda: Transport(ENGINE.actions, _quiet),
        lambda: pn.Row(
            *(pmui.Button(label=word, description=f"{word}: what it does") for word in BUTTONS),
            pmui.Select(label="speed", options=list(SPEEDS)), pmui.IntSlider(label="step", start=0, end=100),
        ),
    )  # fmt: skip
    yield Pair(
        "a column that folds",
        lambda: Fold(column="words", label="What you see"),
        lambda: pmui.Drawer(pn.pane.HTML("What you see"), open=True),
    )
    yield Pair(f"{len(knobs)} knobs", _knobs, lambda: pn.Column(*(each for knob in knobs for each in _widgets(knob))))


def _of_a_lab_often() -> Iterator[Pair]:
    """Pair what each figure, member or probe has of its own."""
    titles = [preset.title for preset in ENGINE.presets][:FIGURES]
    items = ["Table", "PDF", "SVG", "PNG", "Hide"]
    menu = lambda: pmui.MenuButton(label="⋮", items=[{"label": item} for item in items])  # noqa: E731
    yield Pair(
        f"headings and menus of {FIGURES} figures",
        lambda: pn.Column(*(FigureHeading(_quiet, title=title) for title in titles)),
        lambda: pn.Column(*(pn.Row(pmui.Typography(title), menu()) for title in titles)),
    )
    chips = [{"key": f"{i}", "label": f"η = {i}", "color": "#0072b2", "on": not i} for i in range(MEMBERS)]
    yield Pair(
        f"chips of {MEMBERS} members",
        lambda: Members(_quiet, shown={"items": chips, "parts": [], "part": "", "note": ""}),
        lambda: pn.Row(*(pmui.Chip(f"η = {i}") for i in range(MEMBERS))),
    )
    probe = next(probe for probe in ENGINE.probes if probe_options(probe))
    yield Pair(
        "the form of a probe",
        lambda: ProbeForm(probe, _quiet, _quiet),
        lambda: pn.Column(
            pmui.Typography(probe.title), *(pmui.TextInput(label=name) for name in probe_options(probe)),
            pmui.Button(label="Compute"), pmui.LinearProgress(value=0, variant="determinate"),
        ),
    )  # fmt: skip
    heads, rows = ["step", *"abcd"], [[f"{i}", *"1234"] for i in range(ROWS)]
    yield Pair(
        "a table of numbers",
        lambda: pn.pane.HTML(html_table("Loss", NumbersTable(heads, rows)), stylesheets=[TABLE]),
        lambda: pn.widgets.Tabulator(pd.DataFrame(rows, columns=heads)),
    )


def _quiet(*heard: Any) -> None:
    """Do nothing."""


def _knobs() -> Knobs:
    knobs = Knobs(ENGINE.Config, _quiet, _quiet)
    knobs.show([ENGINE.Config()])
    return knobs


def _widgets(knob: Knob) -> list[Any]:
    """Make what the library has for a knob: of a number a slider with its box."""
    if knob.choices:
        return [pmui.Select(label=knob.name, options=list(knob.choices))]
    if knob.type is bool:
        return [pmui.Switch(label=knob.name)]
    box = pmui.TextInput(label=knob.name)
    return [box] if knob.type is str else [pmui.FloatSlider(label=knob.name, start=0, end=1), box]


def _on_server(make: Make) -> tuple[float, int]:
    """Seconds of the processor to make, draw and write controls, and how many models they are."""

    def once() -> tuple[float, int]:
        begun, document = time.process_time(), Document()
        shown: Any = pn.panel(make())
        root = shown.get_root(document)
        document.add_root(root)
        document.to_json()
        return time.process_time() - begun, len(root.references())

    once()
    return min(once() for _ in range(REPEATS))


class Browser:
    """A browser at a page that holds what is measured, and nothing else."""

    def __init__(self, browser: Any, address: str, show: Callable[[Make | None], None]) -> None:
        self._browser, self._address, self._show = browser, address, show
        self._nothing = self._works(None)

    def seconds(self, make: Make) -> float:
        """Measure for how long the page works until it shows controls, over an empty page."""
        return max(self._works(make) - self._nothing, 1e-3)

    def violations(self, make: Make) -> str:
        """Name what axe-core calls serious or critical in controls, the first that opens being open."""
        with self._page(make) as page:
            page.goto(self._address)
            page.wait_for_timeout(2500)
            opens = page.locator("[role=combobox], [aria-haspopup=true]")
            if opens.count():
                opens.first.click()
                page.wait_for_timeout(500)
            page.evaluate(f"() => {{ {SCRIPT} }}")
            found = [each["id"] for each in page.evaluate(FIND) if each["impact"] in SERIOUS]
        return ", ".join(found) or "nothing"

    def _works(self, make: Make | None) -> float:
        return statistics.median(self._works_once(make) for _ in range(3))

    def _works_once(self, make: Make | None) -> float:
        with self._page(make) as page:
            tools = page.context.new_cdp_session(page)
            tools.send("Performance.enable", {"timeDomain": "threadTicks"})
            page.goto(self._address)
            page.wait_for_timeout(2500)
            metrics = {each["name"]: each["value"] for each in tools.send("Performance.getMetrics")["metrics"]}
        return metrics["TaskDuration"]

    @contextmanager
    def _page(self, make: Make | None) -> Iterator[Any]:
        self._show(make)
        context = self._browser.new_context()
        yield context.new_page()
        context.close()


@contextmanager
def _nowhere() -> Iterator[None]:
    yield None


@contextmanager
def _browser() -> Iterator[Browser]:
    """Serve a page, and open a browser."""
    now: list[Make | None] = [None]
    page = lambda: pmui.Page(title="controls", main=[now[0]()] if now[0] else [], theme_config=THEME)  # noqa: E731
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = pn.serve({"/": page}, port=port, threaded=True, show=False, verbose=False)
    with sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=system.chromium(), args=QUIET)
        yield Browser(browser, f"http://localhost:{port}", lambda make: now.__setitem__(0, make))
        browser.close()
    server.stop()


if __name__ == "__main__":
    main()
