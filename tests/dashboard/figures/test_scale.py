import numpy as np
import pytest

from dashboard.figures.marks import ranges
from dashboard.figures.marks.scale import Scale
from engines.core.protocol.declarations import Plot

BENT = Scale(log=False, bend=1e-6)


def plot(**options):
    return Plot(name="p", title="p", doc="p", channels=("loss",), **options)


def test_a_decade_is_a_unit_beyond_the_bend_and_the_scale_is_even_within_it():
    assert BENT.places([1e-3, 1e-2, 1e5]) == pytest.approx([3, 4, 11], abs=1e-6)
    assert BENT.places([1e-9, 2e-9]) @ [2, -1] == pytest.approx(0, abs=1e-9)


def test_both_signs_are_treated_alike_and_zero_stays():
    values = np.array([0.0, 1e-8, 1e-3, 7.0])
    np.testing.assert_array_equal(BENT.places(-values), -BENT.places(values))
    assert BENT.places(0.0) == 0


def test_the_inverse_gives_back_the_value():
    values = np.concatenate([-np.geomspace(1e-12, 1e12, 49), [0], np.geomspace(1e-12, 1e12, 49)])
    np.testing.assert_allclose(BENT.values(BENT.places(values)), values, rtol=1e-12)


def test_switched_off_it_is_a_plain_linear_axis():
    off = Scale.of(plot(symlog=1e-6), log_y=False)
    assert not off.log and off.bend == 0
    assert off.places([-2.0, 3.0]).tolist() == [-2, 3]
    assert off.field("column") == "column"


def test_a_plot_without_it_keeps_its_logarithmic_axis():
    scale = Scale.of(plot(), log_y=True)
    assert scale.log and scale.places(5.0) == 5


def test_the_range_holds_values_of_both_signs_far_apart():
    low, high = ranges.values(BENT.extent((-1e-3, 1e4, 1e-9)), None, BENT.log)
    assert BENT.values(low) < -1e-3 and BENT.values(high) > 1e4
    assert high < 12


def test_nothing_finite_has_no_extent():
    assert BENT.extent(None) is None
