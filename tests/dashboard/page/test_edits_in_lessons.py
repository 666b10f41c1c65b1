"""Knobs that a lesson sets are not called edited; those that its reader turns are, until they are turned back."""

import pytest

from dashboard.page.lab import Lab
from dashboard.session.lessons import Lesson, LessonStep
from dashboard.session.start import Start
from tests.core.live.playing import wait_until
from tests.core.toy import ENGINE

STEPS = (LessonStep("A", "", "first", {"d": 4}), LessonStep("B", "", set={"eta": 0.2}))
LESSON = Lesson("n", "T", "toy", "", 1, 1, (), STEPS)


@pytest.fixture
def lab():
    opened = Lab(ENGINE, Start(LESSON.experiment(ENGINE, 0), lesson=LESSON), suspended=True)
    opened.bridge.receive({"ack": 0})
    yield opened
    opened.close()


def headline(lab):
    """What was edited and what it is compared with, once the run that was asked for is on the page."""
    wait_until(lambda: len(lab.session.runner.run))
    lab.bridge.receive({"ack": lab.bridge.tick})
    lab.refresh.tick()
    return lab.panels.heading.shown["edited"], lab.panels.heading.shown["of"]


def test_only_what_the_reader_changes_beyond_the_page_of_a_lesson_is_edited(lab):
    assert headline(lab) == ("", "lesson")
    lab.edit({"d": 5})
    assert headline(lab) == ("d 4 → 5", "lesson")
    lab.panels.lesson.receive({"go": 1})
    assert headline(lab) == ("", "lesson") and lab.session.configs[0].d == 4
    lab.edit({"a": 3.0})
    assert headline(lab) == ("a 1, 2 → 3", "lesson")
    lab.panels.heading.receive({"back": True})
    assert headline(lab) == ("", "lesson")
    assert {(config.d, config.eta) for config in lab.session.configs} == {(4, 0.2)}
    lab.panels.presets.receive({"value": "first"})  # which is the preset as it is
    assert {(config.d, config.eta) for config in lab.session.configs} == {(3, 0.1)}


def test_its_claims_are_still_about_the_preset_and_another_preset_has_none_of_the_lesson(lab):
    assert lab.session.edited.unjudged == "d 3 → 4"
    lab.panels.presets.receive({"value": "cases"})
    assert headline(lab) == ("", "preset")
    lab.edit({"d": 4})
    assert headline(lab) == ("d 3 → 4", "preset")


def test_a_link_to_a_page_of_a_lesson_still_says_what_was_edited(lab):
    lab.edit({"d": 5})
    headline(lab)
    again = Lab(ENGINE, Start(lab.session.repeatable(), lab.view_state(), lesson=LESSON), suspended=True)
    assert headline(again) == ("d 4 → 5", "lesson")
    again.close()
