"""Each claim says whether it holds, what it waits for, or why it is not judged."""

from dataclasses import replace

import pytest

from dashboard.figures.verdict_table import COMPUTING, UNMEASURED, WAITING, unanswered, verdict_table
from dashboard.session.preset_changes import PresetChanges
from dashboard.session.view_state import ViewContext
from engines.core.api import simulate
from engines.core.live.runner import Status
from engines.core.protocol.declarations import Verdict
from engines.core.runs.experiment import Experiment
from engines.core.runs.run import Run
from tests.core.toy import ENGINE

CLAIM = Verdict(claim="error", measured=None, predicted=0.4, tolerance=0.0, holds=None, kind="above")
PLAYING = Status(step=50, horizon=1000, playing=True)
ENDED = Status(step=1000, horizon=1000)


def context(status=PLAYING, steps=20, **about):
    """The moment of a run of the toy's first preset, which has 50 steps."""
    preset = ENGINE.preset("first")
    run = simulate(Run(ENGINE, Experiment.from_preset(ENGINE, preset).configs(), preset=preset), steps)
    return ViewContext(run, status, **about)


def test_a_claim_about_nothing_measured_waits_while_the_run_goes_on_and_says_none_at_its_end():
    assert "waiting · predicted &gt; 0.4" in verdict_table([CLAIM], context(), False)
    ended = verdict_table([replace(CLAIM, holds=False)], context(), False)
    assert "nothing to measure · predicted &gt; 0.4" in ended and "class='sign no'" in ended


@pytest.mark.parametrize(
    ("status", "steps", "computing", "says"),
    [
        (PLAYING, 20, False, WAITING[2]),
        (replace(PLAYING, playing=False), 20, False, WAITING[2]),
        (ENDED, 20, False, "not reached: it is judged at step 50"),
        (ENDED, 50, True, COMPUTING[2]),
        (ENDED, 50, False, UNMEASURED[2]),
        (replace(PLAYING, playing=False, message="out of memory"), 20, False, "not reached"),
    ],
)
def test_a_claim_without_an_answer_waits_only_for_what_still_comes(status, steps, computing, says):
    assert unanswered(context(status, steps), computing)[2].startswith(says)


def test_claims_of_an_edited_experiment_are_shown_without_a_judgement_and_with_the_reason():
    held = replace(CLAIM, measured=0.5, holds=True)
    shown = verdict_table([held], context(edited=PresetChanges(("k 5 → 9",), "k 5 → 9")), False)
    assert "Unlike the preset: k 5 → 9." in shown and "measured 0.5" in shown
    assert "✓" not in shown and "<tr class='off'>" in shown
    reseeded = verdict_table([held], context(edited=PresetChanges(("seed 0 → 1",))), False)
    assert "✓" in reseeded and "class='off'" not in reseeded
