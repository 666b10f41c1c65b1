"""What the story claims is what the run does, at both ends of each slider."""

import pytest

from engines.subgradient_recovery import flow
from engines.subgradient_recovery.config import SubgradientRecovery
from engines.subgradient_recovery.story import OUTCOMES, outcome, story
from tests.subgradient_recovery.setting import ran

BASE = {"d": 16, "k": 16, "m": 800, "eta0": 0.2}
STEPS = 700

ENDS = {
    "k": (2, 16), "outlier_fraction": (0.0, 0.8), "alpha": (1e-12, 1.0), "budget": (2.0, 100.0), "eta0": (0.01, 0.5),
    "r": (1, 6), "m": (100, 3000), "kappa": (1.0, 30.0), "outlier_scale": (0.1, 1e4), "noise": (0.0, 1.0),
    "init": ("random", "truth"), "outlier_kind": ("cauchy", "sign_flip"),
}  # fmt: skip
"""Those of the sliders, as far as a run of a second allows."""

CASES = [SubgradientRecovery(**{**BASE, name: value}) for name, ends in ENDS.items() for value in ends]
CASES += [one.replace(k=one.r) for one in CASES]


def happened(config, run):
    """Whether a run does what the outcome of its configuration says."""
    said, error = outcome(config), float(run["relative_error"][-1, 0])
    if said == "unlearned":
        return float(run["signal_min"][-1, 0]) < 0.9
    if said == "large":
        return error > 3 * float(run["normalised_step"][-1, 0])
    line = float(flow.error(config, run.steps[-1:].astype(float))[0])
    if said == "dense":
        return line / 4 < error < 4 * line
    return error < (4 * line if said == "exact" else max(1e-2, 4 * line))


def test_what_the_story_claims_happens():
    chosen = [one for one in CASES if outcome(one)]
    assert {outcome(one) for one in chosen} == set(OUTCOMES) - {""}
    assert [dict(one) for one in chosen[::7] if not happened(one, ran(STEPS, one))] == []


@pytest.mark.thorough
@pytest.mark.parametrize("config", [one for one in CASES if outcome(one)])
def test_what_the_story_claims_happens_at_both_ends_of_each_slider(config):
    run = ran(STEPS, config)
    assert happened(config, run)
    assert OUTCOMES[outcome(config)] in story(run, 0).text


SQUARES = {"loss": "l2", "method": "gd", "eta0": 0.1, "alpha": 1e-4}


@pytest.mark.parametrize("loss", [{"loss": "l2"}, {"loss": "huber", "huber_delta": 1e6}])
def test_signs_are_spoken_of_where_they_count_alone(loss):
    absolute, other = (ran(STEPS, SubgradientRecovery(**{**BASE, "k": 2, **knobs})) for knobs in ({}, loss))
    assert "Only the sign" in story(absolute, 0).text and absolute["relative_error"][-1, 0] < 0.01
    assert "Only the sign" not in story(other, 0).text and other["relative_error"][-1, 0] > 0.1


@pytest.mark.parametrize(("knobs", "lost"), [({}, True), ({"outlier_fraction": 0.0}, False)])
def test_squares_are_lost_with_gross_outliers_alone(knobs, lost):
    run = ran(600, SubgradientRecovery(**{**BASE, **SQUARES, "k": 2, **knobs}))
    assert ("the answer is lost" in story(run, 0).text) == lost == bool(run["relative_error"][-1, 0] > 0.1)


@pytest.mark.parametrize(
    ("knobs", "word", "low", "high"),
    [
        ({"k": 2, "alpha": 1e-3}, "to rounding", 0, 1e-12),
        ({"alpha": 1e-3}, "floor set by α", 1e-7, 1e-3),
        ({"alpha": 1.0}, "like 1/t", 3e-3, 1),
        ({"alpha": 1e-3, "outlier_fraction": 0.2}, "stays large", 1e-1, float("inf")),
    ],
)
def test_the_loss_step_ends_as_its_story_says(knobs, word, low, high):
    loss_step = {"method": "subgm_loss", "eta0": 0.1, "outlier_fraction": 0.0}
    run = ran(500, SubgradientRecovery(**{**BASE, **loss_step, **knobs}))
    assert word in story(run, 0).text
    assert low < float(run.curve("relative_error", 0)[1][-1]) < high  # the last before it diverged, where it did
