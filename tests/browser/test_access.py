"""Pages can be used without seeing them and without a mouse."""

from pathlib import Path

import pytest

from tests.browser.conftest import until

axe = pytest.importorskip("axe_playwright_python")
SCRIPT = next(Path(axe.__file__).parent.rglob("axe.min.js")).read_text()
SERIOUS = ("serious", "critical")
FIND = "() => axe.run({ resultTypes: ['violations'] }).then(({ violations }) => violations)"
OPEN = "(tables) => tables.forEach((each) => each.click())"
PLANT = """() => document.querySelector(".bk-panel-models-esm-ReactComponent").shadowRoot
  .append(Object.assign(document.createElement("button"), { id: "planted" }))"""


def serious(lab):
    """What axe calls serious or worse, also inside shadow roots."""
    lab.ask(f"() => {{ {SCRIPT} }}")
    found = [each for each in lab.ask(FIND) if each["impact"] in SERIOUS]
    return {each["id"]: [node["html"][:160] for node in each["nodes"]] for each in found}


@pytest.mark.parametrize(
    ("address", "wide"),
    [
        ("/", 1440),
        ("/nothing", 900),
        ("/?lesson=three_clouds&theme=dark", 390),
        ("/matrix_sensing", 1440),
        pytest.param("/subgradient_recovery?theme=dark", 900, marks=pytest.mark.thorough),
        pytest.param("/neural_collapse", 390, marks=pytest.mark.thorough),
        ("/loss_landscape?theme=dark", 1440),
    ],
)
def test_a_page_has_no_serious_violation(page, address, wide):
    lab = page(width=wide, height=900).open(address)
    if address == "/":
        lab.view.locator("a.card").first.wait_for()
    elif address != "/nothing":
        lab.ready(1)
        lab.view.keyboard.press("?")
        lab.view.get_by_role("button", name="the numbers as a table").evaluate_all(OPEN)
        lab.view.locator(".scroll").nth(1).wait_for()
    assert not serious(lab)
    if address == "/nothing":
        lab.complaints.clear()  # the browser complains of status 404


def test_knobs_can_be_reached_on_a_phone(page):
    """The columns stand one under the other, and none lies over another."""
    lab = page(width=390, height=844).open("/matrix_sensing").ready(1)
    lab.view.get_by_label("α, exact value", exact=True).click(timeout=5000)
    assert lab.fits()


def test_a_violation_inside_a_shadow_root_would_be_found(page):
    lab = page().open("/")
    lab.view.locator("a.card").first.wait_for()
    lab.ask(PLANT)
    assert "button-name" in serious(lab)


def test_the_keyboard_does_all_that_the_transport_does(page):
    lab = page().open("/matrix_sensing?preset=P3").ready(5).pause()
    press = lab.view.keyboard.press
    press("?")
    assert lab.says("branch from the cursor")
    press("Escape")
    until(lambda: not lab.view.get_by_text("branch from the cursor").count())
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
