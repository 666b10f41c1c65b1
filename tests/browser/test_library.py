"""The page of the library in a browser: from a run that is kept to its comparison, and back into its lab."""

import pytest

from tests.browser.conftest import served, until

KEPT = """
from engines import Library, run
small = {"operator": "identity", "n": 6, "k": 3, "r": 1}
for alpha in (0.1, 0.2):
    kept = run("matrix_sensing", set=small | {"alpha": alpha}, seeds=range(3), steps=200)
    Library().keep(kept, name=f"start {alpha}")
"""


@pytest.fixture(scope="module")
def address():
    yield from served(KEPT)


@pytest.mark.thorough
def test_runs_are_found_named_compared_brushed_deleted_and_opened(address, chromium):
    view = chromium.new_page(viewport={"width": 1440, "height": 900})
    errors = []
    view.on("pageerror", lambda error: errors.append(str(error)))
    view.goto(f"{address}/library")
    rows = view.locator(".runs li .words")
    until(lambda: rows.count() == 2, 60)
    search = view.get_by_role("searchbox")
    search.fill("alpha<0.15")
    until(lambda: rows.count() == 1)
    search.fill("alfa<0.15")
    until(lambda: "did you mean alpha?" in view.locator(".wrong").inner_text())
    search.fill("")
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
    view.get_by_role("tab", name="Members").click()
    until(lambda: 6 in drawn(view, "MultiLine"), 60)
    points = view.locator(".bk-Figure").nth(0)
    points.scroll_into_view_if_needed()
    box = points.bounding_box()
    view.mouse.move(box["x"] + box["width"] * 0.07, box["y"] + 12)
    view.mouse.down()
    view.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.83, steps=8)
    view.mouse.up()
    until(lambda: drawn(view, "MultiLine").count(3) == 2, 15)
    view.get_by_role("link", name="open start 0.2").click()
    until(lambda: "step 200 of 200" in view.inner_text("body"), 60)
    assert errors == []


def drawn(view, glyph):
    """How many lines each renderer of a kind of glyph has, in what is on the page."""
    return view.evaluate(
        """(kind) => Bokeh.documents.flatMap((doc) => [...doc._all_models.values()])
            .filter((model) => model.type === "GlyphRenderer" && model.glyph.type === kind)
            .map((model) => (model.data_source.data.xs ?? [0]).length)""",
        glyph,
    )
