import math

import pytest

from dashboard.figures.marks import ranges


def test_a_linear_axis_grows_with_the_run_and_a_logarithmic_one_shows_it_all():
    assert ranges.steps(100, 10_000, log=False)[1] < 200
    assert ranges.steps(0, 10_000, log=False)[1] >= 10_000
    assert ranges.steps(10, 10_000, log=True)[1] >= 10_000


def test_theory_is_followed_to_rounding_and_no_further():
    low, high = ranges.values((1e-3, 1.0, 1e-3), (1e-300, 1.0, 1e-300), log=True)
    assert 1e-19 < low < 1e-17
    assert 1 < high < 10


def test_data_is_always_in_view():
    for log in (False, True):
        low, high = ranges.values((0.01, 5.0, 0.01), (1e-9, 1e9, 1e-9), log)
        assert low < 0.01
        assert high > 5


def test_what_has_all_but_vanished_does_not_flatten_the_rest():
    low, _ = ranges.values((1e-115, 1.0, 1e-115), None, log=True)
    assert low > 1e-26


@pytest.mark.parametrize("log", [False, True])
def test_a_constant_has_a_range(log):
    low, high = ranges.values((2.0, 2.0, 2.0), None, log)
    assert low < 2 < high


def test_nothing_finite_leaves_the_range_alone():
    assert ranges.values(None, None, log=True) is None
    assert ranges.values((-1.0, 0.0, math.inf), None, log=True) is None
