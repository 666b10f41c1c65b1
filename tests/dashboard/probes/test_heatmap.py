import numpy as np
import pytest

from dashboard.figures.marks.color_scale import DECADES
from dashboard.probes.pictures.heatmap import MOST_PER_SIDE, HeatPicture, cell_span, fill_gaps
from engines.core.protocol.probe_figures import Heat

AXIS = np.linspace(-1, 1, 5)
BOWL = AXIS[:, None] ** 2 + AXIS**2 + 0.5 * AXIS  # not symmetric in its columns


def heat(values=BOWL, x=AXIS, y=AXIS, path=None, **options):
    named = {"h": np.asarray(values, float), "x": x, "y": y}
    named |= {"u": path[0], "v": path[1]} if path else {}
    return HeatPicture(Heat(values="h", x="x", y="y", path=("u", "v") if path else (), **options), named)


def data(made, name):
    return made.source.data[name][0]


def test_cells_are_centred_on_their_coordinates_and_the_first_row_is_at_the_bottom():
    made = heat(x=AXIS, y=np.arange(5) * 10.0)
    assert [data(made, name) for name in ("x", "y", "dw", "dh")] == pytest.approx([-1.25, -5, 2.5, 50])
    assert np.allclose(data(made, "image"), BOWL)
    assert (made.content.x_range.start, made.content.x_range.end) == pytest.approx((-1.25, 1.25))


def test_colours_span_what_is_known_and_the_hover_has_the_raw_values():
    values = BOWL.copy()
    values[1, 1], values[2, 2] = np.nan, np.inf
    made = heat(values)
    finite = values[np.isfinite(values)]
    assert (made.mapper.low, made.mapper.high) == (finite.min(), finite.max())
    assert np.array_equal(data(made, "raw"), values, equal_nan=True)
    assert np.isnan(data(made, "image")[[1, 2], [1, 2]]).all()


def test_a_logarithmic_scale_has_no_colour_for_zero_and_less_and_ends_after_some_decades():
    values = np.array([[1e-20, 1.0], [0.0, -1.0]])
    made = heat(values, x=[0, 1], y=[0, 1], log=True)
    assert made.mapper.low == pytest.approx(10.0**-DECADES)
    assert np.isfinite(data(made, "image")).tolist() == [[True, True], [False, False]]
    assert "2 of 4 are not positive" in made.note and "the least is 10⁻²⁰" in made.note
    assert not heat(values, x=[0, 1], y=[0, 1]).note


def test_a_coarse_lattice_looks_like_a_coarse_image():
    true = np.arange(81.0).reshape(9, 9)
    for stride in (8, 4, 2, 1):
        known = np.full((9, 9), np.nan)
        known[::stride, ::stride] = true[::stride, ::stride]
        assert np.isfinite(fill_gaps(known)).all()
        near = np.round(np.arange(9) / stride).astype(int) * stride  # halfway both are as near
        sure = (np.arange(9) % stride) * 2 != stride
        assert np.array_equal(fill_gaps(known)[np.ix_(sure, sure)], true[np.ix_(near, near)][np.ix_(sure, sure)])


def test_a_lattice_whose_last_known_row_is_not_its_last_is_filled_to_the_corner():
    known = np.full((16, 16), np.nan)
    known[::8, ::8] = 1.0
    assert np.isfinite(fill_gaps(known)).all()


def test_rows_that_come_one_by_one_leave_the_rest_open():
    known = np.full((5, 5), np.nan)
    known[:2] = 1.0
    assert np.array_equal(np.isfinite(fill_gaps(known)), np.isfinite(known))
    assert np.isnan(fill_gaps(np.full((3, 3), np.nan))).all()


def test_the_next_part_replaces_data_and_nothing_else():
    made = heat(np.full((5, 5), np.nan))
    renderers, mapper = list(made.content.renderers), made.mapper
    made.update({"h": BOWL, "x": AXIS, "y": AXIS})
    assert made.content.renderers == renderers
    assert (mapper.low, mapper.high) == (BOWL.min(), BOWL.max())
    assert np.allclose(data(made, "image"), BOWL)


def test_what_is_drawn_does_not_change_with_the_arrays_it_came_from():
    values = BOWL.copy()
    made = heat(values)
    values[:] = 0
    assert data(made, "raw").max() == BOWL.max()


def test_the_way_is_drawn_with_its_end_and_explained():
    made = heat(path=([0.0, 0.5, 1.0], [0.0, 0.2, 0.4]))
    assert made.path.data["y"] == [0.0, 0.2, 0.4]
    assert made.end.data == {"x": [1.0], "y": [0.4]}
    assert [sample["label"] for sample in made.legend] == ["the way", "its end"]
    assert not heat().legend


def test_a_large_lattice_is_thinned_and_the_page_says_so():
    long = np.arange(2 * MOST_PER_SIDE)
    made = heat(np.ones((2 * MOST_PER_SIDE, 5)), x=AXIS, y=long)
    assert data(made, "image").shape == (MOST_PER_SIDE, 5)
    assert made.note == f"{MOST_PER_SIDE} × 5 of {2 * MOST_PER_SIDE} × 5 values drawn"


def test_one_value_everywhere_has_a_colour():
    made = heat(np.full((5, 5), 3.0))
    assert made.mapper.low <= 3.0 < made.mapper.high


@pytest.mark.parametrize(
    "wrong",
    [
        {"values": np.ones((4, 5))},
        {"values": np.ones(5)},
        {"x": AXIS**3},
        {"y": AXIS[::-1]},
        {"path": ([0.0], [0.0, 1.0])},
        {"values": np.ones((0, 5)), "y": []},
    ],
)
def test_arrays_that_do_not_fit_are_refused(wrong):
    with pytest.raises(ValueError):
        heat(**wrong)


def test_a_single_row_has_a_height():
    assert cell_span("y", np.array([2.0])) == (1.5, 1.0)
