import numpy as np

import engines
from engines.core.compare import changed, difference


def test_the_difference_is_that_of_the_recorded_numbers_at_a_common_step():
    a = engines.run("matrix_sensing", preset="P3", set={"alpha": [0.3, 0.5]}, seeds=[0], steps=70)
    b = engines.run("matrix_sensing", preset="P3", set={"alpha": 0.5, "eta": 0.05}, seeds=[0], steps=45)
    found = difference(a, b, 60, (1, 0))
    at = found.attrs["step"]
    assert at == max(set(a.steps) & set(b.steps))
    left, right = a["error"][list(a.steps).index(at), 1], b["error"][list(b.steps).index(at), 0]
    np.testing.assert_array_equal(found.loc["error"], [left, right, right - left, right / left])
    assert changed(a, b, (1, 0)) == {"eta": (0.1, 0.05)}
    assert set(changed(a, b)) == {"alpha", "eta"}
