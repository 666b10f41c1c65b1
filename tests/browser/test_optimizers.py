"""The optimiser lab as a newcomer drives it."""

import pytest

from dashboard.session import lessons
from tests.browser.conftest import until
from tests.browser.test_lessons import address

LAB = "/optimizer_dynamics"


def test_two_methods_learn_in_opposite_order_beside_their_dashed_lines(page):
    lab = page(width=1440, height=900).open(LAB).ready()
    lab.view.locator("select.speed").select_option("max")
    until(lambda: lab.shown_step() == 2000, 120)
    until(lambda: lab.view.locator("td.sign.yes").count() == 5)
    curve = lab.curve()
    largest, smallest = (f"modes.{part}" for part in (0, 4))

    def half(who, mode, value):
        values = next(column for name, column in curve.items() if name.startswith(who) and name.endswith(mode))
        return next(place for place, strength in enumerate(values) if strength >= value)

    assert half("c0", largest, 2.0) < half("c0", smallest, 0.125)
    assert half("c1", largest, 2.0) > half("c1", smallest, 0.125)
    assert lab.theory()
    assert lab.says("Half learned")


@pytest.mark.thorough
def test_another_preset_shows_the_plots_of_its_scene_in_a_narrow_window(page):
    lab = page(width=900, height=700).open(f"{LAB}?preset=O8").ready(10)
    assert lab.fits()
    until(lambda: lab.view.get_by_role("heading", name="Excess risk", exact=True).count())
    lab.view.locator("select.choice").first.select_option("O13")
    until(lambda: lab.view.get_by_role("heading", name="Residual against squared length").count())


@pytest.mark.thorough
def test_an_action_is_offered_only_where_its_knob_changes_something(page):
    lab = page(width=1440, height=900).open(f"{LAB}?preset=O8").ready(3)
    assert lab.view.locator("button.action", has_text="Decay from here").count() == 0
    lab.view.locator("select.choice").first.select_option("O6")
    until(lambda: lab.view.locator("button.action", has_text="Decay from here").count() == 1)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "name", [name for name, path in lessons.paths().items() if "optimizer_dynamics" in str(path)]
)  # fmt: skip
def test_every_page_of_a_lesson_shows_what_it_means_and_answers(page, name):
    lesson = lessons.load(name)
    for index, step in enumerate(lesson.steps):
        lab = page(width=1440, height=900).open(address(name, index))
        assert lab.says(step.title), (name, index)
        if step.question:
            choice = step.question.choices[step.question.answer]
            until(lambda lab=lab, choice=choice: lab.view.get_by_role("button", name=choice, exact=True).count())
            lab.view.get_by_role("button", name=choice, exact=True).click()
            lab.view.locator("select.speed").select_option("max")
            assert lab.says(step.question.reveal.split(",")[0].split(".")[0], 180), (name, index)
        lab.view.close()


@pytest.mark.thorough
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1440, 900), (900, 700)], ids=str)
def test_names_of_phases_do_not_run_into_each_other(page, size, scheme):
    lab = page(width=size[0], height=size[1])
    lab.view.emulate_media(color_scheme=scheme)
    lab.open(LAB).ready()
    lab.view.locator("select.speed").select_option("max")
    until(lambda: lab.shown_step() == 2000, 120)
    assert lab.fits()
    until(lambda: lab.ask(APART), 20)
    assert lab.says("Half time of each mode")


APART = """() => {
  const models = Bokeh.documents[0].roots().flatMap((root) => [...root.references()]);
  const named = models.filter((m) => m.type === "GlyphRenderer" && m.name === "phase names");
  return named.length > 1 && named.every((renderer) => {
    const figure = models.find((m) => m.type === "Figure" && m.renderers?.includes(renderer));
    if (!figure || !figure.inner_width) return true;
    const data = renderer.data_source.data, get = (key) => [...(data.get ? data.get(key) : data[key])];
    const { start, end } = figure.x_range, texts = get("text");
    const spans = get("at").map((at, i) => [(at - start) / (end - start) * figure.inner_width, texts[i].length * 5])
      .filter((_, i) => texts[i]);
    return spans.every(([left], i) => i === 0 || spans[i - 1][0] + spans[i - 1][1] <= left);
  });
}"""
"""Whether the names on each figure with a linear axis end before the next begins, at five pixels a letter."""
