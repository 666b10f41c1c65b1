"""What is computed on demand, what is said in advance, and how long it takes."""

import re

import pytest

from tests.browser.conftest import FIGURE, served, until

LAB = "/matrix_sensing"

POINTS = f"""() => {{ {FIGURE}
  const mine = figures.find((f) => f.below?.some((axis) => axis.axis_label === "number"));
  const data = mine?.renderers[0].data_source.data;
  return data ? Array.from(data.y ?? data.get("y")) : [];
}}"""


PROBER = """
from engines.core import registry
from tests.dashboard.probes.probe_engine import ENGINE
registry.names, registry.load = lambda: ["prober"], lambda name: ENGINE
"""

IMAGES = f"""() => {{ {FIGURE}
  const data = figures.flatMap((f) => f.renderers.map((r) => r.data_source.data));
  const found = data.map((columns) => columns.image ?? columns.get?.("image"));
  return found.filter((image) => image?.length).map((image) => image[0].shape ?? image[0].length);
}}"""


@pytest.fixture(scope="module")
def prober():
    """A server of the engine with a probe of everything."""
    yield from served(PROBER)


def curves(lab):
    return len([name for name in lab.names() if name.endswith("relative_error")])


def probe(lab, name):
    return lab.view.get_by_role("group", name=name)


@pytest.mark.thorough
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
    before = lab.steps()[-1]
    until(lambda: lab.steps()[-1] > before)
    assert card.get_by_text("Computed at step").inner_text() == said
    assert lab.view.get_by_label("numbers", exact=True).first.inner_text().startswith("smallest")

    lab.view.keyboard.press("r")
    assert lab.says("from before the run was started again")
    lab.view.locator("select.choice").first.select_option("P0")
    until(lambda: not card.get_by_text("Computed at step").count())


@pytest.mark.thorough
def test_a_caution_comes_and_goes_and_a_probe_that_is_too_large_is_a_sentence(page):
    lab = page().open(LAB).ready()
    lab.view.locator("select.choice").first.select_option("P2")
    until(lambda: curves(lab) == 2)
    lab.pause()
    lab.view.get_by_text("More:").click()
    text = "it cannot be identified from m = 100 measurements"
    lab.drag("m", 0)
    assert lab.says(text)
    lab.type("m", "300")
    until(lambda: not lab.view.get_by_text("it cannot be identified").count())
    lab.type("m", "100")
    assert lab.says(text)

    lab.type("rows", "70")
    lab.click("take 1 step and pause")
    ask = probe(lab, "Gauss–Newton spectrum").get_by_role("button").first
    until(lambda: "at step 1" in ask.inner_text())
    lab.type("k", "60")
    until(lambda: "at step 0" in ask.inner_text())
    ask.click()
    assert lab.says("exceeds the limit of 4000: lower n or k")
    assert ask.is_enabled()

    lab.view.locator("select.choice").first.select_option("P0")
    until(lambda: not lab.view.get_by_text(text).count())


@pytest.mark.thorough
def test_the_time_left_is_said_while_playing_only(page):
    lab = page().open(LAB).ready()
    lab.view.locator("select.speed").select_option("5")
    left = lab.view.locator(".left")
    # One reading: the estimate is gone wherever no step happened for a while.
    said = until(left.text_content)
    assert re.fullmatch("about .* left", said)
    lab.click("pause (space)")
    until(lambda: not left.text_content())


@pytest.mark.thorough
def test_a_run_that_is_being_prepared_says_so_and_gives_way_to_another(page):
    lab = page().open(LAB).ready()
    lab.view.locator("select.choice").first.select_option("P2")
    lab.view.get_by_text("More:").click()
    lab.type("rows", "70")
    lab.type("m", "8000")
    assert lab.says("preparing…")
    lab.view.locator("select.choice").first.select_option("P0")

    def another_runs():
        going = curves(lab) == 3 and len(lab.steps()) > 10
        return going and not lab.view.get_by_text("preparing…").count()

    until(another_runs, 60)


@pytest.mark.thorough
def test_nothing_sticks_out_of_any_window_while_scrubbing_and_probing(page):
    lab = page(width=900, height=700).open(LAB).ready(20)
    assert lab.fits()
    lab.pause()
    lab.view.keyboard.press("ArrowLeft")
    assert lab.says("↳ Branch")
    probe(lab, "Spectral error").get_by_role("button").first.click()
    assert lab.says("Computed at step")
    for width in (900, 1440, 1280):
        lab.view.set_viewport_size({"width": width, "height": 700})
        lab.view.wait_for_timeout(300)
        last = lab.view.get_by_role("button", name="more commands" if width < 1140 else "keyboard shortcuts (?)")
        box = last.bounding_box()
        assert box["x"] + box["width"] <= width
        assert lab.fits()


@pytest.mark.thorough
def test_what_a_verdict_needs_is_computed_unasked_and_what_is_asked_for_is_watched_and_cancelled(page, prober):
    lab = page(server=prober, width=1440, height=900).open("/prober")
    card = probe(lab, "Loss around the minimum")
    assert lab.says("Computed at step 20, because the verdicts need it · a = 1", 60)
    until(lambda: lab.view.get_by_label("holds", exact=True).count())
    assert lab.says("It is a bowl: 1 < 2 & so on.")
    assert lab.ask(IMAGES) == [[9, 9]]
    lab.view.get_by_role("radio", name="a = 2").click()
    assert lab.says("because the verdicts need it · a = 2")

    fold = card.get_by_role("button", name="Options")
    assert fold.inner_text() == "▸ Options: resolution = 9, wait = 0.05"
    assert not card.get_by_label("resolution").is_visible()
    fold.click()
    for text, sentence in (("500", "resolution = 500 is outside its bounds [3, 201]"), ("33", "")):
        card.get_by_label("resolution").fill(text)
        card.get_by_label("resolution").press("Enter")
        until(lambda said=sentence: card.get_by_role("alert").inner_text() == said)
    card.get_by_label("wait").fill("2")
    card.get_by_label("wait").press("Enter")
    card.get_by_label("shape").select_option("saddle")
    until(lambda: "shape" not in fold.inner_text() and "saddle" in fold.inner_text())

    card.get_by_role("button", name="Compute at step 20").click()
    until(lambda: "25 %" in card.inner_text())
    assert card.get_by_role("progressbar").get_attribute("value") == "0.25"
    assert re.search(r"about \d+ s left", card.inner_text())
    until(lambda: lab.ask(IMAGES) == [[33, 33]])
    assert card.get_by_text("So far at step 20").count()
    assert lab.fits()
    card.get_by_role("button", name="cancel").click()
    until(lambda: lab.ask(IMAGES) == [[9, 9]])
    assert card.get_by_text("cancelled").count()
    assert card.get_by_text("because the verdicts need it · a = 2").count()
    assert not card.get_by_role("progressbar").is_visible()
    lab.view.set_viewport_size({"width": 900, "height": 700})
    lab.view.wait_for_timeout(300)
    assert lab.fits()
