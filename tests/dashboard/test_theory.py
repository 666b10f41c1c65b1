import numpy as np

from dashboard.curves import curves
from dashboard.marks.theory import predict, reasons
from engines import load

ENGINE = load("matrix_sensing")
EVERY = {"α = 0.1", "α = 0.7", "α = 0.9", "k = 3"}


def test_a_reason_for_all_names_nobody():
    assert reasons({"noise": list(EVERY)}, EVERY) == "noise"


def test_a_reason_that_begins_with_the_member_does_not_repeat_it():
    assert reasons({"α = 0.7 is not small": ["α = 0.7"]}, EVERY) == "α = 0.7 is not small"


def test_a_reason_for_some_names_them_and_many_reasons_are_counted():
    assert reasons({"not small": ["α = 0.7", "α = 0.9"]}, EVERY) == "not small (α = 0.7, α = 0.9)"
    assert reasons({"a": ["k = 3"], "b": ["k = 3"], "c": ["k = 3"]}, EVERY) == "a (k = 3); b (k = 3); and 1 more"


def test_a_band_carries_the_median_of_its_members_predictions():
    configs = [ENGINE.Config(alpha=0.3, seed=seed) for seed in range(5)]
    (band,) = curves(configs, True, [0])
    assert len(band.members) == 5
    drawn = {line.prediction.channel: line for line in predict(ENGINE, [band], configs, 1000)}["error"]
    singles = [{p.channel: p.values for p in ENGINE.theory(c, drawn.steps)}["error"] for c in configs]
    np.testing.assert_array_equal(drawn.prediction.values, np.median(singles, axis=0))
    assert np.ptp(singles, axis=0).max() > 0
