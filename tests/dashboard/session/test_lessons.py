"""Lessons are read strictly and shown safely, and what the shipped ones say is so."""

import os

import numpy as np
import pytest

import engines
from dashboard.page.lesson_panel import LessonPanel
from dashboard.server.gallery import gallery
from dashboard.session import lessons
from dashboard.session.lessons import LessonError
from dashboard.session.start import Start
from engines.core.api import simulate
from engines.core.runs.run import Run

HEAD = "---\ntitle: T\nlab: matrix_sensing\npreset: P3\n---\n"
QUESTION = "```predict\nquestion: Q\nchoices: [a, b]\nanswer: b\nreveal: R\n```\n"


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a lesson into a folder of one's own."""
    monkeypatch.setenv(lessons.FOLDER_VARIABLE, str(tmp_path))

    def make(text, name="own"):
        (tmp_path / f"{name}.md").write_text(text)
        return name

    return make


def test_there_are_six_lessons_of_labs_that_exist():
    found = [lessons.load(name) for name in lessons.paths()]
    assert len(found) >= 6
    assert {lesson.lab for lesson in found} <= set(engines.names())
    assert all(any(step.question for step in lesson.steps) for lesson in found)


def test_a_step_is_what_all_steps_up_to_it_say(write):
    lesson = lessons.load(write(HEAD + "## A\n```set\nk: 7\n```\n## B\n```set\nalpha: 1e-3\nseed: 4\n```\n"))
    engine = engines.load("matrix_sensing")
    first, second = (lesson.experiment(engine, index) for index in (0, 1))
    assert {(c.k, c.seed) for c in first.configs()} == {(7, 0), (7, 1), (7, 2)}
    assert [(c.k, c.alpha, c.seed) for c in second.configs()] == [(7, 0.001, 4)]
    assert lesson.experiment(engine, 0) == first


def test_what_a_lesson_says_is_made_safe(write):
    evil = "<script>alert(1)</script> <b onclick=x>b</b> [a](javascript:x) ![p](http://example.org/p.png) **bold**"
    html = lessons.load(write(f"{HEAD}## A\n{evil}\n")).steps[0].html
    assert "<strong>bold</strong>" in html
    assert not [bad for bad in ("<script", "<b ", 'href="javascript', "<img", "src=") if bad in html]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("## A\n", "front matter lacks title and lab"),
        ("---\ntitle: T\nlab: nothing\n---\n## A\n", "unknown engine 'nothing'"),
        (HEAD, "it has no step"),
        (f"{HEAD}## A\n```set\nwidth: 3\n```\n", "step 1, 'A': unknown knob"),
        (f"{HEAD}## A\n## B\n```set\neta: -1\n```\n", "step 2, 'B': .*outside its bounds"),
        (f"{HEAD}## A\n```set\n- 3\n```\n", "must be lines of the form name: value"),
        (f"{HEAD}## A\n```set\npreset: P99\n```\n", "unknown preset"),
        (HEAD.replace("preset", "hide: [menus]\npreset") + "## A\n", "it hides menus; parts are presets"),
        (f"{HEAD}## A\n```predict\nquestion: Q\nchoices: [a]\nanswer: c\nreveal: R\n```\n", "none of the choices"),
        (f"{HEAD}## A\n```predict\nquestion: Q\n```\n", "lacks choices and answer and reveal"),
        (f"{HEAD}## A\n```set\n{{\n```\n", "step 1, 'A'"),
        (HEAD + "## A\n" + "x" * lessons.LARGEST_LESSON, "bytes; allowed are"),
        (HEAD.replace("preset: P3", "a: &a [1, 1]\nset: {alpha: [*a, *a]}") + "## A\n", "it has an alias"),
        (f"{HEAD}## A\n```set\na: &a [x]\nb: *a\n```\n", "step 1, 'A': it has an alias"),
        (f"{HEAD}## A\n```set\n{'[' * 5000}\n```\n", "step 1, 'A': it is nested too deeply"),
        (HEAD.replace("title: T", "title: T\nminutes: .inf") + "## A\n", "infinity"),
        (f"{HEAD}## A\n```set\nspectrum: {'x' * 50_000}\n```\n", "step 1, 'A': .{200,}…"),
    ],
)
def test_a_mistake_is_a_sentence_with_the_file_and_the_place(write, text, says):
    name = write(text)
    with pytest.raises(LessonError, match=rf"(?s)own\.md: .*{says}"):
        lessons.load(name)
    assert "own.md" in gallery(engines.names(), lambda lab: f"./{lab}").object


def test_a_lesson_that_is_a_pipe_is_not_waited_for(write, tmp_path):
    os.mkfifo(tmp_path / "pipe.md")
    with pytest.raises(LessonError, match=r"pipe\.md: it is no file"):
        lessons.load("pipe")


@pytest.mark.parametrize("name", ["../../README", "nothing", "/etc/passwd", ""])
def test_only_lessons_that_were_found_are_opened(name):
    with pytest.raises(LessonError, match="there is no lesson"):
        lessons.load(name)


def test_a_lesson_of_ones_own_goes_before_a_shipped_one(write):
    name = write(HEAD + "## Mine\n", "three_clouds")
    assert lessons.load(name).steps[0].title == "Mine"


def test_a_question_keeps_its_answer_until_something_is_chosen(write):
    played = []
    lesson = lessons.load(write(f"{HEAD}## A\n{QUESTION}## B\n"))
    panel = LessonPanel(lesson, 0, lambda index, paused: played.append((index, paused)))
    assert panel.question_open and "answer" not in panel.shown["question"]
    panel.receive({"choose": 7})
    assert panel.question_open
    panel.receive({"choose": 0})
    assert (panel.shown["question"]["answer"], panel.shown["question"]["chosen"]) == (1, 0)
    for index in (1, 5, 0):
        panel.receive({"go": index})
    assert played == [(0, False), (1, False), (0, False)]


def test_a_lesson_in_an_address_that_is_none_or_of_another_lab_is_told():
    engine = engines.load("matrix_sensing")
    assert "of the lab 'neural_collapse'" in Start.from_address(engine, lesson="three_clouds").error
    assert "there is no lesson 'x'" in Start.from_address(engine, lesson="x").error
    assert Start.from_address(engine, lesson="the_price_of_width").lesson.steps[0].title == "Three ways down"


# -- what the lessons claim, computed -------------------------------------------------------------------------


def ended(name, step, steps=None):
    lesson = lessons.load(name)
    engine = engines.load(lesson.lab)
    experiment = lesson.experiment(engine, step)
    return simulate(Run(engine, experiment.configs()), steps or experiment.steps)


def slowest(run):
    """Which of three ways ends highest."""
    return ("one matrix used twice", "two factors", "two factors and a modified step")[
        int(np.argmax(run["relative_error"][-1]))
    ]


def straight(run):
    widths = [config.k for config, error in zip(run.configs, run["relative_error"][-1], strict=True) if error < 1e-12]
    return {(): "none", (3,): "only k = 3", (3, 4): "k = 3 and 4"}.get(tuple(widths), "all five")


def copied(run):
    error = run["relative_error"]
    return "like one matrix used twice" if (error[:, 0] == error[:, 1]).all() else "like two factors"


def steeper(run):
    """The rates of the two smallest starts on the straight part of their curves."""
    rates = []
    for error in run["relative_error"][:, :2].T:
        part = (error < 1e-5) & (error > 1e-10)
        rates.append(-np.polyfit(run.steps[part], np.log(error[part]), 1)[0])
    return f"about {round(rates[1] / rates[0])} times"


def finds(run):
    names = ("absolute loss and tiny start", "squared loss and tiny start", "absolute loss and large start")
    good = [name for name, error in zip(names, run["relative_error"][-1], strict=True) if error < 1e-3]
    assert run["loss"][-1, 2] < run["loss"][-1, 0] and run["relative_error"][-1, 2] > 1e5 * run["relative_error"][-1, 0]
    return good[0] if len(good) == 1 else "none"


def floors(run):
    error = {config.alpha: error for config, error in zip(run.configs, run["relative_error"][-1], strict=True)}
    return "more than ten thousand times smaller" if error[0.01] / error[1e-8] > 1e4 else "about ten times smaller"


def within(run):
    return "it falls without end" if run["nc1"][-1, 0] < 1e-14 else "it falls to a floor"


def vanishes(run):
    size = run["feature_norm"][:, 0]
    return "everything shrinks to zero" if size[-1] < 1e-6 * size[0] else "a smaller triangle"


def first(run):
    when = [run.steps[np.argmax(run[name][:, 0] == 1)] for name in ("accuracy", "test_accuracy")]
    counted = run["effective_parameters"][:, 0]
    assert counted.max() > 1.8 * counted[0] and counted[-1] < 0.75 * counted.max()
    return "on examples it has seen" if when[0] < when[1] / 2 else "both at once"


def rule(run):
    counted = run["effective_parameters"][:, 0]
    assert run["accuracy"][-1, 0] == 1 and counted[-1] > 0.95 * counted.max()
    return "not within these steps" if run["test_accuracy"][-1, 0] < 0.1 else "yes and later"


def length(run):
    found = run["llc"][-1]
    return "too large" if (np.diff(found) > 0).all() and found[-1] > 5.5 else "right"


ANSWERS = {
    ("the_price_of_width", 0): slowest,
    ("the_price_of_width", 2): straight,
    ("imbalance_is_fuel", 0): copied,
    ("imbalance_is_fuel", 2): steeper,
    ("garbage_in_truth_out", 0): finds,
    ("garbage_in_truth_out", 2): floors,
    ("three_clouds", 0): within,
    ("three_clouds", 2): vanishes,
    ("parameters_become_free", 0): first,
    ("parameters_become_free", 2): rule,
    ("a_ruler_for_singularities", 0): length,
}
QUICK = {("the_price_of_width", 0), ("three_clouds", 2), ("garbage_in_truth_out", 0)}
FASTER = {("imbalance_is_fuel", 0): 2000}
"""Where fewer steps tell the same."""


@pytest.mark.parametrize(
    "place", [pytest.param(place, marks=[] if place in QUICK else [pytest.mark.thorough]) for place in ANSWERS], ids=str
)
def test_the_answers_are_what_runs_say(place):
    name, step = place
    question = lessons.load(name).steps[step].question
    assert ANSWERS[place](ended(name, step, FASTER.get(place))) == question.choices[question.answer]


def test_every_question_that_ships_is_checked():
    asked = {
        (name, index)
        for name, path in lessons.paths().items()
        for index, step in enumerate(lessons.load(name).steps)
        if step.question and path.parent.name == "lessons" and path.parent.parent.name == "assets"
    }
    assert asked == set(ANSWERS)
