"""What the shipped lessons say is what runs say: each answer, each number, and each goal."""

import re

import pytest

import engines
from dashboard.session import lessons
from tests.dashboard.session.lesson_answers import ANSWERS
from tests.dashboard.session.lesson_numbers import NUMBERS
from tests.dashboard.session.lesson_runs import ended, experiment, solved

NUMBER = re.compile(r"(?<![\w.,])\d+(?:,\d{3})*(?:\.\d+)?(?:e-?\d+)?")


def shipped():
    """The lessons of the labs; those on optimisers rest on the verdicts of presets, which say the same numbers."""
    paths = lessons.paths().items()
    return [name for name, path in paths if path.parent.parent.name == "assets" and "optimizer" not in str(path)]


QUICK = {"freed_by_one_step", "what_a_layer_removes", "two_decays", "why_directions_are_free"}
"""Lessons whose runs take a second or two."""


def places(table):
    """The places of a table, those of long runs for `make thorough`."""
    return [pytest.param(*place, id="-".join(map(str, place)), marks=marks(place[0])) for place in table]


def marks(name):
    return [] if name in QUICK else [pytest.mark.thorough]


def said(step):
    """All that a page says, but the choices that are wrong."""
    texts = [re.sub(r"<[^>]*>", " ", step.html)]
    if step.question:
        texts += [step.question.question, step.question.choices[step.question.answer], step.question.reveal]
    return " ".join(texts + ([step.goal.task, step.goal.done] if step.goal else []))


@pytest.mark.parametrize(("name", "index"), places(ANSWERS))
def test_an_answer_is_what_a_run_says(name, index):
    question = lessons.load(name).steps[index].question
    assert ANSWERS[name, index](ended(name, index)) == question.choices[question.answer]


@pytest.mark.parametrize(("name", "index"), places(NUMBERS))
def test_a_number_is_what_a_run_says(name, index):
    checked = NUMBERS[name, index](ended(name, index))
    assert set(checked) == set(NUMBER.findall(said(lessons.load(name).steps[index])))
    assert [text for text, right in checked.items() if not right] == []


GOALS = [
    (name, index) for name in lessons.paths() for index, step in enumerate(lessons.load(name).steps) if step.goal
]  # fmt: skip


@pytest.mark.parametrize(("name", "index"), places(GOALS))
def test_a_goal_is_not_reached_before_and_is_by_what_show_me_does(name, index):
    goal, before, after = lessons.load(name).steps[index].goal, ended(name, index), solved(name, index)
    assert not goal.reached(before, before.configs)
    assert goal.reached(after, after.configs)


@pytest.mark.parametrize("name", shipped())
def test_everything_that_ships_is_checked(name):
    steps = list(enumerate(lessons.load(name).steps))
    assert {(name, index) for index, step in steps if step.question} == {place for place in ANSWERS if place[0] == name}
    with_numbers = {(name, index) for index, step in steps if NUMBER.search(said(step))}
    assert with_numbers == {place for place in NUMBERS if place[0] == name}


def test_each_lab_has_three_lessons_and_each_checks_something():
    found = [lessons.load(name) for name in shipped()]
    everything = [lessons.load(name) for name in lessons.paths()]
    labs = [lesson.lab for lesson in everything]
    assert set(labs) == set(engines.names()) and min(map(labs.count, labs)) >= 3
    assert len({lesson.order for lesson in everything}) == len(everything)
    for lesson in found:
        assert any(step.question for step in lesson.steps), lesson.name
        for index, step in enumerate(lesson.steps):
            blank = [lesson_blank(lesson, index, name) for name in step.figures]
            assert step.figures and not any(blank), (lesson.name, index)


def lesson_blank(lesson, index, figure):
    """Whether a figure that a page means has nothing to show."""
    configs = experiment(lesson.name, index).configs()
    return all(figure in engines.load(lesson.lab).blank(config) for config in configs)
