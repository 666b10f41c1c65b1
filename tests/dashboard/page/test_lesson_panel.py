"""The panel of a lesson: what it holds back, when it tells, and what it takes from a browser."""

import numpy as np
import pytest

import engines
from dashboard.page.lesson_panel import LessonPanel
from dashboard.session.goals import Condition, Goal
from dashboard.session.lessons import Lesson, LessonStep, Question
from engines.core.api import new_run
from engines.core.live.runner import Status
from engines.core.runs.experiment import Experiment

QUESTION = Question("Q", ("a", "b"), 1, "R", at=30, show=("loss",))
GOAL = Goal("D", (Condition("k", ">", 4), Condition("step", ">=", 20)), {"k": 6}, "E")
STEPS = (
    LessonStep("A", "", figures=("error",), question=QUESTION),
    LessonStep("B", "", goal=GOAL),
    LessonStep("C", "", question=QUESTION),
)


class Context:
    """What a page knows of a run of some steps."""

    def __init__(self, steps, message="", k=5, horizon=100):
        engine = engines.load("matrix_sensing")
        self.configs = Experiment.from_preset(engine, None, {"k": k}).configs()
        self.run = (
            engines.run("matrix_sensing", set={"k": k}, steps=steps)
            if steps
            else new_run(Experiment.from_preset(engine, None, {"k": k}))
        )
        self.rows = len(self.run)
        self.status = Status(step=steps, horizon=horizon, message=message)


@pytest.fixture
def heard():
    return []


@pytest.fixture
def panel(heard):
    lesson = Lesson("n", "T", "matrix_sensing", "", 1, 1, (), STEPS)
    play = lambda paused: heard.append(("play", paused))  # noqa: E731
    return LessonPanel(lesson, 0, play, lambda: heard.append("changed"), heard.append, {"title": "X", "href": "y"})


def test_an_answer_leaves_the_server_once_the_run_has_come_to_it(panel, heard):
    assert (panel.stage, panel.figures()) == ("question", ("loss",))
    panel.follow(Context(100))
    assert panel.stage == "question" and not heard
    panel.receive({"choose": 7})
    assert panel.stage == "question"
    panel.receive({"choose": 0})
    assert heard == [("play", False)]
    assert (panel.stage, panel.figures()) == ("watching", ("error",))
    panel.receive({"choose": 1})
    panel.follow(Context(0))
    panel.follow(Context(29))
    assert panel.stage == "watching" and not {"answer", "reveal"} & set(panel.shown["question"])
    panel.follow(Context(30))
    assert (panel.stage, panel.figures()) == ("open", None)
    assert (panel.shown["question"]["answer"], panel.shown["question"]["chosen"]) == (1, 0)
    assert heard[1:] == ["changed"]


def test_what_a_question_is_about_is_not_changed_before_it_is_answered(panel):
    allowed = lambda: {name for name in ("toggle", "link", "undo", "reseed", "scrub") if panel.allows(name)}  # noqa: E731
    assert allowed() == {"link"}
    panel.receive({"choose": 0})
    assert allowed() == {"toggle", "link", "scrub"}
    panel.follow(Context(30))
    assert allowed() == {"toggle", "link", "undo", "reseed", "scrub"}


def test_a_run_that_comes_no_further_is_told_of(panel):
    panel.receive({"choose": 0})
    panel.follow(Context(10, message="it failed"))
    assert panel.stage == "open"


def test_a_goal_is_reached_by_one_member_that_meets_all_of_it(panel, heard):
    panel.receive({"go": 1})
    for short in (Context(0), Context(30, k=4), Context(10)):
        panel.follow(short)
        assert panel.shown["goal"] == {"task": "D", "reached": False, "done": ""}
    panel.receive({"solve": True})
    assert heard[-1] == {"k": 6}
    panel.follow(Context(30))
    assert panel.shown["goal"] == {"task": "D", "reached": True, "done": "E"}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("method = gd", True),
        ("method = one_step", False),
        ("relative_error < 10", True),
        ("relative_error > 10", False),
        ("step <= 30", True),
        ("diverged = 1", False),
        ("k >= 5", True),
        ("k < 5", False),
    ],
)
def test_a_condition_compares_knobs_and_recorded_numbers(text, holds):
    context = Context(30)
    assert Condition.parse(text).holds(context.run, context.configs, 0) is holds


def test_what_is_no_number_meets_no_condition():
    context = Context(30)
    context.run.recording.dense["loss"][:] = np.nan
    assert not any(
        Condition.parse(f"loss {sign} 0").holds(context.run, context.configs, 0) for sign in ("<", ">", "<=")
    )


def test_what_a_browser_knows_of_an_earlier_visit_is_taken_up(panel, heard):
    panel.receive({"restore": {"0": "a", "1": "a", "2": "nothing", "9": "a"}})
    assert panel.stage == "open" and heard == [("play", False)]
    panel.receive({"go": 2})
    assert panel.stage == "question"
    panel.receive({"afresh": True})
    assert (panel.index, panel.stage) == (0, "question")


@pytest.mark.parametrize("strange", [None, [], 3, {"0": 1}, {"0": ["a"]}, {"x": "a"}])
def test_what_no_browser_of_ours_sends_changes_nothing(panel, heard, strange):
    panel.receive({"restore": strange})
    assert panel.stage == "question" and not heard


def test_only_the_last_page_leads_to_the_next_lesson(panel):
    assert panel.shown["follow_up"] is None
    panel.receive({"go": 2})
    assert panel.shown["follow_up"] == {"title": "X", "href": "y"}
