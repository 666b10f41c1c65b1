"""Members of an ensemble as a reader meets them: chips, parts, spreads and the box under the pointer."""

import pytest

from tests.browser.conftest import FIGURE, first_of, until
from tests.browser.test_figures import FRAME

RECOVERY, SENSING = "/subgradient_recovery", "/matrix_sensing"

BOX = "document.getElementById('dynascope-hover')"
SHOWN = f"getComputedStyle({BOX} ?? document.createElement('i')).display === 'block'"
WIDTHS = f"""() => {{ {FIGURE}
  const lines = first.renderers.filter((r) => r.glyph.type === "Line");
  return lines.map((r) => r.glyph.line_width.value ?? r.glyph.line_width);
}}"""


def chips(lab):
    return lab.view.get_by_role("radio")


def over_a_curve(lab):
    """Move the pointer down the figure until the box tells of a curve; returns what it says."""
    left, top, width, height = lab.ask(FRAME)
    for share in range(2, 100, 2):
        lab.view.mouse.move(left + 0.4 * width, top + height * share / 100)
        lab.view.wait_for_timeout(40)
        text = lab.ask(f"{BOX}?.innerText ?? ''") if lab.ask(SHOWN) else ""
        if "relative error" in text:
            return text
    return ""


@pytest.mark.parametrize("theme", first_of(["light", "dark"]))
def test_a_hover_is_one_box_that_names_the_nearest_curve_and_its_value(page, theme):
    lab = page().open(f"{SENSING}?preset=P0&theme={theme}").ready(60).pause()
    text = until(lambda: over_a_curve(lab))
    assert any(name in text for name in ("symmetric", "asymmetric", "one modified step"))
    assert "step" in text
    thick = lab.ask(WIDTHS)
    assert len(set(thick)) > 1, "the curve under the pointer stands out"
    assert lab.ask("document.querySelectorAll('#dynascope-hover').length") == 1
    ground, ink = lab.ask(f"[getComputedStyle({BOX}).backgroundColor, getComputedStyle({BOX}).color]")
    assert (ground, ink) == ("rgb(32, 37, 47)", "rgb(243, 245, 249)"), "readable on both grounds"
    lab.view.mouse.move(2, 2)
    until(lambda: not lab.ask(SHOWN))


@pytest.mark.thorough
def test_a_hover_where_no_curve_is_tells_the_phase(page):
    lab = page().open(f"{SENSING}?preset=P0").ready(100).pause()
    left, top, width, height = lab.ask(FRAME)

    def said():
        for share in (at / 20 for at in range(1, 20)):
            lab.view.mouse.move(left + 0.5 * width, top + height * share)
            lab.view.wait_for_timeout(60)
            text = lab.ask(f"{BOX}?.innerText ?? ''")
            if "from step" in text:
                return text
        return ""

    assert any(name in until(said) for name in ("growth", "fit", "tail"))


@pytest.mark.thorough
def test_chips_stand_in_one_line_that_scrolls(page):
    lab = page(width=900, height=700).open(f"{RECOVERY}?preset=SG-03").ready(3).pause()
    until(lambda: chips(lab).count() == 24)
    heights = [chips(lab).nth(at).bounding_box()["y"] for at in (0, 12, 23)]
    assert len(set(heights)) == 1
    assert lab.fits()
    assert all("_" not in text for text in chips(lab).all_inner_texts())


@pytest.mark.thorough
def test_cases_name_themselves(page):
    lab = page().open(f"{RECOVERY}?preset=SG-02").ready(3).pause()
    until(lambda: chips(lab).count() == 10)
    texts = chips(lab).all_inner_texts()
    assert texts[0] == "spectral start, k = 2" and texts[5] == "random start, k = 2"


@pytest.mark.thorough
def test_a_large_ensemble_is_shown_part_by_part(page):
    lab = page().open(f"{RECOVERY}?preset=SG-14").ready(3).pause()
    part = lab.view.get_by_label("part of the ensemble that is shown")
    until(lambda: part.locator("option").count() == 4)
    assert chips(lab).count() == 16
    first = lab.names()
    part.select_option(label="k = 10, κ = 10")
    until(lambda: chips(lab).count() == 14)
    until(lambda: lab.names() != first)
    assert lab.says("Who is closest to the unknown matrix")


def test_a_knob_is_spread_over_a_list_and_two_make_a_map(page):
    lab = page().open(f"{SENSING}?preset=P10").ready(3)
    lab.view.get_by_label("knob to spread", exact=True).select_option("alpha")
    lab.view.get_by_label("values of the knob to spread").fill("0.1, 0.3, 1")
    lab.click("Spread")
    until(lambda: chips(lab).all_inner_texts() == ["α = 0.1", "α = 0.3", "α = 1"])
    lab.view.get_by_label("second knob to spread", exact=True).select_option("eta")
    lab.view.get_by_label("values of the second knob to spread").fill("0.05 … 0.2 × 4")
    lab.click("Spread")
    until(lambda: chips(lab).count() == 12)
    assert lab.says("Map of two knobs")


@pytest.mark.thorough
def test_a_list_that_cannot_be_read_is_a_sentence_with_the_name_that_readers_know(page):
    lab = page().open(f"{SENSING}?preset=P10").ready(3)
    lab.view.get_by_label("knob to spread", exact=True).select_option("init_ratio")
    lab.view.get_by_label("values of the knob to spread").fill("0.1, many")
    lab.click("Spread")
    assert lab.says("start ratio = many is not a finite number")


@pytest.mark.thorough
def test_a_term_is_explained_beside_its_mention_and_the_help_lists_all(page):
    lab = page().open(f"{RECOVERY}?preset=SG-01").ready(3).pause()
    term = lab.view.locator(".term").first
    name = term.get_attribute("data-term")
    term.focus()
    term.press("Enter")
    dialog = lab.view.get_by_label("what a term means")
    assert name in dialog.inner_text().lower()
    lab.view.keyboard.press("Escape")
    until(lambda: not dialog.is_visible())
    lab.view.keyboard.press("?")
    assert lab.says("The total length of all normalised steps")


def test_a_tab_carries_the_name_of_its_lab(page):
    lab = page().open(SENSING).ready(3)
    until(lambda: lab.view.title() == "Matrix sensing by gradient descent · Dynascope")
    assert lab.view.get_by_role("link", name="Labs").count() == 1
