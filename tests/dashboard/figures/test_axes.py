import math

import numpy as np
import pytest

from dashboard.figures.marks import axes
from dashboard.figures.marks.axes import Scale
from engines.core.protocol.declarations import Plot


def test_a_linear_axis_grows_with_the_run_and_a_logarithmic_one_shows_it_all():
    assert axes.step_range(100, 10_000, log=False)[1] < 200
    assert axes.step_range(0, 10_000, log=False)[1] >= 10_000
    assert axes.step_range(10, 10_000, log=True)[1] >= 10_000


def test_theory_is_followed_to_rounding_and_no_further():
    low, high = axes.value_range((1e-3, 1.0, 1e-3), (1e-300, 1.0, 1e-300), log=True)
    assert 1e-19 < low < 1e-17
    assert 1 < high < 10


def test_data_is_always_in_view():
    for log in (False, True):
        low, high = axes.value_range((0.01, 5.0, 0.01), (1e-9, 1e9, 1e-9), log)
        assert low < 0.01
        assert high > 5


def test_what_has_all_but_vanished_does_not_flatten_the_rest():
    low, _ = axes.value_range((1e-115, 1.0, 1e-115), None, log=True)
    assert low > 1e-26


@pytest.mark.parametrize("log", [False, True])
def test_a_constant_has_a_range(log):
    low, high = axes.value_range((2.0, 2.0, 2.0), None, log)
    assert low < 2 < high


def test_nothing_finite_leaves_the_range_alone():
    assert axes.value_range(None, None, log=True) is None
    assert axes.value_range((-1.0, 0.0, math.inf), None, log=True) is None


ASINH = Scale(log=False, threshold=1e-6)


def plot(**options):
    return Plot(name="p", title="p", doc="p", channels=("loss",), **options)


def test_a_decade_is_a_unit_beyond_the_bend_and_the_scale_is_even_within_it():
    assert ASINH.places([1e-3, 1e-2, 1e5]) == pytest.approx([3, 4, 11], abs=1e-6)
    assert ASINH.places([1e-9, 2e-9]) @ [2, -1] == pytest.approx(0, abs=1e-9)


def test_both_signs_are_treated_alike_and_zero_stays():
    values = np.array([0.0, 1e-8, 1e-3, 7.0])
    np.testing.assert_array_equal(ASINH.places(-values), -ASINH.places(values))
    assert ASINH.places(0.0) == 0


def test_the_inverse_gives_back_the_value():
    values = np.concatenate([-np.geomspace(1e-12, 1e12, 49), [0], np.geomspace(1e-12, 1e12, 49)])
    np.testing.assert_allclose(ASINH.values(ASINH.places(values)), values, rtol=1e-12)


def test_switched_off_it_is_a_plain_linear_axis():
    off = Scale.of_plot(plot(symlog=1e-6), log_y=False)
    assert not off.log and off.threshold == 0
    assert off.places([-2.0, 3.0]).tolist() == [-2, 3]
    assert off.field("column") == "column"


def test_a_plot_without_it_keeps_its_logarithmic_axis():
    scale = Scale.of_plot(plot(), log_y=True)
    assert scale.log and scale.places(5.0) == 5


def test_the_range_holds_values_of_both_signs_far_apart():
    low, high = axes.value_range(ASINH.extent((-1e-3, 1e4, 1e-9)), None, ASINH.log)
    assert ASINH.values(low) < -1e-3 and ASINH.values(high) > 1e4
    assert high < 12


def test_nothing_finite_has_no_extent():
    assert ASINH.extent(None) is None
