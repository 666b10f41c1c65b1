"""Numbers that HoloViews draws are those that a run recorded, its theory that of the engine, its hues the page's."""

import subprocess
import sys
from pathlib import Path

import holoviews as hv
import numpy as np
import pytest
from bokeh.models import Line
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D

import dynascope
import engines
from dashboard.figures.marks.prediction_lines import step_grid
from dashboard.figures.overlays import overlay_curves
from dashboard.publish.figure import figure, sheet
from dashboard.publish.figure_view import FigureView
from dashboard.publish.printing import printed
from dashboard.session.curves import curves
from dashboard.session.view_state import Annotation
from dashboard.ui.palette import GREY
from engines.core.protocol.errors import ConfigError, UnknownName

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def run():
    return engines.run("matrix_sensing", preset="P3", set={"alpha": [0.3, 0.5]}, seeds=[0], steps=120)


@pytest.fixture(scope="module")
def seeds():
    return engines.run("matrix_sensing", preset="P3", set={"alpha": 0.3}, seeds=[0, 1, 2, 3], steps=60)


def drawn(overlay, group):
    """The elements of a group."""
    return [element for element in overlay if element.group == group]


def numbers(element):
    return tuple(element.dimension_values(at) for at in (0, 1))


def option(element, name, backend="bokeh"):
    return hv.Store.lookup_options(backend, element, "style").kwargs[name]


def test_curves_hold_every_recorded_number_bit_for_bit(run):
    found = drawn(run.plot("error"), "Curve")
    assert len(found) == 2
    for member, curve in enumerate(found):
        steps, values = numbers(curve)
        np.testing.assert_array_equal(steps, run.steps)
        np.testing.assert_array_equal(values, run["relative_error"][:, member])


def test_theory_is_dashed_and_is_what_the_engine_predicts(run):
    found = drawn(figure(run, "error"), "Theory")
    steps = step_grid(int(run.steps[-1]))
    expected = [
        (law, bool(law.broken))
        for config in run.configs
        for law in run.engine.theory(config, steps)
        if law.channel == "relative_error"
    ]
    assert len(found) == len(expected) > 1
    hues = [curve.color for curve in curves(run.configs)]
    for place, (line, (law, broken)) in enumerate(zip(found, expected, strict=True)):
        np.testing.assert_array_equal(line.dimension_values(1), law.values)
        np.testing.assert_array_equal(line.dimension_values(0), steps)
        assert option(line, "line_dash") and option(line, "linestyle", "matplotlib") != "-"
        assert option(line, "color") == (GREY if broken else hues[place * 2 // len(found)])


def test_hues_are_the_pages_with_either_back_end(run):
    hues = [curve.color for curve in curves(run.configs)]
    found = drawn(figure(run, "error"), "Curve")
    for backend in ("bokeh", "matplotlib"):
        assert [option(curve, "color", backend) for curve in found] == hues


def test_bands_and_curves_are_printed_in_the_hues_of_the_page():
    run = engines.run("matrix_sensing", preset="P3", set={"alpha": [0.3, 0.5]}, seeds=[0, 1, 2], steps=20)
    hues = [to_rgb(curve.color) for curve in curves(run.configs)]
    axes = hv.renderer("matplotlib").get_plot(figure(run, "error")).state.axes[0]
    moved = [artist for artist in axes.get_children() if getattr(artist, "recorded", False)]
    bands = [to_rgb(artist.get_facecolor()[0]) for artist in moved if not isinstance(artist, Line2D)]
    lines = [to_rgb(artist.get_color()) for artist in moved if isinstance(artist, Line2D)]
    assert bands == lines == hues and len(hues) == 2


def test_a_band_holds_the_ends_of_its_members(seeds):
    overlay = figure(seeds, "error")
    (band,), (median,) = drawn(overlay, "Band"), drawn(overlay, "Curve")
    values = seeds["relative_error"]
    np.testing.assert_array_equal(band.dimension_values(1), values.min(axis=1))  # four members are few
    np.testing.assert_array_equal(band.dimension_values(2), values.max(axis=1))
    np.testing.assert_allclose(median.dimension_values(1), np.median(values, axis=1), rtol=1e-14)
    assert len(drawn(figure(seeds, "error", bands=False), "Curve")) == 4


def test_other_runs_are_drawn_behind_as_on_the_page(run, seeds):
    view = FigureView(overlays=overlay_curves(seeds, label="pinned run"))
    made = sheet(run, "error", view)
    shade, median = drawn(made.figure, "Overlay")
    (expected,) = view.overlays["relative_error"]
    np.testing.assert_array_equal(numbers(median), [expected.steps, expected.median])
    half = len(expected.steps)
    np.testing.assert_array_equal(shade.dimension_values(1)[:half], expected.band[0])
    assert option(median, "color") == GREY and "pinned run" in [entry["label"] for entry in made.legend]
    assert printed(made, "svg") and hv.renderer("bokeh").get_plot(made.figure).state


def test_a_channel_without_a_plot_of_its_own_is_drawn_by_its_name(run):
    (first, _) = drawn(run.plot("effective_rank"), "Curve")
    np.testing.assert_array_equal(first.dimension_values(1), run["effective_rank"][:, 0])
    with pytest.raises(UnknownName, match="did you mean relative_error"):
        run.plot("relativ_error")


def test_pictures_of_one_step_hold_the_numbers_of_that_step():
    run = engines.run("subgradient_recovery", preset="SG-01", steps=20)
    at = run.recording.thin.index_at(10)
    recovered, truth = (element for element in figure(run, "matrices", step=10) if isinstance(element, hv.Image))
    for image, name in ((recovered, "recovered"), (truth, "truth")):
        np.testing.assert_array_equal(image.dimension_values(2, flat=False)[::-1], run[name][at, 0])
    points = [element for element in figure(run, "residuals", step=10) if isinstance(element, hv.Scatter)]
    values = np.sort(np.concatenate([element.dimension_values(1) for element in points]))
    np.testing.assert_array_equal(values, np.sort(run["residuals"][at, 0]))
    bars = [element for element in figure(run, "eigenvalues", step=10) if isinstance(element, hv.Rectangles)]
    shown = np.concatenate([element.dimension_values("y1") for element in bars])
    eigenvalues = run["eigenvalues"][run.recording.series("eigenvalues").index_at(10), 0]
    np.testing.assert_array_equal(shown, eigenvalues[eigenvalues > 0])


def test_a_sweep_and_a_map_hold_every_member():
    axes = {"lambda_h": [0.01, 0.02, 0.05], "lambda_w": [0.01, 0.03]}
    run = engines.run("neural_collapse", set=axes, steps=30)
    channel = run.engine.plots[[plot.name for plot in run.engine.plots].index("sweep")].channels[0]
    dots = drawn(figure(run, "sweep"), "Member")
    shown = np.sort(np.concatenate([element.dimension_values(1) for element in dots]))
    np.testing.assert_array_equal(shown, np.sort(run[channel][-1]))
    (channel,) = (plot.channels[0] for plot in run.engine.plots if plot.name == "map")
    image = next(element for element in figure(run, "map") if isinstance(element, hv.Image))
    np.testing.assert_array_equal(np.sort(image.dimension_values(2)), np.sort(np.abs(run[channel][-1])))


@pytest.mark.parametrize("name", engines.names())
def test_every_plot_is_drawn_by_both_back_ends(name):
    run = engines.run(name, steps=20)
    empty = 0
    for plot in run.engine.plots:
        try:
            made = figure(run, plot)
        except ConfigError:  # knobs that do not vary, another model: the page leaves such a figure out
            empty += 1
            continue
        assert hv.renderer("bokeh").get_plot(made).state
        hv.renderer("matplotlib").get_plot(made)
    assert empty < len(run.engine.plots) - 4


def test_figures_compose(run):
    error, loss = run.plot("error"), run.plot("loss")
    assert len(list(error * loss)) == len(list(error)) + len(list(loss))
    assert len(error + loss) == 2
    assert hv.renderer("bokeh").get_plot(error + loss).state


def test_what_is_logarithmic_for_both_signs_lies_where_the_page_has_it():
    run = engines.run("subgradient_recovery", preset="SG-01", steps=20)
    overlay = figure(run, "gap")
    (curve,) = drawn(overlay, "Curve")
    np.testing.assert_array_equal(curve.dimension_values(1), run["loss_gap"][:, 0])
    state = hv.renderer("bokeh").get_plot(overlay).state
    lines = [each.glyph for each in state.renderers if isinstance(each.glyph, Line)]
    assert lines and all(line.y["transform"].args["threshold"] == 1e-6 for line in lines)


def test_a_note_and_a_measured_slope_are_drawn(run):
    steps, error = run.steps, run["relative_error"][:, 1]
    notes = [
        Annotation("error", "relative_error", 1, 60, text="here"),
        Annotation("error", "relative_error", 1, 40, 100),
        Annotation("error", "relative_error", 1, 40, 1000),  # not there yet
    ]
    made = sheet(run, "error", FigureView(annotations=notes, log_x=True, log_y=True)).figure
    texts = [
        t for element in drawn(made, "Note") if isinstance(element, hv.Labels) for t in element.dimension_values(2)
    ]
    inside = (steps >= 40) & (steps <= 100)
    slope = np.polyfit(np.log(steps[inside]), np.log(error[inside]), 1)[0]
    assert texts == ["here", f"slope {slope:.4g}".replace("-", "−")]
    point = next(element for element in drawn(made, "Note") if isinstance(element, hv.Points))
    assert numbers(point)[1][0] == error[steps == 60][0]


def test_a_member_that_diverged_ends_there():
    run = engines.run("matrix_sensing", set={"eta": [0.2, 10.0]}, steps=20)
    curve = drawn(figure(run, "loss"), "Curve")[1]
    np.testing.assert_array_equal(np.isnan(curve.dimension_values(1)), run.steps >= run.diverged_at[1])


def test_engines_alone_say_what_draws():
    code = "import engines"
    code += "\nrun = engines.run('matrix_sensing', steps=3)\ntry: run.plot('loss')\nexcept ValueError as e: print(e)"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True).stdout
    assert said.strip() == "engines draw no figures themselves: `import dynascope` before `run.plot`"
    assert dynascope.figure is figure
