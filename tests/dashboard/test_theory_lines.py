"""The lines of theory over a band."""

import numpy as np

from dashboard.curves import curves
from dashboard.marks.theory import predict
from engines import load

ENGINE = load("matrix_sensing")


def test_a_band_carries_the_median_of_its_members_predictions():
    configs = [ENGINE.Config(alpha=0.3, seed=seed) for seed in range(5)]
    (band,) = curves(configs, True, [0])
    assert len(band.members) == 5
    drawn = {line.prediction.channel: line for line in predict(ENGINE, [band], configs, 1000)}["error"]
    singles = [{p.channel: p.values for p in ENGINE.theory(c, drawn.steps)}["error"] for c in configs]
    np.testing.assert_array_equal(drawn.prediction.values, np.median(singles, axis=0))
    assert np.ptp(singles, axis=0).max() > 0
