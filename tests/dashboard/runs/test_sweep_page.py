"""The page of sweeps: what the form says is checked and computed beside it; a cell of the map leads to its run."""

import time

import holoviews as hv
import numpy as np
import pytest
from bokeh.models import GlyphRenderer

from dashboard.runs import library, sweep_jobs
from dashboard.runs.members_panel import MembersPanel, sentence
from dashboard.runs.sweep_map import SweepMap
from dashboard.runs.sweep_page import SweepPage
from dashboard.session import link
from engines.core.protocol.errors import ConfigError
from engines.core.protocol.registry import load
from engines.core.sweeps.compute import compute_task
from engines.core.sweeps.folder import Sweep, rows_to_bytes
from engines.core.sweeps.plan import Plan


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A library with a sweep whose tasks were computed in this process."""
    folder = tmp_path_factory.mktemp("library")
    plan = Plan.from_name(load("neural_collapse"), "weight_decay", small=True)
    sweep = Sweep.create(plan, folder / sweep_jobs.FOLDER / "collapse")
    for task in plan.tasks():
        sweep.keep(task, rows_to_bytes(compute_task(task)[0]), None)
    return folder


@pytest.fixture
def page(folder):
    page = SweepPage(lambda name: f"./{name}", folder)
    until_drawn(page)
    yield page
    page.results.close()


def until_drawn(page, seconds=60):
    end = time.monotonic() + seconds
    while not page.results.__panel__().visible and time.monotonic() < end:
        time.sleep(0.02)
        page.tick()


def test_a_kept_sweep_is_drawn_with_its_line_its_slices_and_its_verdict(page):
    assert page.chosen.value.endswith("collapse") and "1 of 1 tasks, 18 points" in page.status.object
    [beta_of] = page.results.slices
    assert beta_of.label == "β" and list(beta_of.options.values()) == [0.3, 3.0]
    for beta in beta_of.options.values():
        beta_of.value = beta
        overlay = page.results.map.drawing[beta]
        np.testing.assert_array_equal(
            next(iter(overlay)).dimension_values("value", flat=False), page.results.map.data.sel(beta=beta).values
        )
        [line] = [each for each in overlay if type(each) is hv.Curve]  # that of this slice
        w = np.geomspace(0.1, 1.6, 60)
        np.testing.assert_allclose(line.dimension_values("y"), page.results.map.places("lambda_h", beta**2 * w))
    assert "✓" in page.results.claims.object and "✗" not in page.results.claims.object
    assert not page.stop.visible and not page.go_on.visible
    assert "Click a cell" in page.results.cell.object and "empty" not in page.results.cell.object


def test_a_slider_replaces_the_numbers_of_the_figure_and_stays_where_the_sweep_is_read_again(page):
    figure, [slider] = page.results.map_pane[0].get_root(), page.results.slices
    mesh = next(each for each in figure.select({"type": GlyphRenderer}) if "value" in each.data_source.data)
    for beta in (3.0, 0.3, 3.0):
        slider.value = beta
        expected = page.results.map.data.sel(beta=beta).values
        np.testing.assert_array_equal(np.sort(mesh.data_source.data["value"]), np.sort(expected, axis=None))
    page.results.redraw()
    assert page.results.map.at == {"beta": 3.0} and page.results.slices[0].value == 3.0


def test_members_of_a_sweep_stand_side_by_side(page):
    members = page.results.members
    assert list(members.across.options.values()) == ["lambda_w", "lambda_h", "beta", "final(nc1_ratio)"]
    assert [name for name in members.across.options if "_" in name or "(" in name] == []
    members.across.value = "lambda_w"
    points = members.points[0].object
    table = Sweep(page.chosen.value).table()
    drawn = hv.render(points).renderers[0].data_source.data
    for name in ("lambda_w", "final(nc1_ratio)"):
        assert any(np.array_equal(column, table[name]) for column in drawn.values())


def test_of_many_members_some_are_drawn_and_it_is_said():
    import pandas as pd

    table = pd.DataFrame({"a": np.arange(5000.0), "final(loss)": np.arange(5000.0) ** 2})
    panel = MembersPanel()
    panel.show(table)
    assert "2,000 of 5,000 members are drawn" in panel.hint.object


def test_a_sweep_over_one_knob_has_members_and_says_why_it_has_no_map(tmp_path):
    plan = Plan.make(load("matrix_sensing"), set={"alpha": [0.1, 0.2], "n": 6, "k": 2, "r": 1}, steps=5)
    sweep = Sweep.create(plan, tmp_path / sweep_jobs.FOLDER / "one")
    for task in plan.tasks():
        sweep.keep(task, rows_to_bytes(compute_task(task)[0]), None)
    page = SweepPage(str, tmp_path)
    until_drawn(page)
    assert "two knobs" in page.results.map_pane[0].object and page.error.object == ""
    assert page.results.members.across.value == "alpha" and len(page.results.members.points) == 1
    page.results.close()


def test_a_cell_tells_its_value_and_opens_its_run(page):
    page.results.map_pane[0].get_root()
    page.results.slices[0].value = 3.0
    page.results.map.tap.event(x=1.2, y=0.1)  # as a click says it
    sweep = Sweep(page.chosen.value)
    value = float(sweep.map().sel(lambda_w=0.4, lambda_h=0.05, beta=3.0))
    assert f"{value:.3g}"[:4] in page.results.cell.object and "λᴡ = 0.4" in page.results.cell.object
    token = page.results.cell.object.split("s=")[1].split("'")[0]
    experiment, _ = link.decode(token, load("neural_collapse"))
    [config] = experiment.configs()
    assert (config.lambda_w, config.lambda_h, config.beta, config.epsilon) == (0.4, 0.05, 3.0, 1e-4)


@pytest.mark.parametrize(
    ("knobs", "seeds", "words"),
    [("alfa=1,2", "", "did you mean alpha?"), ("alpha", "", "not of the form knob=values"), ("alpha=1,x", "", "alpha"),
     ("'alpha=1", "", "not closed"), ("alpha=0.1,99", "", "alpha=99"), ("alpha=0.1,0.2", "a", "seed")],
)  # fmt: skip
def test_what_is_wrong_is_a_sentence_and_nothing_begins(page, folder, knobs, seeds, words):
    page.form.engine.value = "matrix_sensing"
    page.form.named.value = "knobs of your own"
    page.form.knobs.value, page.form.seeds.value = knobs, seeds
    page.form.button.clicks += 1
    assert words in page.error.object and "Traceback" not in page.error.object
    assert [path.name for path in sweep_jobs.sweeps(folder)] == ["collapse"]


@pytest.mark.parametrize("name", ["../x", "a/b", "collapse", " .x"])
def test_a_name_is_that_of_a_new_folder(page, name):
    page.form.called.value = name
    page.form.button.clicks += 1
    assert "wrong" in page.error.object


@pytest.mark.slow
def test_a_sweep_that_begins_is_computed_beside_the_page_and_drawn(tmp_path):
    page = SweepPage(lambda name: f"./{name}", tmp_path)
    page.form.engine.value = "matrix_sensing"
    page.form.named.value = "knobs of your own"
    page.form.knobs.value = "alpha=0.1,0.2 k=3,4 n=6 r=1 operator=identity"
    page.form.seeds.value, page.form.steps.value, page.form.called.value = "0:2", "40", "mine"
    page.form.button.clicks += 1
    assert page.error.object == "" and page.stop.visible
    until_drawn(page, 100)
    rows = Sweep(tmp_path / sweep_jobs.FOLDER / "mine").table()
    expected = rows[(rows["alpha"] == 0.2) & (rows["k"] == 4)]["final(loss)"].mean()
    assert page.results.map.value_at({"alpha": 0.2, "k": 4}) == pytest.approx(expected, rel=1e-12)
    job = sweep_jobs.job(tmp_path / sweep_jobs.FOLDER / "mine")
    assert job.process.wait(60) == 0 and job.failure == ""


def test_on_a_server_that_others_reach_nothing_begins(folder, monkeypatch):
    monkeypatch.setattr(library, "public", lambda: True)
    with pytest.raises(ConfigError, match="begun where the server runs"):
        SweepPage(str, folder)


def test_lines_lie_where_their_values_are_on_an_axis_of_even_cells():
    import xarray

    data = xarray.DataArray(np.arange(6.0).reshape(2, 3), {"up": [1, 2], "a": [0.01, 0.1, 1.0]}, ["up", "a"], "x")
    found = SweepMap(data, "a", "up", [], lambda point: None)
    assert not found.has_holes and SweepMap(data.where(data > 0), "a", "up", [], lambda point: None).has_holes
    np.testing.assert_allclose(found.places("a", [0.01, 10**-1.5, 1.0, 5.0]), [0, 0.5, 2, np.nan])


def test_a_sentence_in_place_of_a_drawing_is_text():
    assert sentence("axis=<img src=x onerror=alert(1)>").object == "<p>axis=&lt;img src=x onerror=alert(1)&gt;</p>"
