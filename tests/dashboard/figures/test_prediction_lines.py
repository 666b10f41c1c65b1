from dataclasses import replace

import numpy as np

from dashboard.figures.marks.figure import FigureOptions
from dashboard.figures.marks.line import LineMark, line_specs
from dashboard.figures.marks.prediction_lines import PredictionLine, broken_assumptions, predict, title
from dashboard.figures.marks.streamed_source import StreamedSource
from dashboard.session.curves import curves
from engines import load
from engines.core.protocol.declarations import Plot, Prediction
from tests.core.toy import ENGINE as TOY
from tests.core.toy import Toy

ENGINE = load("matrix_sensing")
EVERY = {"α = 0.1", "α = 0.7", "α = 0.9", "k = 3"}


def test_a_reason_for_all_names_nobody():
    assert broken_assumptions({"noise": list(EVERY)}, EVERY) == "noise"


def test_a_reason_that_begins_with_the_member_does_not_repeat_it():
    assert broken_assumptions({"α = 0.7 is not small": ["α = 0.7"]}, EVERY) == "α = 0.7 is not small"


def test_a_reason_for_some_names_them_and_many_reasons_are_counted():
    assert broken_assumptions({"not small": ["α = 0.7", "α = 0.9"]}, EVERY) == "not small (α = 0.7, α = 0.9)"
    assert (
        broken_assumptions({"a": ["k = 3"], "b": ["k = 3"], "c": ["k = 3"]}, EVERY)
        == "a (k = 3); b (k = 3); and 1 more"
    )


def test_a_curve_with_two_lines_is_named_once():
    assert broken_assumptions({"not small": ["α = 0.7", "α = 0.7"]}, EVERY) == "not small (α = 0.7)"


def test_a_legend_calls_a_bound_a_bound():
    law = Prediction(channel="x", label="flow", values=np.ones(3), reference="none")
    called = [title(replace(law, kind=kind))[0] for kind in ("law", "upper", "lower", "band")]
    assert called == ["theory: flow", "upper bound: flow", "lower bound: flow", "band: flow"]
    assert title(replace(law, label="flow (within a factor of 2)")) == ("theory: flow", "within a factor of 2")


def test_a_band_carries_the_median_of_its_members_predictions():
    configs = [ENGINE.Config(alpha=0.3, seed=seed) for seed in range(5)]
    (band,) = curves(configs, True, [0])
    assert len(band.members) == 5
    drawn = {line.prediction.channel: line for line in predict(ENGINE, [band], configs, 1000)[0]}["error"]
    singles = [{p.channel: p.values for p in ENGINE.theory(c, drawn.steps)}["error"] for c in configs]
    np.testing.assert_array_equal(drawn.prediction.values, np.median(singles, axis=0))
    assert np.ptp(singles, axis=0).max() > 0


def test_a_prediction_of_one_component_is_drawn_in_the_hue_of_that_component_alone():
    configs = [Toy()]
    (curve,) = curves(configs)
    plot = Plot(name="x", title="x", channels=("x",), doc="x", log_y=False)
    lines = line_specs(plot, {"x": TOY.channel("x")}, [curve], 0, {"x": 3})
    feed = StreamedSource([spec.column for spec in lines])
    calls = {"on_zoom": lambda: None, "on_reset": lambda: None, "on_tap": lambda who: None}
    mark = LineMark(plot, TOY, lines, feed, FigureOptions(False, False), **calls)
    steps = np.arange(3)
    said = [Prediction(channel="x", label="law", values=steps + i, reference="none", component=i) for i in (0, 2, 7)]
    mark.show_theory([PredictionLine(curve, one, steps) for one in said])
    data = mark.sources["theory"].data
    assert list(data["color"]) == [lines[0].color, lines[2].color]
    assert [line[0] for line in data["ys"]] == [0, 2]
    assert mark.theory_titles() == {"theory: law": ("", True)}


def test_vectors_of_two_curves_are_drawn_beside_one_another_where_the_plot_asks():
    both = curves([Toy(), Toy(seed=1)], False, [0])
    plot = Plot(name="x", title="x", channels=("x",), doc="x")
    channels = {"x": TOY.channel("x")}
    alone = line_specs(plot, channels, both, 1, {"x": 3})
    assert {spec.column.curve.key for spec in alone} == {both[1].key}
    beside = line_specs(replace(plot, beside=True), channels, both, 1, {"x": 3})
    assert [spec.column.curve.key for spec in beside] == [both[0].key] * 3 + [both[1].key] * 3
    assert [spec.focus for spec in beside] == [False] * 3 + [True] * 3
    assert len({spec.color for spec in beside}) == 6
