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
def test_runs_are_found_named_compared_deleted_and_opened(address, chromium):
    view = chromium.new_page(viewport={"width": 1440, "height": 900})
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
    view.get_by_role("button", name="Members").click()
    until(lambda: 6 in drawn(view, "MultiLine"), 60)
    view.get_by_role("link", name="open start 0.2").click()
    until(lambda: "/matrix_sensing?run=" in view.url)


def drawn(view, glyph):
    """How many lines each renderer of a kind of glyph has, in what is on the page."""
    return view.evaluate(
        """(kind) => Bokeh.documents.flatMap((doc) => [...doc._all_models.values()])
            .filter((model) => model.type === "GlyphRenderer" && model.glyph.type === kind)
            .map((model) => (model.data_source.data.xs ?? [0]).length)""",
        glyph,
    )
