"""Widgets of a notebook, without a browser; what a page sees of them is in tests/browser/test_notebook.py."""

import json
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import panel as pn
import pytest

import engines
from dashboard import lab, notebook, show
from dashboard.page import lab as lab_page
from dashboard.session import link
from engines.core.live.scheduler import shared
from engines.core.protocol.errors import ConfigError, UnknownName
from engines.core.runs.experiment import Experiment
from engines.core.runs.run import Run
from tests.loss_landscape import own_models

BOOKS = sorted(Path(engines.__file__).parent.glob("*/assets/notebook.ipynb"))
ALPHAS = {"alpha": [0.3, 0.5]}


def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "gave up waiting"
        time.sleep(0.01)


@pytest.fixture
def open_widget():
    """Open widgets; at the end they are closed, and nothing goes on."""
    opened = []

    def open_(make, *arguments, **options):
        opened.append(make(*arguments, **options))
        return opened[-1]

    yield open_
    for widget in opened:
        widget.close()
    until(lambda: shared().active() == 0)


class Clock:
    """What is called from time to time; it ticks when a test says so."""

    def __init__(self):
        self.calls = []

    def add(self, call, period):
        self.calls.append(call)
        return SimpleNamespace(stop=partial(self.calls.remove, call))

    def tick(self):
        for call in list(self.calls):
            call()


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(type(pn.state), "add_periodic_callback", lambda state, call, period: made.add(call, period))
    return made


def played(widget, steps):
    """Let a widget take some steps, as the button does."""
    widget.lab.command("step", {"count": steps})
    until(lambda: len(widget.run) and widget.run.steps[-1] == steps)
    return widget.run


def test_a_page_that_says_nothing_is_computed_nothing_for(open_widget, monkeypatch):
    """Its word that it goes may be lost, and so may the kernel's that it is gone."""
    monkeypatch.setattr(lab_page, "LEASE", 0.3)
    monkeypatch.setattr(notebook, "FIRST_LEASE", 0.3)
    widget = open_widget(lab, "matrix_sensing", preset="P3", set={"eta": 1e-4})
    widget.lab.command("speed", {"value": "5"})
    widget.cell.get_root()
    until(lambda: widget.run.steps.size and shared().active() == 0)
    status = widget.lab.session.runner.status
    assert status.playing and status.step < status.horizon
    widget.lab.bridge.receive({"hidden": False})
    until(lambda: shared().active())
    until(lambda: shared().active() == 0)
    widget.lab.command("reset", {})  # the run that begins has no longer lease
    until(lambda: shared().active() == 0)
    assert widget.lab.session.runner.status.playing


def test_a_widget_computes_only_while_a_page_shows_it(open_widget, clock):
    widget = open_widget(lab, "matrix_sensing", preset="P3")
    until(lambda: len(widget.run))
    assert not widget.lab.session.runner.status.playing
    root = widget.cell.get_root()
    until(lambda: widget.run.steps[-1] > 0)
    assert len(clock.calls) == 1
    widget.cell._cleanup(root)
    until(lambda: shared().active() == 0)
    assert not clock.calls


def test_what_is_on_screen_is_what_a_script_computes_bit_for_bit(open_widget):
    run = played(open_widget(lab, "matrix_sensing", preset="P3", set=ALPHAS), 100)
    same = engines.run("matrix_sensing", preset="P3", set=ALPHAS, steps=100)
    np.testing.assert_array_equal(run.to_xarray()["error"], same.to_xarray()["error"].sel(step=run.steps))


@pytest.mark.parametrize("address", ["{}", "http://localhost:5006/matrix_sensing?theme=dark&s={}"])
def test_a_link_repeats_the_numbers_and_the_view(open_widget, address):
    first = open_widget(lab, "matrix_sensing", preset="P3", set=ALPHAS, hide=["story"])
    again = open_widget(lab, "matrix_sensing", link=address.format(first.link()))
    left, right = played(first, 50), played(again, 50)
    np.testing.assert_array_equal(left["error"], right["error"])
    assert again.lab.hidden == {"story"}


def test_a_link_brings_the_pinned_run_also_one_whose_members_all_diverged(open_widget):
    first = open_widget(lab, "matrix_sensing", preset="P3", set={"alpha": 0.5, "eta": 5.0, "seed": 0})
    first.lab.command("step", {"count": 100})
    until(lambda: len(first.run) and (first.run.diverged_at >= 0).all() and not shared().active())
    first.lab.session.pin_or_unpin()
    again = open_widget(lab, "matrix_sensing", link=first.link())
    session = again.lab.session
    assert session.pinned_experiment and session.pinned is None
    until(lambda: session.collect() or session.pinned)
    np.testing.assert_array_equal(session.pinned.run["error"], first.lab.session.pinned.run["error"])


def test_a_lab_opens_on_a_model_of_ones_own(open_widget):
    subject = own_models.scikit_learn()
    engines.run("loss_landscape", subject=subject, steps=1)  # imports take longer than a lease without a page
    widget = open_widget(lab, "loss_landscape", subject=subject, set={"chains": 2})
    run = played(widget, 3)
    assert run.configs[0].model.startswith("scikit-learn MLP") and run["loss"].shape == (4, 1)
    assert "**43** parameters" in run.story().text
    with pytest.raises(ConfigError, match="leave out preset and link"):
        lab("loss_landscape", preset="L0", subject=own_models.scikit_learn())


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"name": "nothing"}, UnknownName),
        ({"name": "matrix_sensing", "preset": "P99"}, UnknownName),
        ({"name": "matrix_sensing", "set": {"eta": -1.0}}, ConfigError),
        ({"name": "matrix_sensing", "link": "damaged"}, link.BadLink),
    ],
)
def test_what_does_not_exist_is_an_error_in_the_cell(options, error):
    with pytest.raises(error):
        lab(**options)


def test_a_run_from_a_cell_is_shown_at_its_end_and_goes_on_without_being_changed(open_widget):
    run = engines.run("matrix_sensing", preset="P3", set=ALPHAS, steps=60)
    before = run["error"].copy()
    widget = open_widget(show, run)
    assert (widget.run.steps[-1], widget.lab.session.paused) == (60, True)
    np.testing.assert_array_equal(widget.run["error"], before)
    widget.lab.command("step", {"count": 40})
    until(lambda: widget.run.steps[-1] == 100)
    longer = engines.run("matrix_sensing", preset="P3", set=ALPHAS, steps=100)
    np.testing.assert_array_equal(widget.run["error"][-1], longer["error"][-1])
    assert run.steps[-1] == 60


def test_a_run_with_live_edits_repeats_them_when_it_goes_on(open_widget):
    first = open_widget(lab, "matrix_sensing", preset="P3", set=ALPHAS)
    played(first, 30)
    first.lab.edit({"eta": 0.05})
    first.lab.command("step", {"count": 30})
    until(lambda: first.run.steps[-1] == 60)
    second = open_widget(show, first.run)
    for widget in (first, second):
        widget.lab.command("step", {"count": 40})
    until(lambda: first.run.steps[-1] == second.run.steps[-1] == 100)
    np.testing.assert_array_equal(first.run["error"][-1], second.run["error"][-1])


def test_an_experiment_can_be_told_from_its_run():
    run = engines.run("matrix_sensing", preset="P3", set=ALPHAS, steps=10)
    found = Experiment.from_run(run)
    assert found.configs() == run.configs
    assert (found.steps, found.preset.name) == (10, "P3")


def test_a_run_without_a_frame_cannot_be_shown():
    engine = engines.load("matrix_sensing")
    with pytest.raises(ConfigError, match="nothing is recorded"):
        show(Run(engine, [engine.Config()]))


@pytest.mark.parametrize("path", BOOKS, ids=lambda path: path.parts[-3])
def test_the_notebooks_are_kept_without_outputs(path):
    cells = json.loads(path.read_text())["cells"]
    assert not [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")]


@pytest.mark.thorough
@pytest.mark.parametrize("path", BOOKS, ids=lambda path: path.parts[-3])
def test_the_notebooks_run(path):
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    book = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(book, timeout=120, resources={"metadata": {"path": path.parents[3]}})
    client.execute()
    shown = [output["data"] for cell in book.cells for output in cell.get("outputs", []) if "data" in output]
    assert sum("application/vnd.holoviews_exec.v0+json" in data for data in shown) >= 2


def test_through_ipywidgets_a_page_is_told_of_each_frame(open_widget, clock, monkeypatch):
    pytest.importorskip("jupyter_bokeh")
    widget = open_widget(lab, "matrix_sensing", preset="P3")
    view, sent = pn.ipywidget(widget), []
    monkeypatch.setattr(view, "send", lambda *message: sent.append(message))
    clock.tick()
    assert not sent
    widget.lab.bridge.receive({"ack": 0})  # the page is there
    until(lambda: len(widget.run) > 3)
    clock.tick()
    assert any("PATCH-DOC" in str(message) for message in sent)
