"""Figures under the pointer: zoom, clicks on curves, overlays, and what a member is called."""

import math

import pytest

from tests.browser.conftest import FIGURE, until

LAB = "/matrix_sensing"
DISTANCE = "Distance to the unknown matrix"

RANGES = f"() => {{ {FIGURE} return [first.x_range, first.y_range].flatMap((r) => [r.start, r.end]) }}"
FRAME = f"""() => {{ {FIGURE}
  const inside = (view) => [view, ...(view.child_views ?? []).flatMap(inside)];
  const views = [...Bokeh.index.roots ?? Object.values(Bokeh.index)].flatMap(inside);
  const view = views.find((v) => v.model === first);
  const place = view.canvas_view.el.getBoundingClientRect(), box = view.frame.bbox;
  return [place.left + box.left, place.top + box.top, box.width, box.height];
}}"""
OVERLAY = f"""() => {{ {FIGURE}
  const found = first.renderers.find((r) => r.glyph.type === "MultiLine" && r.name !== "theory");
  const data = found.data_source.data;
  return (data.ys ?? data.get("ys")).length;
}}"""


def settled(lab):
    """The ranges, once they stay as they are."""

    def same():
        ranges = lab.ask(RANGES)
        lab.view.wait_for_timeout(300)
        return lab.ask(RANGES) == ranges and ranges

    return until(same)


def focus(lab):
    return lab.view.locator("[role=radio][aria-checked=true]").first.inner_text()


def choose_third(lab):
    lab.view.get_by_role("radio").nth(2).click()
    until(lambda: "one modified step" in focus(lab))


def late_point(lab):
    """Place on the page of a late point of the first curve, in pixels."""
    low, high, bottom, top = settled(lab)
    curve = lab.curve()
    at = len(curve["step"]) - 5
    across = (curve["step"][at] - low) / (high - low)
    up = math.log(curve["c0.relative_error"][at] / bottom) / math.log(top / bottom)
    left, upper, width, height = lab.ask(FRAME)
    return left + across * width, upper + (1 - up) * height


def test_a_click_on_a_curve_puts_its_member_in_focus_and_a_zoom_outlives_steps_and_picks(page):
    lab = page().open(LAB).ready(60).pause()
    choose_third(lab)
    curve, mouse, place = lab.curve(), lab.view.mouse, late_point(lab)
    mouse.move(*place)

    def picked():
        mouse.click(*place)
        lab.view.wait_for_timeout(700)
        return focus(lab) == "symmetric"

    until(picked)
    before = settled(lab)
    left, upper, width, height = lab.ask(FRAME)
    again = lab.view.get_by_role("button", name=f"keep the newest step in view again: {DISTANCE}", exact=True)

    def dragged():
        mouse.move(left + 0.3 * width, upper + 0.2 * height)
        mouse.down()
        mouse.move(left + 0.6 * width, upper + 0.7 * height, steps=6)
        mouse.up()
        lab.view.wait_for_timeout(700)
        return again.is_visible()

    until(dragged)  # a figure that is just being drawn again lets a drag pass, as it does a click
    zoomed = settled(lab)
    assert zoomed != before

    end = curve["step"][-1]
    lab.click("take 100 steps and pause")
    until(lambda: lab.steps()[-1] == end + 100)
    choose_third(lab)
    assert settled(lab) == zoomed

    assert not lab.chosen(DISTANCE, "Follow the run")
    again.click()
    until(lambda: lab.ask(RANGES) != zoomed)

    lab.choose(DISTANCE, "Logarithmic horizontal axis")

    def far():
        ranges = lab.ask(RANGES)
        return ranges[:2] != zoomed[:2] and ranges[1] > 2000

    until(far)


@pytest.mark.thorough
def test_a_pinned_run_stays_in_grey_behind_the_next(page):
    lab = page().open(LAB).ready().pause()
    lab.click("keep this run in grey behind the next")
    until(lambda: lab.ask(OVERLAY) == 3)
    lab.type("α", "0.2")
    until(lambda: lab.steps() == [0])
    until(lambda: lab.ask(OVERLAY) == 3)


@pytest.mark.thorough
def test_a_knob_spread_over_many_values_and_seeds(page):
    lab = page().open(LAB).ready()
    lab.view.locator("select.choice").first.select_option("P10")
    lab.view.get_by_label("knob to spread").select_option("alpha")
    lab.view.get_by_label("values of the knob to spread").fill("0.001 … 0.1 × 12")
    lab.click("Spread")
    until(lambda: lab.view.get_by_role("radio").count() == 12)
    seeds = lab.view.get_by_label("seeds", exact=True)
    seeds.fill("4")
    seeds.press("Enter")
    assert lab.says("α = 0.001, 4 seeds")
    lab.ready(10)


def test_an_unknown_address_says_which_labs_there_are(page):
    lost = page()
    lost.open("/no_such_lab")
    assert lost.says("There is no lab at this address.")
    lost.complaints.clear()  # the browser reports the 404 itself
    assert lost.view.get_by_role("link", name="matrix sensing").get_attribute("href") == LAB
