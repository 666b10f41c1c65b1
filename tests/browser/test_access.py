"""Pages can be used without seeing them and without a mouse."""

from pathlib import Path

import pytest

import engines
from tests.browser.conftest import until

axe = pytest.importorskip("axe_playwright_python")
SCRIPT = next(Path(axe.__file__).parent.rglob("axe.min.js")).read_text()
SERIOUS = ("serious", "critical")
FIND = "() => axe.run({ resultTypes: ['violations'] }).then(({ violations }) => violations)"
OPEN = "(buttons) => buttons.forEach((each) => each.click())"
PLANT = """() => document.querySelector(".bk-panel-models-esm-ReactComponent").shadowRoot
  .append(Object.assign(document.createElement("button"), { id: "planted" }))"""


def serious(lab):
    """What axe calls serious or worse, also inside shadow roots."""
    lab.ask(f"() => {{ {SCRIPT} }}")
    found = [each for each in lab.ask(FIND) if each["impact"] in SERIOUS]
    return {each["id"]: [node["html"][:160] for node in each["nodes"]] for each in found}


def unfolded(lab):
    """A lab with all its knobs and a table under every figure in sight, and one menu open."""
    lab.ready(1)
    lab.view.get_by_role("button", name="More: ").evaluate_all(OPEN)
    menus = lab.view.get_by_role("button", name="menu: ").filter(visible=True)
    for menu in menus.all():
        menu.click()
        lab.view.get_by_role("menuitemcheckbox", name="Table of numbers").click()
    until(lambda: lab.view.locator(".scroll table").count() >= menus.count(), 60)
    menus.first.click()
    assert lab.view.locator("h1:visible").count() == 1


@pytest.mark.parametrize(("address", "wide"), [("/", 1440), ("/nothing", 900), ("/matrix_sensing", 1440)])
def test_a_page_has_no_serious_violation(page, address, wide):
    lab = page(width=wide, height=900).open(address)
    if address == "/":
        lab.view.locator("a.lab").first.wait_for()
    elif address != "/nothing":
        unfolded(lab)
    assert not serious(lab)
    if address == "/nothing":
        lab.complaints.clear()  # the browser complains of status 404


@pytest.mark.thorough
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["", "library", "sweeps", *engines.names()])
def test_no_page_has_a_serious_violation_at_any_size(page, name, theme):
    lab = page(width=1440, height=900).open(f"/{name}?theme={theme}")
    if name in engines.names():
        unfolded(lab)
        lab.view.keyboard.press("Escape")
        lab.pause()
    else:
        lab.view.wait_for_timeout(4000)
    found = {}
    for width in (1440, 2560, 900, 390):
        lab.view.set_viewport_size({"width": width, "height": 900})
        lab.view.wait_for_timeout(1000)
        found[width] = serious(lab)
    assert not any(found.values()), found


@pytest.mark.thorough
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_lesson_has_no_serious_violation_at_any_size(page, theme):
    lab = page(width=1440, height=900).open(f"/?lesson=three_clouds&theme={theme}")
    for told in (False, True):
        if told:
            lab.view.get_by_role("button", name="it stays", exact=True).click()
            lab.ready(1)
        assert told or lab.says("Choose, and it plays.")
        for width in (1440, 900, 390):
            lab.view.set_viewport_size({"width": width, "height": 900})
            lab.view.wait_for_timeout(500)
            assert not serious(lab), (told, width)


@pytest.mark.thorough
def test_knobs_can_be_reached_on_a_phone(page):
    """The columns stand one under the other, none lies over another, and there is a way to each."""
    lab = page(width=390, height=844).open("/matrix_sensing").ready(1)
    lab.view.get_by_role("button", name="Knobs", exact=True).click()
    until(lambda: 0 < lab.view.get_by_label("Experiment: ").bounding_box()["y"] < 300)
    lab.view.get_by_label("α, exact value", exact=True).click(timeout=5000)
    assert lab.fits()


FOCUSED = """() => {
  let found = document.activeElement;
  while (found?.shadowRoot?.activeElement) found = found.shadowRoot.activeElement;
  return found.textContent;
}"""


@pytest.mark.thorough
def test_the_list_of_keys_takes_the_focus_and_gives_it_back(page):
    lab = page().open("/matrix_sensing").ready(1).pause()
    before = lab.ask(FOCUSED)
    lab.view.keyboard.press("?")
    assert lab.says("branch from the cursor")
    assert before == "+1" and lab.ask(FOCUSED) == "Keyboard"
    assert not serious(lab)
    step = lab.shown_step()
    for key in (" ", ".", "Tab"):  # under the dialog nothing happens
        lab.view.keyboard.press(key)
    assert lab.view.get_by_role("button", name="close", exact=True).evaluate("(e) => e.matches(':focus')")
    assert lab.shown_step() == step and lab.view.get_by_text("paused", exact=True).count()
    lab.view.keyboard.press("Escape")
    until(lambda: not lab.view.get_by_role("dialog").count())
    assert lab.ask(FOCUSED) == before
    lab.click("keyboard shortcuts (?)")
    lab.view.get_by_role("button", name="close", exact=True).click()
    until(lambda: not lab.view.get_by_role("dialog").count())
    lab.click("keyboard shortcuts (?)")  # both ends know that it was closed
    assert lab.says("branch from the cursor")


@pytest.mark.thorough
def test_what_happens_is_announced(page):
    lab = page().open("/matrix_sensing?preset=P3").ready(1)
    until(lambda: lab.announced().endswith(": playing"))
    lab.pause()
    until(lambda: ": paused at step " in lab.announced())
    lab.type("η", "0.12")
    until(lambda: lab.announced().startswith("η = 0.12: from step "))
    lab.type("α", "0.27")
    until(lambda: lab.announced().startswith("α = 0.27: the run starts again"))
    lab.type("η", "5")
    lab.click("play (space)")
    until(lambda: "3 of 3 diverged" in lab.announced(), 60)
    assert not serious(lab)


def test_a_violation_inside_a_shadow_root_would_be_found(page):
    lab = page().open("/")
    lab.view.locator("a.lab").first.wait_for()
    lab.ask(PLANT)
    assert "button-name" in serious(lab)


def test_the_keyboard_does_all_that_the_transport_does(page):
    lab = page().open("/matrix_sensing?preset=P3").ready(5).pause()
    press = lab.view.keyboard.press
    press("r")
    until(lambda: lab.steps() == [0])
    press(".")
    until(lambda: lab.steps()[-1] == 1)
    press("Shift+>")
    until(lambda: lab.steps()[-1] == 11)
    press("Home")
    until(lambda: lab.shown_step() == 0)
    press("Shift+ArrowRight")
    until(lambda: lab.shown_step() == 10)
    press("b")
    until(lambda: lab.steps()[-1] == 10)
    press("End")
    press("p")
    assert lab.says("Pinned → now")
    press("+")
    until(lambda: lab.view.locator("select.speed").input_value() == "240")
    press("l")
    until(lambda: "s=" in lab.ask("location.href"))
    press("s")
    until(lambda: lab.steps() == [0])
    press(" ")
    until(lambda: lab.steps()[-1] > 0)
