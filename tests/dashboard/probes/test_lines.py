import numpy as np
import pytest

from dashboard.probes.pictures.lines import MOST_POINTS, LinesPicture, trace_styles
from dashboard.ui.palette import category
from engines.core.protocol.probe_figures import Lines, Trace


def probe(*traces, **options):
    return Lines(traces=traces, **options)


def trace(y="y", style="points"):
    return Trace(x="x", y=y, label=y, style=style)


def drawn(picture):
    return [renderer.data_source.data for renderer in picture.content.renderers]


def test_a_theory_has_the_hue_of_the_data_before_it_and_a_dash_of_its_own():
    found = list(trace_styles([trace(), trace(style="theory"), trace(style="theory"), trace(style="line"), trace()]))
    assert [tone.color for tone in found] == [category(place) for place in (0, 0, 0, 1, 2)]
    assert found[0].dash == found[3].dash == ()
    assert found[1].dash and found[2].dash and found[1].dash != found[2].dash


def test_a_picture_draws_each_trace_in_its_style_under_its_labels():
    made = LinesPicture(
        probe(trace(), trace("z", "line"), trace("w", "theory"), x_label="rank", y_label="size"),
        {"x": np.arange(3), "y": np.ones(3), "z": [1, 2, 4], "w": np.ones(3)},
    )
    assert [r.glyph.__class__.__name__ for r in made.content.renderers] == ["Scatter", "Line", "Line"]
    assert (made.content.xaxis.axis_label, made.content.yaxis.axis_label) == ("rank", "size")
    assert drawn(made)[1]["y"] == [1, 2, 4]
    assert made.content.renderers[2].glyph.line_dash == [7, 5]
    assert made.content.y_range.start < 1 < 4 < made.content.y_range.end


def test_what_a_logarithmic_axis_has_no_place_for_is_counted_and_left_out():
    made = LinesPicture(probe(trace(), log_y=True), {"x": [1, 2, 3, 4], "y": [1.0, 0.0, -1e-17, 1e-3]})
    assert made.note == "y: 2 of 4 are not positive and not drawn"
    assert np.isfinite(drawn(made)[0]["y"]).tolist() == [True, False, False, True]
    assert 1e-4 < made.content.y_range.start < 1e-3
    assert not LinesPicture(probe(trace()), {"x": [1, 2], "y": [0.0, -1.0]}).note


def test_a_long_trace_is_thinned_and_says_so():
    made = LinesPicture(probe(trace()), {"x": np.arange(5 * MOST_POINTS), "y": np.arange(5 * MOST_POINTS)})
    assert len(drawn(made)[0]["x"]) == MOST_POINTS
    assert drawn(made)[0]["x"][-1] == 5 * MOST_POINTS - 1
    assert "of 10,000 points drawn" in made.note


@pytest.mark.parametrize("values", [{"x": [1, 2], "y": [1]}, {"x": [1]}, {"x": np.ones((2, 2)), "y": np.ones((2, 2))}])
def test_arrays_that_do_not_fit_are_refused(values):
    with pytest.raises((ValueError, KeyError)):
        LinesPicture(probe(trace()), values)


def test_a_picture_without_a_finite_value_keeps_an_empty_frame():
    made = LinesPicture(probe(trace()), {"x": [1, 2], "y": [np.nan, np.inf]})
    assert made.content.y_range.start < made.content.y_range.end


def test_the_next_part_replaces_data_and_nothing_else():
    made = LinesPicture(probe(trace(), log_y=True), {"x": [1, 2], "y": [0.0, 1.0]})
    source = made.content.renderers[0].data_source
    made.update({"x": [1, 2, 3], "y": [1.0, 10.0, 100.0]})
    assert made.content.renderers[0].data_source is source
    assert source.data["y"] == [1, 10, 100]
    assert not made.note
    assert made.content.y_range.end > 100
