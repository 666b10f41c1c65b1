"""The page of the library in a browser: from a run that is kept to its comparison, and back into its lab."""

import pytest

import engines
from dashboard.ui.palette import GREY
from tests.browser.conftest import Page, served, until
from tests.browser.test_layout import CUT

LABS = [name for name in engines.names() if name != "matrix_sensing"]

KEPT = """
from engines import Library, run
small = {"operator": "identity", "n": 6, "k": 3, "r": 1}
for alpha in (0.1, 0.2):
    kept = run("matrix_sensing", set=small | {"alpha": alpha}, seeds=range(3), steps=200)
    Library().keep(kept, name=f"start {alpha}")
for lab in LABS:
    Library().keep(run(lab, seeds=range(2), steps=40), name=f"kept {lab}", tags=["other"])
"""


@pytest.fixture(scope="module")
def address():
    yield from served(f"LABS = {LABS}{KEPT}")


@pytest.mark.thorough
def test_runs_are_found_named_compared_deleted_and_opened(address, chromium):
    page = Page(chromium, address, 1440, 900).open("/library")
    view = page.view
    rows = view.locator(".runs li .words")
    until(lambda: rows.count() == 2 + len(LABS), 60)
    search = view.get_by_role("searchbox")
    search.fill("alpha<0.15 engine:matrix_sensing")
    until(lambda: rows.count() == 1)
    search.fill("alfa<0.15")
    until(lambda: "did you mean alpha?" in view.locator(".wrong").inner_text())
    search.fill("engine:matrix_sensing")
    until(lambda: rows.count() == 2)
    view.get_by_role("button", name="rename start 0.1").click()
    view.keyboard.type("the small one")
    view.keyboard.press("Enter")
    until(lambda: view.get_by_role("button", name="rename the small one").count())
    view.get_by_role("button", name="delete start 0.2; it can be undone").click()
    until(lambda: rows.count() == 1)
    view.get_by_role("button", name="bring back what was deleted").click()
    until(lambda: rows.count() == 2)

    for box in view.get_by_role("checkbox").all():
        box.check()
    view.get_by_role("button", name="draw the chosen runs together").click()
    until(lambda: len(drawn(view, "Line")) == 2, 60)
    view.get_by_role("button", name="Members", exact=True).click()
    until(lambda: list(hues(view).values()) == [3, 3], 60)
    view.set_viewport_size({"width": 390, "height": 844})
    until(lambda: page.ask(CUT) == [])
    view.set_viewport_size({"width": 1440, "height": 900})
    drag_a_box(view)
    until(lambda: list(hues(view).values()) == [3, 3] and GREY in hues(view), 60)  # one run's are brushed
    view.get_by_role("link", name="open start 0.2").click()
    until(lambda: "/matrix_sensing?run=" in view.url)
    assert not page.complaints
    page.close()


@pytest.mark.thorough
@pytest.mark.parametrize("lab", LABS)
def test_a_stored_run_is_scrubbed_and_branched_into_one_that_goes_on(address, chromium, lab):
    page = Page(chromium, address).open("/library")
    page.view.get_by_role("link", name=f"open kept {lab}").click()
    until(lambda: f"/{lab}?run=" in page.view.url)
    until(lambda: page.steps() and page.steps()[-1] == 40, 90)
    page.view.get_by_label("scrub over the recorded steps").fill("20")
    until(lambda: page.shown_step() == 20)
    page.click("go back to this step, forget what came after, and let the next edit make another future")
    until(lambda: page.steps()[-1] == 20)
    page.click("take 10 steps and pause")
    until(lambda: page.steps()[-1] == 30, 60)
    assert not page.complaints
    page.close()


@pytest.mark.thorough
def test_a_sweep_is_begun_with_a_thumb(address, chromium):
    page = Page(chromium, address, 390, 844).open("/sweeps")
    page.view.get_by_role("button", name="Begin").wait_for()
    assert page.ask(CUT) == [] and page.fits()
    assert page.view.get_by_role("combobox").first.inner_text() == next(map(engines.load, engines.names())).title
    page.close()


def hues(view):
    """How many lines are drawn in each colour: of members, a hue a run, and grey for those that are not brushed."""
    return view.evaluate(
        """() => Object.fromEntries(Bokeh.documents.flatMap((doc) => [...doc._all_models.values()])
            .filter((model) => model.type === "GlyphRenderer" && model.glyph.type === "MultiLine")
            .map((model) => [model.glyph.line_color.value, (model.data_source.data.xs ?? []).length])
            .filter(([, count]) => count))"""
    )


def drag_a_box(view):
    """Brush the left half of the first figure."""
    figure = view.locator(".bk-Figure").first
    figure.scroll_into_view_if_needed()
    box = figure.bounding_box()
    corners = ((0.08, 0.3), (0.2, 0.35), (0.35, 0.5), (0.5, 0.83))
    places = [(box["x"] + across * box["width"], box["y"] + down * box["height"]) for across, down in corners]
    view.mouse.move(*places[0])
    view.mouse.down()
    for place in places[1:]:
        view.mouse.move(*place, steps=4)
    view.mouse.up()


def drawn(view, glyph):
    """How many lines each renderer of a kind of glyph has, in what is on the page."""
    return view.evaluate(
        """(kind) => Bokeh.documents.flatMap((doc) => [...doc._all_models.values()])
            .filter((model) => model.type === "GlyphRenderer" && model.glyph.type === kind)
            .map((model) => (model.data_source.data.xs ?? [0]).length)""",
        glyph,
    )
