import numpy as np
import pytest
from bokeh.models import Span

from dashboard.probes.pictures.bars import BarsPicture
from dashboard.probes.pictures.picture_kinds import ready, tables
from engines.core.protocol.probe_figures import Bars, Trace

DECLARED = Bars(
    traces=(Trace(x="budget", y="a", label="Muon"), Trace(x="budget", y="b", label="Lion")), x_label="budget", mark=1.0
)
VALUES = {"budget": [50.0, 100.0, 200.0], "a": [1.5, 1.2, np.nan], "b": [0.9, 0.8, 0.5]}


def drawn(picture):
    return [renderer.data_source.data for renderer in picture.content.renderers if not isinstance(renderer, Span)]


def test_bars_of_one_place_stand_side_by_side_and_none_hides_another():
    picture = BarsPicture(DECLARED, VALUES)
    one, other = drawn(picture)
    width = one["width"][0]
    np.testing.assert_allclose(np.subtract(other["place"], one["place"]), width)
    np.testing.assert_allclose(np.add(one["place"], other["place"]) / 2, [0, 1, 2], atol=1e-12)
    assert 2 * width < 1
    assert picture.content.xaxis[0].major_label_overrides == {0: "50", 1: "100", 2: "200"}


def test_a_bar_begins_at_nothing_and_what_has_no_value_is_counted():
    picture = BarsPicture(DECLARED, VALUES)
    assert picture.content.y_range.start == 0 and picture.content.y_range.end > 1.5
    assert picture.note == "1 of 6 have no value and no bar"
    (line,) = (each for each in picture.content.center if isinstance(each, Span))
    assert line.location == 1.0


def test_other_values_move_the_same_bars():
    picture = BarsPicture(DECLARED, VALUES)
    picture.update({**VALUES, "a": [3.0, 2.4, 2.0]})
    assert drawn(picture)[0]["y"] == [3.0, 2.4, 2.0]
    assert picture.note == "" and picture.content.y_range.end > 3


def test_a_method_that_did_not_race_has_no_bar_and_a_table_has_the_numbers():
    found = ready(DECLARED, {key: VALUES[key] for key in ("budget", "b")})
    assert isinstance(found, Bars) and [trace.label for trace in found.traces] == ["Lion"]
    (table,) = tables(DECLARED, VALUES)
    assert table.rows[0][1:] == ["1.5", "0.9"] or table.rows[0][-2:] == ["1.5", "0.9"]


@pytest.mark.parametrize("values", [{"budget": [1, 2], "a": [1], "b": [1, 2]}, {"budget": [1], "a": [1]}])
def test_arrays_that_do_not_fit_are_refused(values):
    with pytest.raises((ValueError, KeyError)):
        BarsPicture(DECLARED, values)
