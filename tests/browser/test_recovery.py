"""The recovery lab as a newcomer drives it."""

import pytest

from tests.browser.conftest import FIGURE, until

LAB = "/subgradient_recovery"

SCATTER = f"""() => {{ {FIGURE}
  const drawn = figures.flatMap((f) => f.renderers).filter((r) => r.glyph.type === "Scatter");
  return drawn.map((r) => {{
    const data = r.data_source.data, column = (name) => Array.from(data[name] ?? data.get?.(name) ?? []);
    return [column("y"), column("color")];
  }});
}}"""
IMAGES = f"""() => {{ {FIGURE}
  const drawn = figures.flatMap((f) => f.renderers).find((r) => r.glyph.type === "Image");
  const data = drawn.data_source.data;
  return (data.image ?? data.get("image")).map((image) => Array.from(image).map(Number));
}}"""


def choose(lab, preset):
    lab.view.locator("select.choice").first.select_option(preset)


@pytest.mark.thorough
def test_three_runs_race_when_the_lab_opens_and_the_small_start_wins(page):
    lab = page().open(LAB).ready()
    lab.view.locator("select.speed").select_option("max")
    until(lambda: lab.shown_step() == 1500, 120)
    curve = lab.curve()
    small, squares, large = (curve[f"c{i}.relative_error"][-1] for i in range(3))
    assert small < 1e-4 < 0.5 < min(squares, large)
    assert lab.says("Does it hold?")
    until(lambda: lab.view.locator("td.sign.yes").count() == 4)

    # The matrices beside one another are alike at the end, and the recovered one is empty at the start.
    recovered, truth = lab.ask(IMAGES)
    assert len(recovered) == len(truth) > 100
    assert max(abs(a - b) for a, b in zip(recovered, truth, strict=True)) < 1e-3
    lab.view.get_by_label("scrub over the recorded steps").fill("0")
    until(lambda: lab.shown_step() == 0)
    until(lambda: max(map(abs, lab.ask(IMAGES)[0])) < 1e-6)


@pytest.mark.thorough
def test_residuals_and_data_are_drawn_in_the_colours_of_their_classes_in_a_narrow_window(page):
    lab = page(width=900, height=700).open(LAB).ready(10).pause()
    assert lab.fits()
    clouds = [(values, colors) for values, colors in lab.ask(SCATTER) if len(values) == 400]
    assert len(clouds) == 2
    for _, colors in clouds:
        assert len(set(colors)) == 2
        assert sorted(map(colors.count, set(colors))) == [80, 320]
    assert lab.says("outlier, ")


@pytest.mark.thorough
def test_what_cannot_work_is_said_with_the_knob_and_its_limit(page):
    lab = page().open(LAB).ready()
    choose(lab, "SG-01")
    until(lambda: {"c0.relative_error", "c1.relative_error"} & lab.names() == {"c0.relative_error"})
    lab.pause()
    lab.type("budget B", "5")
    assert lab.says("(0 sets it from the data)")
    lab.type("budget B", "0")
    until(lambda: lab.view.get_by_text("(0 sets it from the data)").count() == 0)
    lab.type("outliers p", "1")
    assert lab.says("outside its bounds [0, 0.95]")
    lab.type("k", "60")
    assert lab.says("k=60 exceeds the size of the matrix, d=30")

    # What the signs of the data show is computed beside all this.
    lab.view.get_by_role("button", name="Compute at step").last.click()
    assert lab.says("automatic budget", 60)


@pytest.mark.thorough
def test_a_sweep_leads_where_the_preset_says_so(page):
    lab = page().open(LAB).ready()
    choose(lab, "SG-13")
    until(lambda: lab.view.locator("h1").first.inner_text() == "How far to go: the budget")
    lab.pause()
    places = """() => {
      const inside = (e) => [e, ...deep(e.shadowRoot ?? e)];
      const deep = (root) => [...root.children].flatMap(inside);
      const found = deep(document.body).filter((e) => e.tagName === "H2");
      return Object.fromEntries(found.map((e) => [e.textContent, e.getBoundingClientRect().top]));
    }"""
    sweep, error = "Outcome of every member, at the cursor", "Distance to the unknown matrix"

    def first():
        found = lab.ask(places)
        return min((sweep, error), key=found.get) if {sweep, error} <= found.keys() else None

    until(lambda: first() == sweep)
    choose(lab, "SG-09")
    until(lambda: first() == error)
