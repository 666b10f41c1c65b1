from dashboard.figures.marks.series import MOST, few, pair, sweep
from engines.core.protocol.declarations import Plot
from engines.loss_landscape.config import LossLandscape
from tests.core.toy import Toy
from tests.dashboard.figures.examples import members


def test_the_swept_knob_is_the_number_that_varies_most_and_never_a_seed():
    assert sweep(members(a=(1, 2, 3), eta=(0.1, 0.2), seed=range(9))).knob.name == "a"
    assert sweep(members(a=(1, 2), eta=(0.1, 0.2, 0.3))).knob.name == "eta"


def test_where_no_number_varies_there_is_no_sweep():
    assert sweep(members(seed=range(5))) is None
    assert sweep(members(sign=("plus", "minus"), flat=(False,))) is None


def test_of_knobs_that_vary_as_much_one_that_varies_alone_is_swept():
    cases = [{"shift": 1, "eta": 0.1}, {"shift": 2, "eta": 0.2}]
    assert sweep([Toy(a=a, **case) for case in cases for a in (1, 2)]).knob.name == "a"


def test_a_knob_that_follows_the_swept_one_tells_no_series_apart():
    cases = [{"a": 1, "eta": 0.1}, {"a": 2, "eta": 0.2}, {"a": 4, "eta": 0.3}]
    found = sweep([Toy(sign=sign, **case) for sign in ("plus", "minus") for case in cases])
    assert found.knob.name == "a"
    assert [strand.label for strand in found.strands] == ["plus", "minus"]
    assert [list(strand.points) for strand in found.strands] == [[1, 2, 4], [1, 2, 4]]


def test_members_that_differ_in_the_seed_alone_share_a_point_and_others_a_strand():
    found = sweep(members(sign=("plus", "minus"), a=(2, 1, 4), seed=(0, 1)))
    assert [strand.label for strand in found.strands] == ["plus", "minus"]
    assert found.strands[0].points == {1: (2, 3), 2: (0, 1), 4: (4, 5)}
    assert list(found.strands[1].points) == [1, 2, 4]
    assert len({strand.color for strand in found.strands}) == 2


def test_a_logarithmic_knob_has_a_logarithmic_axis_while_all_values_are_positive():
    assert sweep(members(a=(0.01, 1, 100))).log
    assert not sweep(members(shift=(0, 1, 2))).log


def test_a_zero_gives_way_to_a_logarithmic_axis_where_several_values_are_positive():
    angles = [LossLandscape(angle=angle) for angle in (0.0, 0.003, 0.03, 0.3)]
    found = sweep(angles)
    assert found.log and list(found.strands[0].points) == [0.003, 0.03, 0.3]
    few = sweep(angles[:3])
    assert not few.log and list(few.strands[0].points) == [0, 0.003, 0.03]


def test_more_strands_than_hues_are_counted_and_not_drawn():
    found = sweep(members(a=[1 + i for i in range(MOST + 3)], eta=[0.1 * (1 + i) for i in range(MOST + 5)]))
    assert found.knob.name == "eta"
    assert (len(found.strands), found.total) == (MOST, MOST + 3)


def test_a_map_is_over_the_two_numbers_that_vary_most():
    assert pair(members(a=(1, 2), eta=(0.1, 0.2, 0.3), sign=("plus", "minus"))) == ("eta", "a")
    assert pair(members(a=(1, 2), seed=(0, 1))) is None


def test_figures_of_ensembles_are_left_out_where_too_few_numbers_vary():
    plots = [Plot(name=kind, title="", channels=("loss",), doc="", kind=kind) for kind in ("line", "sweep", "map")]
    assert few(plots, members(seed=(0, 1), sign=("plus", "minus"))) == {"sweep", "map"}
    assert few(plots, members(a=(1, 2))) == {"map"}
    assert few(plots, members(a=(1, 2), eta=(0.1, 0.2))) == set()
