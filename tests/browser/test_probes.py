"""What is computed on demand, what is said in advance, and how long it takes."""

import pytest

from tests.browser.conftest import FIGURE, until

LAB = "/matrix_sensing"

POINTS = f"""() => {{ {FIGURE}
  const mine = figures.find((f) => f.below?.some((axis) => axis.axis_label === "number"));
  const data = mine?.renderers[0].data_source.data;
  return data ? Array.from(data.y ?? data.get("y")) : [];
}}"""

DRAG = """([name, place]) => {
  const inside = (e) => e.shadowRoot ? [e, ...deep(e.shadowRoot)] : [e];
  const deep = (root) => [...root.querySelectorAll("*")].flatMap(inside);
  const named = (e) => e.matches("input.range") && e.getAttribute("aria-label").startsWith(name + ":");
  const range = deep(document).find(named);
  range.value = place;
  range.dispatchEvent(new Event("input"));
}"""


def curves(lab):
    return len([name for name in lab.curve() if name.endswith("relative_error")])


def probe(lab, name):
    return lab.view.get_by_role("group", name=name)


def test_a_probe_is_computed_while_the_run_goes_on(page):
    lab = page().open(LAB).ready(10)
    lab.view.locator("select.choice").first.select_option("P10")
    lab.view.locator("select.speed").select_option("20")
    until(lambda: curves(lab) == 4)
    lab.ready(10)
    card = probe(lab, "Gauss–Newton spectrum")
    assert "Compute at step" in card.get_by_role("button").first.inner_text()
    card.get_by_role("button").first.click()
    until(lambda: lab.ask(POINTS))
    said = card.get_by_text("Computed at step").inner_text()
    before = lab.curve()["step"][-1]
    until(lambda: lab.curve()["step"][-1] > before)
    assert card.get_by_text("Computed at step").inner_text() == said
    assert lab.view.get_by_label("numbers", exact=True).first.inner_text().startswith("smallest")

    lab.view.keyboard.press("r")
    assert lab.says("from before the run was started again")
    lab.view.locator("select.choice").first.select_option("P0")
    until(lambda: not card.get_by_text("Computed at step").count())


def test_a_probe_that_is_too_large_is_a_sentence(page):
    lab = page().open(LAB).ready(10)
    lab.view.locator("select.choice").first.select_option("P2")
    until(lambda: curves(lab) == 2)
    lab.click("pause (space)")
    assert lab.says("paused")
    lab.view.get_by_text("More:").click()
    lab.type("n", "70")
    lab.type("k", "60")
    lab.ready(1)
    card = probe(lab, "Gauss–Newton spectrum")
    until(lambda: "at step 0" in card.get_by_role("button").first.inner_text())
    card.get_by_role("button").first.click()
    assert lab.says("exceeds the limit of 4000: lower n or k")
    assert card.get_by_role("button").first.is_enabled()


def test_a_caution_appears_and_goes_away(page):
    lab = page().open(LAB).ready(10)
    lab.view.locator("select.choice").first.select_option("P2")
    until(lambda: curves(lab) == 2)
    lab.click("pause (space)")
    assert lab.says("paused")
    lab.view.get_by_text("More:").click()
    text = "it cannot be identified from m = 100 measurements"
    lab.ask(DRAG, ["m", 0])
    assert lab.says(text)
    lab.type("m", "300")
    until(lambda: not lab.view.get_by_text("it cannot be identified").count())
    lab.type("m", "100")
    assert lab.says(text)
    lab.view.locator("select.choice").first.select_option("P0")
    until(lambda: not lab.view.get_by_text(text).count())


def test_the_time_left_is_said_while_playing_only(page):
    lab = page().open(LAB).ready(3)
    lab.view.locator("select.speed").select_option("5")
    left = lab.view.locator(".left")
    until(lambda: "about" in (left.text_content() or ""))
    assert left.text_content().endswith("left")
    lab.click("pause (space)")
    until(lambda: not left.text_content())


def test_a_run_that_is_being_prepared_says_so_and_gives_way_to_another(page):
    lab = page().open(LAB).ready(10)
    lab.view.locator("select.choice").first.select_option("P2")
    lab.view.get_by_text("More:").click()
    lab.type("n", "70")
    lab.type("m", "8000")
    assert lab.says("preparing…")
    lab.view.locator("select.choice").first.select_option("P0")

    def another_runs():
        going = curves(lab) == 3 and len(lab.curve()["step"]) > 10
        return going and not lab.view.get_by_text("preparing…").count()

    until(another_runs, 60)


@pytest.mark.parametrize("width", [900, 1440])
def test_nothing_sticks_out_while_scrubbing_and_probing(page, width):
    lab = page(width=width, height=700).open(LAB).ready(20)
    lab.click("pause (space)")
    lab.view.keyboard.press("ArrowLeft")
    assert lab.says("Branch from here")
    probe(lab, "Spectral error").get_by_role("button").first.click()
    assert lab.says("Computed at step")
    assert lab.ask("document.documentElement.scrollWidth") <= width
    copy = lab.view.get_by_role("button", name="a link that holds this experiment completely").bounding_box()
    assert copy["x"] + copy["width"] <= width
