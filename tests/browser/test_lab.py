import pytest

from tests.browser.conftest import until

LAB = "/matrix_sensing"


def test_the_gallery_leads_to_a_lab_that_is_moving(page):
    lab = page().open("/")
    lab.view.locator("a.lab[href*=matrix_sensing]").click()
    lab.ready()
    before = lab.steps()[-1]
    until(lambda: lab.steps()[-1] > before)
    assert len(lab.names()) > 3
    assert lab.theory()


def test_pause_step_scrub_branch_and_reset_do_what_they_say(page):
    lab = page().open(LAB).ready(40).pause()
    end = lab.shown_step()
    lab.view.wait_for_timeout(600)
    first = lab.curve()
    assert lab.shown_step() == end == first["step"][-1]

    lab.click("take 10 steps and pause")
    until(lambda: lab.steps()[-1] == end + 10)
    assert lab.shown_step() == end + 10

    rows = lab.steps()
    lab.view.get_by_label("scrub over the recorded steps").fill("7")
    until(lambda: lab.shown_step() == 7)
    assert lab.steps() == rows

    lab.click("go back to this step, forget what came after, and let the next edit make another future")
    until(lambda: lab.steps()[-1] == 7)

    lab.view.keyboard.press("r")
    until(lambda: lab.steps() == [0])
    lab.click("take 100 steps and pause")
    until(lambda: lab.steps()[-1] == 100)
    again = lab.curve()
    for name in first:
        assert again[name][:40] == first[name][:40]


def test_a_drag_moves_the_theory_a_live_knob_the_run_and_an_init_knob_restarts(page):
    lab = page().open(LAB).ready(30).pause()
    before, rows = lab.theory(), lab.steps()
    lab.drag("α", 300)
    until(lambda: lab.theory() != before)
    assert lab.steps() == rows

    lab.type("η", "0.05")
    lab.click("take 1 step and pause")
    until(lambda: lab.steps()[-1] == rows[-1] + 1)
    lab.type("k", "6")
    until(lambda: lab.steps() == [0])


@pytest.mark.thorough
def test_what_cannot_be_is_a_sentence_and_what_should_not_a_lesson(page):
    lab = page().open(LAB).ready(10)
    lab.view.locator("select.speed").select_option("20")
    lab.type("η", "-3")
    assert lab.says("outside its bounds")
    lab.type("η", "fast")
    assert lab.says("is not a finite number")
    lab.type("k", "500")
    assert lab.says("k=500 exceeds the smaller size of the matrix")
    before = lab.steps()[-1]
    until(lambda: lab.steps()[-1] > before)

    lab.type("η", "5")
    assert lab.says("diverged: the first at step", 60)
    lab.click("back to step 0, same seeds (R)")
    lab.ready(5)


@pytest.mark.thorough
def test_a_copied_link_repeats_the_curves_elsewhere_also_a_knob_turned_on_the_way(page):
    here = page().restarted(LAB)
    here.type("η", "0.05")
    here.click("take 100 steps and pause")
    until(lambda: here.steps()[-1] == 200)
    first, address = here.curve(), here.link()
    here.close()

    there = page().open(address)
    until(lambda: (there.steps() or [0])[-1] >= 200)
    second = there.curve()
    steps = [step for step in first["step"] if step in second["step"]]
    assert set(first) == set(second)
    assert len(steps) > 60 and steps[-1] > 100
    for name in first:
        here_at, there_at = (dict(zip(curve["step"], curve[name], strict=True)) for curve in (first, second))
        assert [here_at[step] for step in steps] == [there_at[step] for step in steps]


def test_a_tampered_link_gives_a_sentence_and_the_lab(page):
    lab = page().open(f"{LAB}?s=%00%ff{'x' * 20_000}").ready()
    assert lab.says("Here is the lab as it opens by default.")


def test_a_page_that_is_hidden_or_closed_costs_nothing(page, active):
    lab = page().open(LAB).ready()
    until(lambda: active() == 1)
    lab.ask(HIDE, True)
    until(lambda: active() == 0)
    rows = len(lab.steps())
    lab.ask(HIDE, False)
    until(lambda: len(lab.steps()) > rows)
    until(lambda: active() == 1)
    lab.close()
    until(lambda: active() == 0)


@pytest.mark.thorough
def test_a_page_that_goes_without_a_word_costs_nothing(page, active):
    lab = page().open(LAB).ready()
    until(lambda: active() == 1)
    lab.ask("WebSocket.prototype.send = () => {}")
    until(lambda: active() == 0, 15)


HIDE = """(hidden) => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.mark.thorough
def test_an_address_can_name_a_preset_and_hide_parts_and_a_link_at_the_front_door_keeps_both(page):
    here = page().open(f"{LAB}?preset=P1&hide=knobs,spectrum").ready().pause()
    there = page().open(f"/?s={here.link().partition('s=')[2]}").ready()
    for lab in (here, there):
        for shown in ("Ensemble", "Training loss"):
            lab.view.get_by_role("heading", name=shown).wait_for()
        for hidden in ("Knobs", "Singular values of the iterate"):
            assert not lab.view.get_by_role("heading", name=hidden).filter(visible=True).count()
    assert here.names() == there.names()
