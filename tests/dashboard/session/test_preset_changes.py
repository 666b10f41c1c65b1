"""What was edited is found by the members themselves, and said as a reader would."""

from dataclasses import replace

import pytest

from dashboard.session.preset_changes import changes_from_preset
from engines.core.data.recording import Event
from engines.core.protocol.engine import Preset
from engines.core.runs.experiment import Experiment
from tests.core.toy import ENGINE

FIRST = Experiment.from_preset(ENGINE, ENGINE.preset("first"))
"""Curvatures 1 and 2, seeds 0 and 1, step size 0.1."""


def compared(experiment, events=()):
    return changes_from_preset(experiment, experiment.configs(), events)


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({}, ""),
        ({"eta": 0.2}, "η 0.1 → 0.2"),
        ({"a": 3.0}, "a 1, 2 → 3"),
        ({"d": 4, "flat": True}, "d 3 → 4, flat no → yes"),
        ({"a": [1.0, 2.0, 3.0, 4.0, 5.0]}, "a 1, 2 → 1, 2, 3, … 5 (5 values)"),
        ({"sign": "minus"}, "sign plus → minus"),
    ],
)
def test_each_edited_knob_is_named_with_both_values_and_leaves_the_claims_unjudged(values, line):
    found = compared(FIRST.override(values) if values else FIRST)
    assert (found.line, found.unjudged) == (line, line)


def test_other_seeds_are_said_and_judged_and_values_far_down_a_list_are_noticed():
    found = compared(FIRST.override({"seed": list(range(40))}))
    assert found.line == "seed 0, 1 → 0, 1, 2, … 39 (40 values)"
    assert found.unjudged == ""
    assert compared(FIRST.override({"seed": [0, 1, 2, 3, 5, 9], "a": 1.0})).unjudged == "a 1, 2 → 1"


def test_members_that_combine_the_same_values_otherwise_are_noticed():
    cases = ({"a": 1.0, "eta": 0.1}, {"a": 2.0, "eta": 0.2})
    preset = Preset(name="pairs", title="Pairs", look_for="", cases=cases)
    own = Experiment.from_preset(ENGINE, preset)
    assert compared(own).line == ""
    other_order = replace(own, cases=tuple(reversed(own.cases)))
    assert compared(other_order) == compared(own)
    product = own.override({"a": [1.0, 2.0], "eta": [0.1, 0.2]})
    assert compared(product).unjudged == "the members combine their values otherwise"


def test_an_edit_on_the_way_counts_even_where_it_was_taken_back():
    late = [Event(300, "eta", 0.2, (0,)), Event(400, "eta", 0.1, (0,))]
    assert compared(FIRST, late).unjudged == "η on the way, last at step 400"
    assert compared(FIRST.override({"eta": 0.2}), late[:1]).line == "η 0.1 → 0.2 at step 300"
    assert compared(FIRST, [Event(0, "eta", 0.1, (0,))]).line == ""


def test_without_a_preset_nothing_was_edited_and_many_changes_are_counted():
    assert compared(Experiment.from_preset(ENGINE, None, {"a": 3.0})).line == ""
    many = compared(FIRST.override({"d": 4, "a": 3.0, "eta": 0.2, "shift": 1.0, "flat": True}))
    assert many.line.endswith("→ 1, 1 more")
