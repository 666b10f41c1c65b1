import pytest

from tests.browser.conftest import until

LAB = "/matrix_sensing"


def test_the_lab_opens_and_is_moving(page):
    lab = page().open(LAB).ready()
    before = lab.curve()["step"][-1]
    until(lambda: lab.curve()["step"][-1] > before)
    assert len(lab.curve()) > 3
    assert lab.theory()


def test_pause_step_and_scrub_do_what_they_say(page):
    lab = page().open(LAB).ready(30)
    lab.click("pause (space)")
    assert lab.says("paused")
    end = lab.shown_step()
    lab.view.wait_for_timeout(600)
    assert lab.shown_step() == end == lab.curve()["step"][-1]

    lab.click("take 10 steps and pause")
    until(lambda: lab.curve()["step"][-1] == end + 10)
    assert lab.shown_step() == end + 10

    rows = lab.curve()["step"]
    scrub = lab.view.get_by_label("scrub over the recorded steps")
    scrub.fill("7")
    until(lambda: lab.shown_step() == 7)
    assert lab.curve()["step"] == rows

    lab.click("go back to this step, forget what came after, and let the next edit make another future")
    until(lambda: lab.curve()["step"][-1] == 7)


def test_reset_repeats_the_run_exactly(page):
    lab = page().open(LAB).ready(40)
    lab.view.keyboard.press("Space")
    assert lab.says("paused")
    first = lab.curve()
    lab.view.keyboard.press("r")
    until(lambda: lab.curve()["step"] == [0])
    lab.click("take 100 steps and pause")
    until(lambda: lab.curve()["step"][-1] == 100)
    again = lab.curve()
    for name in first:
        assert again[name][:40] == first[name][:40]


def test_a_dragged_slider_moves_the_theory_before_any_run(page):
    lab = page().open(LAB).ready(10)
    lab.click("pause (space)")
    assert lab.says("paused")
    before, rows = lab.theory(), lab.curve()["step"]
    lab.ask(DRAG, "α")
    until(lambda: lab.theory() != before)
    assert lab.curve()["step"] == rows


DRAG = """(name) => {
  const inside = (e) => e.shadowRoot ? [e, ...deep(e.shadowRoot)] : [e];
  const deep = (root) => [...root.querySelectorAll("*")].flatMap(inside);
  const named = (e) => e.matches("input.range") && e.getAttribute("aria-label").startsWith(name + ":");
  const range = deep(document).find(named);
  range.value = 300;
  range.dispatchEvent(new Event("input"));
}"""


def test_an_init_knob_restarts_and_a_live_knob_does_not(page):
    lab = page().open(LAB).ready(30)
    lab.click("pause (space)")
    assert lab.says("paused")
    end = lab.curve()["step"][-1]
    lab.type("η", "0.05")
    lab.click("take 1 step and pause")
    until(lambda: lab.curve()["step"][-1] == end + 1)
    lab.type("k", "6")
    until(lambda: lab.curve()["step"] == [0])


def test_a_value_out_of_bounds_is_a_sentence_and_changes_nothing(page):
    lab = page().open(LAB).ready(20)
    lab.type("η", "-3")
    assert lab.says("outside its bounds")
    lab.type("η", "fast")
    assert lab.says("is not a finite number")
    lab.type("k", "500")
    assert lab.says("k=500 exceeds the smaller size of the matrix")
    before = lab.curve()["step"][-1]
    until(lambda: lab.curve()["step"][-1] > before)


@pytest.mark.parametrize("path", [LAB, "/subgradient_recovery"])
def test_a_copied_link_opens_the_same_curve_elsewhere(path, page):
    here = page().open(path).ready(10)
    here.type("α", "0.27")
    until(lambda: len(here.curve()["step"]) > 40)
    here.click("a link that holds this experiment completely")
    until(lambda: "s=" in here.ask("location.href"))
    there = page().open(here.ask("location.href")).ready(40)
    first, second = here.curve(), there.curve()
    assert set(first) == set(second)
    for name in first:
        assert first[name][:40] == second[name][:40]


def test_a_link_repeats_a_knob_that_was_turned_on_the_way(page):
    here = page().open(LAB).ready(20)
    here.click("pause (space)")
    assert here.says("paused")
    end = here.curve()["step"][-1]
    here.type("η", "0.05")
    here.click("take 100 steps and pause")
    until(lambda: here.curve()["step"][-1] >= end + 100)
    here.click("a link that holds this experiment completely")
    until(lambda: "s=" in here.ask("location.href"))
    there = page().open(here.ask("location.href")).ready(20)
    until(lambda: there.curve()["step"][-1] >= end + 100)
    first, second = here.curve(), there.curve()
    steps = [step for step in first["step"] if step in second["step"]]
    assert len(steps) > 40 and steps[-1] > end
    for name in first:
        here_at, there_at = (dict(zip(curve["step"], curve[name], strict=True)) for curve in (first, second))
        assert [here_at[step] for step in steps] == [there_at[step] for step in steps]


@pytest.mark.parametrize("token", ["eJyrVgpKTVKyUlAqS8wpTtVRUCpKLS7IzytOVbJSMDQAALbXCUk", "%00%ff", "x" * 20000])
def test_a_tampered_link_gives_a_sentence_and_the_lab(page, token):
    lab = page().open(f"{LAB}?s={token}").ready()
    assert lab.says("Here is the lab as it opens by default.")


def test_an_impossible_step_size_is_a_lesson(page):
    lab = page().open(LAB).ready(10)
    lab.type("η", "5")
    assert lab.says("diverged: the first at step", 60)
    lab.click("back to step 0, same seeds (R)")
    lab.ready(5)


def test_closing_the_tab_stops_the_compute(page, active):
    lab = page().open(LAB).ready()
    assert active() >= 1
    lab.close()
    until(lambda: active() == 0)


def test_a_hidden_page_costs_nothing_until_it_is_seen_again(page, active):
    lab = page().open(LAB).ready()
    lab.ask(HIDE, True)
    until(lambda: active() == 0)
    rows = len(lab.curve()["step"])
    lab.ask(HIDE, False)
    until(lambda: len(lab.curve()["step"]) > rows)


HIDE = """(hidden) => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.mark.parametrize(
    ("path", "width"), [("/matrix_sensing", 900), ("/matrix_sensing", 1280), ("/subgradient_recovery", 900)]
)
def test_nothing_sticks_out_of_a_narrow_window(path, page, width):
    lab = page(width=width, height=700).open(path).ready()
    assert lab.ask("document.documentElement.scrollWidth") <= width


def test_the_gallery_links_to_the_lab(page):
    gallery = page().open("/")
    gallery.view.locator("a.card").first.click()
    gallery.ready()
