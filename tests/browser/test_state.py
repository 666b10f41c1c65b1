"""The page shows one experiment at every moment, says what was edited in it, and loses nothing of it."""

import pytest

from dashboard.session import link
from engines.matrix_sensing.engine import ENGINE
from tests.browser.conftest import FIGURE, Page, first_of, served, until

LAB = "/matrix_sensing"
PRESETS = ("P3", "P6", "P10")
"""With other knobs, members, curves and claims each."""

SLOW = """
import time
from engines.matrix_sensing.engine import ENGINE
at_once = type(ENGINE).init
def init(self, configs, problem):
    time.sleep(1.5)
    if configs[0].k == 9:
        raise RuntimeError("no room for nine")
    return at_once(self, configs, problem)
type(ENGINE).init = init
"""

DEEP = """
const inside = (root) => [...root.querySelectorAll("*")].flatMap(
  (e) => e.shadowRoot ? [e, ...inside(e.shadowRoot)] : [e]);
"""
SHOWN = f"""() => {{
  {DEEP}
  const all = inside(document);
  const texts = (css) => all.filter((e) => e.matches(css)).map((e) => e.textContent);
  const sheet = all.find((e) => e.matches("[class*=Column].preparing"));
  const fields = all.filter((e) => e.matches("input.box")).map((e) => [e.getAttribute("aria-label"), e.value]);
  {FIGURE}
  return {{
    dimmed: Boolean(sheet),
    title: texts("h1")[0] ?? "",
    edited: texts(".edited span")[0] ?? "",
    chips: texts("[role=radio]"),
    knobs: Object.fromEntries(fields.filter(([label]) => /^(k|α|η), exact/.test(label))),
    curves: [...new Set(sources.flatMap((s) => Object.keys(Object.fromEntries(Object.entries(s.data)))))].sort(),
    formula: all.find((e) => e.matches("p.formula") && e.previousSibling?.textContent === "What you are seeing")
      ?.textContent ?? "",
    claims: texts(".claim"),
    ticks: texts("td.sign").join(""),
  }};
}}"""
SAMPLE = f"""() => {{
  const shown = {SHOWN};
  globalThis.samples = [];
  const take = () => {{ samples.push(shown()); requestAnimationFrame(take); }};
  requestAnimationFrame(take);
}}"""
WHOLE = ("title", "chips", "knobs", "curves", "formula", "claims")


def signature(shown):
    """All that has to be of one experiment."""
    return repr([shown[part] for part in WHOLE])


@pytest.fixture(scope="module")
def slow_server():
    yield from served(SLOW)


@pytest.fixture
def slow_page(chromium, slow_server):
    opened = Page(chromium, slow_server)
    yield opened
    complaints = opened.complaints
    opened.close()
    assert not complaints


def choose(lab, name):
    lab.view.get_by_label("Experiment: ").select_option(name)


def settled(lab, name):
    """What is shown of a preset once nothing is being prepared."""
    title = ENGINE.preset(name).title

    def found():
        shown = lab.ask(SHOWN)
        return shown if not shown["dimmed"] and shown["claims"] and shown["title"] == title else None

    return until(found)


def signatures(lab):
    """What is shown of each preset, by itself and at rest."""
    found = {}
    for name in PRESETS:
        choose(lab, name)
        found[name] = settled(lab, name)
    assert len({signature(each) for each in found.values()}) == len(PRESETS)
    assert len({repr(each["chips"]) for each in found.values()}) > 1
    assert len({repr(each["curves"]) for each in found.values()}) > 1
    return found


def switched(lab, pauses):
    """All moments that were painted while presets were chosen in a row, and the last one at rest."""
    known = signatures(lab)
    lab.ask(SAMPLE)
    for name, pause in zip([*PRESETS, "P6", "P3"], pauses, strict=True):
        choose(lab, name)
        lab.view.wait_for_timeout(pause)
    last = settled(lab, "P3")
    return known, lab.ask("samples"), last


def test_everything_changes_together_while_presets_are_switched_fast(page):
    lab = page().open(LAB).ready()
    known, samples, last = switched(lab, (0, 120, 400, 60, 0))
    whole = [each for each in samples if not each["dimmed"]]
    assert {signature(each) for each in whole} <= {signature(each) for each in known.values()}
    assert signature(last) == signature(known["P3"])
    assert len(samples) > 10


@pytest.mark.thorough
def test_what_takes_long_to_prepare_leaves_the_old_experiment_whole_and_faded(slow_page):
    lab = slow_page.open(LAB).ready(1)
    known, samples, _ = switched(lab, (300, 900, 2500, 300, 0))
    wholes = {signature(each) for each in known.values()}
    assert {signature(each) for each in samples if not each["dimmed"]} <= wholes
    faded = [each for each in samples if each["dimmed"]]
    # Between two frames figures are built one by one; of what stays longer, everything is of one experiment.
    assert sum(signature(each) in wholes for each in faded) > 0.8 * len(faded) > 4
    choose(lab, "P10")
    assert lab.says(f"preparing {known['P10']['title']}…", 5)
    until(lambda: lab.ask(OPACITY) < 0.5, 5)
    assert lab.ask(SHOWN)["title"] == known["P3"]["title"]
    settled(lab, "P10")
    until(lambda: lab.ask(OPACITY) == 1, 5)


OPACITY = f"""() => {{
  {DEEP}
  const canvas = inside(document).find((e) => e.matches("canvas"));
  let [least, at] = [1, canvas];
  while (at) {{
    if (at instanceof Element) least = Math.min(least, +getComputedStyle(at).opacity);
    at = at.parentNode ?? at.host;
  }}
  return least;
}}"""


@pytest.mark.thorough
def test_what_cannot_be_prepared_takes_the_old_curves_and_ticks_away(slow_page):
    lab = slow_page.open(f"{LAB}?preset=P3").ready(10)
    settled(lab, "P3")
    lab.type("k", "9")
    assert lab.says("no room for nine")
    until(lambda: not (shown := lab.ask(SHOWN))["dimmed"] and shown["edited"].startswith("edited: k 5 → 9"))
    shown = lab.ask(SHOWN)
    assert (shown["claims"], shown["formula"], lab.view.locator("canvas:visible").count()) == ([], "", 0)
    lab.click("back to preset")
    assert settled(lab, "P3")["claims"]
    until(lambda: lab.view.locator("canvas:visible").count())


def test_an_edit_is_said_with_both_values_and_greys_the_claims_until_it_is_taken_back(page):
    lab = page().open(f"{LAB}?preset=P3").ready(3)
    rest = settled(lab, "P3")
    lab.type("k", "9")
    assert lab.says("edited: k 5 → 9", 30)
    until(lambda: set(lab.ask(SHOWN)["ticks"]) == {"–"})
    assert lab.says("Unlike the preset: k 5 → 9. The claims are about its own values")
    lab.type("η", "0.05")
    assert lab.says("edited: k 5 → 9, η 0.1 → 0.05", 30)
    lab.click("back to preset")
    until(lambda: "–" not in lab.ask(SHOWN)["ticks"] and not lab.view.get_by_text("edited: k").is_visible())
    assert lab.ask(SHOWN)["knobs"] == rest["knobs"]


@pytest.mark.thorough
def test_undo_and_redo_by_buttons_and_by_keys_also_from_the_field_that_was_typed_in(page):
    lab = page().open(f"{LAB}?preset=P3").ready(3)
    k = lab.view.get_by_label("k, exact value", exact=True)
    undo, redo = (lab.view.get_by_role("button", name=name) for name in ("undo the last", "redo what"))
    assert undo.is_disabled() and redo.is_disabled()
    lab.type("k", "9")
    until(undo.is_enabled)
    undo.click()
    until(lambda: k.input_value() == "5" and undo.is_disabled())
    redo.click()
    until(lambda: k.input_value() == "9")
    k.focus()
    lab.view.keyboard.press("Control+z")
    until(lambda: k.input_value() == "5")
    lab.view.locator("h1").click()
    lab.view.keyboard.press("Control+Shift+z")
    until(lambda: k.input_value() == "9")
    k.fill("77")
    lab.view.keyboard.press("Control+z")  # what is not sent yet is the field's own to undo
    assert k.input_value() == "9"
    assert lab.says("edited: k 5 → 9", 5)


def told(address):
    """The experiment and the view that an address holds."""
    return link.decode(address.partition("s=")[2], ENGINE)


@pytest.mark.thorough
def test_the_address_follows_so_that_reload_back_and_a_second_tab_find_the_same(page):
    lab = page().open(f"{LAB}?preset=P3").ready(30).pause()
    address = lambda: lab.ask("location.href")  # noqa: E731
    k = lab.view.get_by_label("k, exact value", exact=True)
    lab.type("k", "7")
    until(lambda: "s=" in address() and "preset=" not in address())
    until(lambda: lab.steps() == [0])
    lab.click("take 100 steps and pause")
    until(lambda: lab.steps()[-1] == 100)
    lab.view.get_by_label("scrub over the recorded steps").fill("40")
    until(lambda: lab.shown_step() == 40)
    lab.view.wait_for_timeout(2500)
    edited, curve = address(), lab.curve()

    choose(lab, "P10")
    until(lambda: address() != edited)
    other = settled(lab, "P10")
    lab.view.go_back()
    until(lambda: k.input_value() == "7" and lab.shown_step() == 40)
    assert told(address()) == told(edited)
    until(lambda: lab.steps()[-1] == 100)
    assert lab.curve() == curve
    lab.view.go_forward()
    until(lambda: lab.ask(SHOWN)["title"] == other["title"])

    lab.open(edited)
    until(lambda: (lab.steps() or [0])[-1] == 100 and lab.shown_step() == 40)
    assert k.input_value() == "7" and lab.curve() == curve
    second = page().open(edited)
    until(lambda: (second.steps() or [0])[-1] == 100 and second.shown_step() == 40)
    assert second.curve() == curve


@pytest.mark.parametrize("system", first_of(["dark", "light"]))
def test_the_theme_is_the_systems_until_another_is_chosen_which_is_remembered(chromium, server, system):
    context = chromium.new_context(color_scheme=system)
    view = context.new_page()
    dark = lambda: view.evaluate("Bokeh.documents[0].roots()[0].data.dark_theme")  # noqa: E731
    view.goto(f"{server}/")
    view.locator("a.lab").first.wait_for()
    until(lambda: dark() is (system == "dark"))
    view.get_by_role("button", name="Toggle theme").click()
    until(lambda: dark() is (system == "light"))
    view.goto(f"{server}{LAB}")
    view.locator("canvas").first.wait_for()
    assert dark() is (system == "light")
    view.goto(f"{server}/?theme=dark")
    view.locator("a.lab").first.wait_for()
    assert dark()
    context.close()
