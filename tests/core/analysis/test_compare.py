import numpy as np

import engines
from engines.core.analysis.compare import aligned_curves, changed_knobs, difference


def test_the_difference_is_that_of_the_recorded_numbers_at_a_common_step():
    a = engines.run("matrix_sensing", preset="P3", set={"alpha": [0.3, 0.5]}, seeds=[0], steps=70)
    b = engines.run("matrix_sensing", preset="P3", set={"alpha": 0.5, "eta": 0.05}, seeds=[0], steps=45)
    found = difference(a, b, 60, (1, 0))
    at = found.attrs["step"]
    assert at == max(set(a.steps) & set(b.steps))
    left, right = a["error"][list(a.steps).index(at), 1], b["error"][list(b.steps).index(at), 0]
    np.testing.assert_array_equal(found.loc["error"], [left, right, right - left, right / left])
    assert changed_knobs(a, b, (1, 0)) == {"eta": (0.1, 0.05)}
    assert set(changed_knobs(a, b)) == {"alpha", "eta"}


def test_curves_meet_at_the_steps_that_both_recorded():
    a = engines.run("matrix_sensing", preset="P3", set={"alpha": [0.3, 0.5]}, seeds=[0], steps=70)
    b = engines.run("matrix_sensing", preset="P3", set={"alpha": 0.5}, seeds=[0], steps=45)
    steps, left, right = aligned_curves(a, b, "error", (1, 0))
    assert list(steps) == sorted(set(a.steps) & set(b.steps))
    np.testing.assert_array_equal(left, right)  # the same member of the same problem
    _, left, right = aligned_curves(a, b, "error", (0, 0))
    last = difference(a, b, 45).loc["error"]
    assert (last["a"], last["b"]) == (left[-1], right[-1]) and left[-1] != right[-1]
