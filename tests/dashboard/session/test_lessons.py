"""Lessons are read strictly and shown safely, and what the shipped ones say is so."""

import os

import pytest

import engines
from dashboard.server.gallery import content
from dashboard.session import lessons
from dashboard.session.lessons import LessonError
from dashboard.session.start import Start
from tests.conftest import ROOT

HEAD = "---\ntitle: T\nlab: matrix_sensing\npreset: P3\n---\n"
GOAL = "```goal\ndo: D\nuntil: ['{}']\nset: {{k: 3}}\ndone: E\n```\n"
QUESTION = "```predict\nquestion: Q\nchoices: [a, b]\nanswer: b\nreveal: R\n```\n"


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a lesson into a folder of one's own."""
    monkeypatch.setenv(lessons.FOLDER_VARIABLE, str(tmp_path))

    def make(text, name="own"):
        (tmp_path / f"{name}.md").write_text(text)
        return name

    return make


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
        (f"{HEAD}## A\n```look\nclouds\n```\n", "step 1, 'A': there is no figure 'clouds'; there are error"),
        (f"{HEAD}## A\n{QUESTION[:-4]}at: 50000\n```\n", "answered at step 50000; the run ends at 42000"),
        (f"{HEAD}## A\n{QUESTION[:-4]}show: [clouds]\n```\n", "there is no figure 'clouds'"),
        (f"{HEAD}## A\n```goal\ndo: D\n```\n", "its goal lacks until and set and done"),
        (f"{HEAD}## A\n{GOAL.format('loss !! 3')}", "'loss !! 3' is no condition"),
        (f"{HEAD}## A\n{GOAL.format('los < 3')}", "its goal compares 'los'"),
        (f"{HEAD}## A\n{GOAL.format('method > gd')}", "a word can only be equal"),
        (f"{HEAD}## A\n{GOAL.format('__import__ = os')}", "its goal compares '__import__'"),
        (f"{HEAD}## A\n{GOAL.format('k > 3').replace('k: 3', 'eta: -1')}", "outside its bounds"),
        (f"{HEAD}## A\n```set\n{{\n```\n", "step 1, 'A'"),
        (HEAD + "## A\n" + "x" * lessons.LARGEST_LESSON, "bytes; allowed are"),
        (HEAD.replace("preset: P3", "a: &a [1, 1]\nset: {alpha: [*a, *a]}") + "## A\n", "it has an alias"),
        (f"{HEAD}## A\n```set\na: &a [x]\nb: *a\n```\n", "step 1, 'A': it has an alias"),
        (f"{HEAD}## A\n```set\n{'[' * 5000}\n```\n", "step 1, 'A': it is nested too deeply"),
        (HEAD.replace("title: T", "title: T\nminutes: .inf") + "## A\n", "infinity"),
        (f"{HEAD}## A\n```set\nspectrum: {'x' * 50_000}\n```\n", "step 1, 'A': .*='x{50,} [.]{3} x{50,}' is"),
    ],
)
def test_a_mistake_is_a_sentence_with_the_file_and_the_place(write, text, says):
    name = write(text)
    with pytest.raises(LessonError, match=rf"(?s)own\.md: .*{says}"):
        lessons.load(name)
    assert any("own.md" in each for each in content(engines.names(), lambda lab: f"./{lab}")["broken"])


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


def test_a_lesson_in_an_address_that_is_none_or_of_another_lab_is_told():
    engine = engines.load("matrix_sensing")
    assert "of the lab 'neural_collapse'" in Start.from_address(engine, lesson="three_clouds").error
    assert "there is no lesson 'x'" in Start.from_address(engine, lesson="x").error
    assert Start.from_address(engine, lesson="the_price_of_width").lesson.steps[0].title == "Three ways down"


def test_a_lesson_leads_to_the_next_and_the_last_to_none(write, monkeypatch):
    first, second = (
        lessons.load(write(HEAD.replace("T", f"T\norder: {place}") + "## A\n", name))
        for place, name in ((-2, "b"), (-1, "a"))
    )
    assert lessons.after(first) == second
    last = lessons.in_order()[0][-1]
    assert lessons.after(last) is None
    engine = engines.load("matrix_sensing")
    start = Start.from_address(engine, lesson="b").lead_on(lambda lab: f"./app?lab={lab}")
    assert start.follow_up == {"title": "T", "href": "./app?lab=matrix_sensing&lesson=a"}
    assert Start.from_address(engine).lead_on(str).follow_up is None


def test_the_example_of_the_documents_is_a_lesson(write):
    text = (ROOT / "docs" / "lessons.md").read_text().split("```markdown\n")[1].split("\n```")[0]
    lesson = lessons.load(write(text))
    assert [bool(step.question) for step in lesson.steps] == [False, True, False]
    assert lesson.steps[1].question.at == 1000 and lesson.steps[1].figures == ("error", "loss")
    assert [condition.name for condition in lesson.steps[2].goal.conditions] == ["eta", "loss", "step"]
