import numpy as np
import pytest

from engines.core.analysis.verdict_helpers import above, below, final, log10, verdict
from engines.core.api import simulate
from engines.core.protocol.engine import Preset
from engines.core.runs.run import Run
from tests.core.toy import ENGINE, Toy


def test_the_value_farthest_from_the_prediction_is_judged():
    found = verdict("a", [1.0, 1.4, 0.9], 1.0, 0.3)
    assert (found.measured, found.holds) == (1.4, False)
    assert verdict("a", [1.0, 1.2], 1.0, 0.3).holds is True


@pytest.mark.parametrize(
    ("judge", "values", "measured", "holds"),
    [
        (above, [3.0, 2.5], 2.5, True),
        (above, [3.0, 1.5], 1.5, False),
        (below, [1.0, 1.5], 1.5, True),
        (below, [1.0, 2.0], 2.0, False),
    ],
)
def test_a_one_sided_claim_is_judged_by_its_worst_value(judge, values, measured, holds):
    found = judge("a", values, 2.0)
    assert (found.measured, found.holds, found.kind) == (measured, holds, judge.__name__)


@pytest.mark.parametrize("judge", [above, below, lambda *a: verdict(*a, 0.1)])
def test_a_claim_with_a_missing_value_is_undecided(judge):
    assert judge("a", [1.0, None], 1.0).holds is None
    assert judge("a", [], 1.0).holds is None


def test_the_final_value_is_that_of_the_presets_last_step_and_of_no_member_that_diverged():
    run = simulate(Run(ENGINE, [Toy(), Toy(a=2.0)]), 60)
    run.preset = Preset(name="p", title="p", look_for="p", steps=50)
    assert final(run, "loss", 0) == run["loss"][run.recording.dense.index_at(50), 0]
    run.preset = Preset(name="p", title="p", look_for="p", steps=61)
    assert final(run, "loss", 0) is None
    run.preset, run.diverged_at = None, np.array([30, -1])
    assert final(run, "loss", 0) is None
    assert final(run, "loss", 1) is not None


def test_orders_are_decimal_logarithms():
    assert log10(1e-7) == pytest.approx(-7)
    assert log10(None) is None


def test_what_never_happened_does_not_hold_at_the_end_and_is_undecided_before():
    preset = Preset(
        name="p", title="p", look_for="p", steps=50, judge=lambda run: [verdict("it arrives", [None], 1.0, 0.1)]
    )
    run = Run(ENGINE, [Toy()], preset=preset)
    assert [one.holds for one in simulate(run, 40).judge()] == [None]
    assert [one.holds for one in simulate(Run(ENGINE, [Toy()], preset=preset), 50).judge()] == [False]
    gone = Toy(a=100.0, eta=1.0, flat=True)  # once no member is left nothing more happens
    assert [one.holds for one in simulate(Run(ENGINE, [gone, Toy()], preset=preset), 40).judge()] == [None]
    assert [one.holds for one in simulate(Run(ENGINE, [gone], preset=preset), 40).judge()] == [False]


def test_a_value_that_is_not_a_number_was_never_reached():
    assert verdict("a", [1.0, float("nan")], 1.0, 0.3).holds is None
    assert below("a", [float("nan")], 1.0).holds is None
