"""Every claim of every preset at full length: it holds on seeds nobody tuned to, and a wrong run turns it to no."""

import pytest

import engines
from dynascope.contract.small_runs import judged_as_right, wrong_runs

FRESH = (7001, 7002, 7003)

whole_run = pytest.mark.whole_run


def failures(verdicts):
    return [verdict for verdict in verdicts if verdict["holds"] is not True]


@whole_run
def test_every_claim_of_the_preset_holds(engine, preset):
    verdicts = engines.run(engine.name, preset=preset.name).verdicts
    assert verdicts
    assert failures(verdicts) == []
    assert [one for one in verdicts if _wide(one) and not one["reason"]] == []


def _wide(verdict):
    """Whether a tolerance is above a quarter of the predicted value, or of a decade of a logarithm."""
    allowed = 0.25 if "log₁₀" in verdict["claim"] else 0.25 * abs(verdict["predicted"])
    return verdict["kind"] == "near" and verdict["tolerance"] > allowed


@pytest.mark.thorough
def test_every_claim_holds_on_fresh_seeds(engine, preset):
    assert failures(engines.run(engine.name, preset=preset.name, seeds=FRESH).verdicts) == []


@whole_run
def test_every_claim_has_a_wrong_run_that_it_notices(engine, preset):
    changes = wrong_runs(engine)[preset.name]
    refused = {what: _refused(engine, preset, change) for what, change in changes.items()}
    assert {what for what, claims in refused.items() if not claims} == set()
    claims = {verdict["claim"] for verdict in engines.run(engine.name, preset=preset.name).verdicts}
    assert claims - set().union(*refused.values()) == set()


def _refused(engine, preset, change):
    """The claims that a wrong run turns to no, of members of the same configurations."""
    verdicts = judged_as_right(engine, preset, change)
    assert [verdict.claim for verdict in verdicts if verdict.holds is None] == []
    return {verdict.claim for verdict in verdicts if verdict.holds is False}


def test_wrong_runs_are_those_of_presets(engine):
    assert set(wrong_runs(engine)) == {preset.name for preset in engine.presets}
