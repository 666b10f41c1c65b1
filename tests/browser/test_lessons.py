"""Lessons as a reader takes them: nothing tells an answer before its time, and what is asked for is checked."""

import csv
import io

import pytest

import engines
from dashboard.session import lessons, link
from dashboard.session.view_state import ViewState
from tests.browser.conftest import ROOT, first_of, until

PICTURES = ROOT / "build" / "lessons"
"""Where a picture of each page of each lesson is kept, once it is told."""

SEEN = """() => {
  const texts = [];
  const walk = (root) => {
    for (const each of root.childNodes) {
      if (each.nodeType === Node.TEXT_NODE) texts.push(each.textContent);
      if (each.nodeType !== Node.ELEMENT_NODE || each.matches("style, script, section.lesson")) continue;
      const boxless = getComputedStyle(each).display === "contents";  // not visible itself, but what is in it
      if (!boxless && !each.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
      walk(each);
      if (each.shadowRoot) walk(each.shadowRoot);
    }
  };
  walk(document.body);
  return texts.join(" ").replace(/\\s+/g, " ");
}"""

END = "This is the end: everything is yours to turn."

TURN = """() => {
  const models = Bokeh.documents[0].roots().flatMap((root) => [...root.references()]);
  const sources = models.filter((m) => m.type === "ColumnDataSource");
  return sources.map((m) => m.data.turn ?? m.data.get?.("turn")).filter(Boolean)[0]?.[0];
}"""


def meant(lab):
    """The box of the figure that the lesson means, once it is wholly in sight."""
    ringed = lab.view.locator(".meant.lead")
    box = ringed.first.bounding_box() if ringed.count() else None
    height = lab.view.viewport_size["height"]
    return box if box and box["y"] >= 0 and box["y"] + box["height"] <= height + 1 else None


def address(name, index):
    """The link of a page of a lesson."""
    lesson = lessons.load(name)
    view = ViewState(hide=lesson.hide, lesson=name, lesson_step=index)
    return f"/{lesson.lab}?s={link.encode(lesson.experiment(engines.load(lesson.lab), index), view)}"


def next_of(lab):
    return lab.view.get_by_role("button", name="Next", exact=True)


def play_fast(lab):
    speed = lab.view.locator("select.speed").filter(visible=True)
    if speed.count():
        speed.select_option("max")


def test_a_lesson_asks_then_plays_then_tells(page):
    lab = page(height=900).open("/")
    lab.view.get_by_role("link", name="The price of width").click()
    assert lab.says("Choose, and it plays.")
    assert next_of(lab).count() == 1 and next_of(lab).is_disabled()
    lab.view.keyboard.press(" ")

    lab.view.get_by_role("button", name="two factors", exact=True).click()
    assert lab.says("You said: two factors. Now watch: the answer comes when the run has ended.")
    lab.ready(1)
    assert lab.theory() == [] and next_of(lab).is_disabled()
    until(lambda: meant(lab), 20)
    assert lab.says("You said: two factors. Its error bends")
    assert lab.steps()[-1] == 2400
    until(lambda: lab.theory())

    next_of(lab).click()
    assert lab.says("A straight line is a promise")
    lab.view.get_by_role("button", name="Back", exact=True).click()
    assert lab.says("You said: two factors. Its error bends")
    next_of(lab).click()
    assert lab.says("A straight line is a promise")
    next_of(lab).click()
    assert lab.says("How many of the five widths get a straight line?")
    lab.view.keyboard.press("l")
    there = page().open(until(lambda: next((url for url in [lab.ask("location.href")] if "s=" in url), "")))
    assert there.says("How many of the five widths get a straight line?")
    assert there.says("Choose, and it plays.")


@pytest.mark.parametrize("name", first_of(lessons.paths()))
def test_nothing_on_the_page_answers_a_question_that_waits(page, name):
    lesson = lessons.load(name)
    engine = engines.load(lesson.lab)
    figures = [plot.title for plot in engine.plots]
    told = [text for preset in engine.presets for text in (preset.title, preset.look_for)]
    lab = page(width=1440, height=900)
    for index, step in enumerate(lesson.steps):
        if not step.question:
            continue
        lab.open(address(name, index))
        assert lab.says("Choose, and it plays.")
        assert lab.says("This is told once you have chosen")
        configs = lesson.experiment(engine, index).configs()
        cautions = [engine.caution(config) for config in configs]
        seen, choices = lab.ask(SEEN), step.question.choices
        answer = "" if all(choice in seen for choice in choices) else choices[step.question.answer]  # values of a knob
        assert "What you are seeing This is told once you have chosen" in seen
        telling = {text for text in (answer, *figures, *told, *cautions) if text and text in seen} - {lesson.title}
        assert not telling, (name, index)
        assert lab.steps() in ([], [0])
        lab.view.keyboard.press(" ")
        lab.view.keyboard.press(".")
        assert lab.steps() in ([], [0])


def answer(lab, question, wrongly):
    """Answer a question, and wait until the run has come to where it is told."""
    assert lab.says("Choose, and it plays.")
    chosen = question.choices[(question.answer + wrongly) % len(question.choices)]
    lab.view.get_by_role("button", name=chosen, exact=True).click()
    play_fast(lab)
    told = f"You said: {chosen}. {question.reveal[:9]}" if wrongly else "Right. "
    until(lambda: lab.view.locator(".question .reveal").inner_text().startswith(told), 120)


def let_it_be_shown(lab):
    """Have the page turn the knobs that reach a goal."""
    assert lab.says("Not yet.")
    lab.view.get_by_role("button", name="Show me").click()
    play_fast(lab)
    assert lab.says("Done. ", 120)


@pytest.mark.thorough
@pytest.mark.parametrize("name", lessons.paths())
def test_a_lesson_is_walked_from_its_first_page_to_the_next_lesson(page, name):
    """Before a question is told and a goal reached there is no way on; every second question is answered wrongly."""
    lesson = lessons.load(name)
    lab = page(width=1440, height=900).open(f"/{lesson.lab}?lesson={name}")
    PICTURES.mkdir(parents=True, exist_ok=True)
    last = len(lesson.steps) - 1
    ways_on = lab.view.get_by_role("button", name="Next", exact=True, disabled=False)
    ways_on = ways_on.or_(lab.view.get_by_role("link", name="Next lesson")).or_(lab.view.get_by_text(END))
    for index, step in enumerate(lesson.steps):
        assert lab.says(f"{index + 1} of {len(lesson.steps)}")
        assert bool(ways_on.count()) == (not step.question and not step.goal)
        if step.question:
            answer(lab, step.question, wrongly=index % 2)
        if step.goal:
            let_it_be_shown(lab)
        ways_on.wait_for()
        until(lambda: not step.figures or meant(lab), 20)  # noqa: B023
        lab.view.screenshot(path=PICTURES / f"{name}-{index + 1}.png")
        if index < last:
            ways_on.click()
    following = lessons.after(lesson)
    assert ways_on.inner_text() == (f"Next lesson: {following.title}" if following else END)


@pytest.mark.thorough
def test_what_a_lesson_asks_for_is_checked_and_the_last_page_leads_on(page):
    lab = page(height=900).open(address("freed_by_one_step", 3)).ready(1)
    assert lab.says("Not yet.")
    assert not lab.view.get_by_text("Next lesson").count()
    lab.view.get_by_role("button", name="Show me").click()
    assert lab.says("Done. Near the solution the curvature is 2")
    lab.view.get_by_role("link", name="Next lesson: Garbage in, truth out").click()
    assert lab.says("Which of them finds the truth?")


@pytest.mark.thorough
def test_dragging_turns_where_a_lesson_says_so(page):
    lab = page(width=1440, height=900).open(address("three_clouds", 1)).ready(3)
    until(lambda: meant(lab), 20)
    until(lambda: lab.ask(TURN) is not None)
    before = lab.ask(TURN)
    box = meant(lab)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    lab.view.mouse.move(x, y)
    lab.view.mouse.down()
    lab.view.mouse.move(x + 120, y + 10, steps=6)
    lab.view.mouse.up()
    until(lambda: abs(lab.ask(TURN) - before) > 0.5, 10)


@pytest.mark.thorough
def test_progress_and_answers_stay_in_the_browser(page):
    lab = page(height=900).open("/neural_collapse?lesson=what_a_layer_removes")
    lab.view.get_by_role("button", name="the spread of the samples").click()
    assert lab.says("A turned frame is as good a frame")
    lab.open("/neural_collapse?lesson=what_a_layer_removes")
    assert lab.says("You said: the spread of the samples. A turned frame")
    next_of(lab).click()
    assert lab.says("Why damping is no virtue of its own")
    next_of(lab).click()
    lab.view.get_by_role("button", name="nearly all").click()
    assert lab.says("Right. It leaves")
    next_of(lab).click()
    lab.view.get_by_role("button", name="Show me").click()
    assert lab.says("Done. With β at 0.1")
    with lab.view.expect_download() as saved:
        lab.view.get_by_role("button", name="Save my answers").click()
    rows = list(csv.DictReader(io.StringIO(saved.value.path().read_text("utf-8-sig"))))
    assert [(row["lesson"], row["page"], row["answer"], row["right"]) for row in rows] == [
        ("what_a_layer_removes", "1", "the spread of the samples", "no"),
        ("what_a_layer_removes", "3", "nearly all", "yes"),
    ]
    lab.open("/")
    assert lab.says(f"1 of {len(lessons.paths())} done")
    lab.open("/neural_collapse?lesson=what_a_layer_removes")
    lab.view.get_by_role("button", name="Start afresh").click()
    assert lab.says("Choose, and it plays.")


@pytest.mark.thorough
def test_a_lesson_is_printed_whole_and_nothing_else(page):
    lab = page(height=900).open("/matrix_sensing?lesson=the_price_of_width&theme=dark")
    assert lab.says("Choose, and it plays.")
    assert lab.view.locator("header").is_visible()
    lab.view.emulate_media(media="print")
    until(lambda: not lab.view.locator("header").is_visible(), 5)
    lesson = lessons.load("the_price_of_width")
    assert lab.view.locator(".printed section").count() == len(lesson.steps)
    assert lab.view.locator(".printed section").last.is_visible()
    ways = lab.view.get_by_role("link").or_(lab.view.get_by_role("button"))
    assert not [each.inner_text() for each in ways.all() if each.is_visible()]
    assert not lab.view.get_by_text("What you are seeing").is_visible()
