"""What controls cost: ours, of which one component holds many, against those of panel-material-ui, one model each.

Seconds of the processor are counted: of the server, which makes, draws and writes them, and of the browser.
"""

from __future__ import annotations

import socket
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import panel as pn
import panel_material_ui as pmui
from bokeh.document import Document
from playwright.sync_api import sync_playwright

from benchmarks.timing import head, row
from dashboard.controls.ensemble import EnsembleForm
from dashboard.controls.knobs import Knobs, Presets
from dashboard.controls.members import Members
from dashboard.figures.card import FigureHeading
from dashboard.server.theme import prepare
from dashboard.ui.keyboard import KEYS, Shortcuts
from engines.core.protocol.config import Knob
from engines.matrix_sensing.engine import ENGINE
from tests import system

REPEATS = 9

FIGURES, MEMBERS = 8, 12

Make = Callable[[], Any]


def main() -> None:
    """Print a row for each kind of control."""
    prepare()
    head("Controls: the library's over ours, seconds of the processor")
    browser_seconds = _in_browser if system.chromium() else None
    with browser_seconds() if browser_seconds else _nowhere() as seconds:
        for what, ours, library in _pairs():
            (mine, models), (theirs, more) = _on_server(ours), _on_server(library)
            said = f"{1e3 * theirs:.1f} against {1e3 * mine:.1f} ms, {more} models against {models}"
            row(f"{what}: the server", theirs / mine, "-", said)
            if seconds:
                mine, theirs = seconds(ours), seconds(library)
                row(f"{what}: the browser", theirs / mine, "-", f"{1e3 * theirs:.0f} against {1e3 * mine:.0f} ms")


def _pairs() -> Iterator[tuple[str, Make, Make]]:
    knobs = ENGINE.Config.knobs().values()
    titles = [preset.title for preset in ENGINE.presets]
    quiet = lambda *_: None  # noqa: E731
    yield (
        f"{len(knobs)} knobs",
        lambda: _shown(Knobs(ENGINE.Config, quiet, quiet)),
        lambda: pn.Column(*(each for knob in knobs for each in _widgets(knob))),
    )
    yield (
        "the list of experiments",
        lambda: Presets(ENGINE.presets, quiet),
        lambda: pmui.Select(label="Experiment", options=titles),
    )
    yield (
        "the form of an ensemble",
        lambda: EnsembleForm(ENGINE.Config, quiet, quiet),
        lambda: pn.Column(
            pmui.Select(label="spread a knob", options=[knob.name for knob in knobs]),
            pmui.TextInput(label="values"), pmui.TextInput(label="seeds"), pmui.Button(label="Spread"),
            pmui.Select(label="how seeds are drawn", options=["spread", "mean", "each"]),
        ),
    )  # fmt: skip
    yield (
        f"headings and menus of {FIGURES} figures",
        lambda: pn.Column(*(FigureHeading(quiet, title=title) for title in titles[:FIGURES])),
        lambda: pn.Column(*(
            pn.Row(pmui.Typography(title), pmui.MenuButton(label="⋮", items=["Table", "PDF", "SVG", "PNG", "Hide"]))
            for title in titles[:FIGURES]
        )),
    )  # fmt: skip
    chips = [{"key": f"{i}", "label": f"η = {i}", "color": "#0072b2", "on": not i} for i in range(MEMBERS)]
    yield (
        f"chips of {MEMBERS} members",
        lambda: Members(quiet, shown={"items": chips, "parts": [], "part": "", "note": ""}),
        lambda: pn.Row(*(pmui.Chip(object=f"η = {i}") for i in range(MEMBERS))),
    )
    yield (
        "the dialog of keys",
        Shortcuts,
        lambda: pmui.Dialog(pn.pane.HTML("".join(f"<p>{key.shown} {key.doc}</p>" for key in KEYS)), title="Keyboard"),
    )


def _shown(knobs: Knobs) -> Knobs:
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
        root = pn.panel(make()).get_root(document)
        document.add_root(root)
        document.to_json()
        return time.process_time() - begun, len(root.references())

    once()
    return min(once() for _ in range(REPEATS))


@contextmanager
def _nowhere() -> Iterator[None]:
    yield None


@contextmanager
def _in_browser() -> Iterator[Callable[[Make], float]]:
    """Measure the seconds for which a browser's page works until it shows controls, over those of an empty page."""
    now: list[Make] = []
    page = lambda: pmui.Page(title="controls", main=[now[0]()] if now else [])  # noqa: E731
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = pn.serve({"/": page}, port=port, threaded=True, show=False, verbose=False)
    with sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=system.chromium(), args=["--no-sandbox", "--disable-gpu"])
        opened = partial(_works, browser, f"http://localhost:{port}")
        nothing = statistics.median(opened() for _ in range(3))

        def seconds(make: Make) -> float:
            now[:] = [make]
            found = statistics.median(opened() for _ in range(3))
            now.clear()
            return max(found - nothing, 1e-3)

        yield seconds
        browser.close()
    server.stop()


def _works(browser: Any, address: str) -> float:
    context = browser.new_context()
    page = context.new_page()
    tools = context.new_cdp_session(page)
    tools.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(address)
    page.wait_for_timeout(2500)
    metrics = {each["name"]: each["value"] for each in tools.send("Performance.getMetrics")["metrics"]}
    context.close()
    return metrics["TaskDuration"]


if __name__ == "__main__":
    main()
