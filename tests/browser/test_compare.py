"""Pin one run, make another, see what differs; a link repeats both."""

import pytest

from tests.browser.conftest import until

OVERLAY = """() => {
  const models = [...Bokeh.documents[0].roots()].flatMap((root) => [...root.references()]);
  const figure = models.find((m) => m.type === "Figure" && m.tags.includes("first"));
  const found = figure.renderers.find((r) => r.name === "overlays").data_source.data;
  const overlays = found instanceof Map ? Object.fromEntries(found) : found;
  return overlays.xs.length ? [Array.from(overlays.xs[0]), Array.from(overlays.ys[0])] : null;
}"""


@pytest.mark.thorough
def test_a_pinned_run_is_compared_and_comes_back_with_a_link(page):
    here = page().restarted("/matrix_sensing?preset=P3")
    here.click("keep this run in grey behind the next")
    until(lambda: here.ask(OVERLAY))
    here.type("α", "0.5")
    until(lambda: here.steps() == [0])
    here.click("take 100 steps and pause")
    until(lambda: here.steps()[-1] == 100)
    assert here.says("Changed: α 0.27 → 0.5")
    assert here.view.get_by_role("row").filter(has_text="relative error").count()
    first, address = here.ask(OVERLAY), here.link()
    here.close()

    there = page().open(address)
    until(lambda: (there.steps() or [0])[-1] >= 100)
    second = until(lambda: there.ask(OVERLAY), 60)
    assert second == first
    there.click("keep this run in grey behind the next")
    until(lambda: not there.ask(OVERLAY))


@pytest.mark.thorough
def test_a_run_is_kept_laid_over_opened_and_deleted(page):
    lab = page().restarted("/matrix_sensing?preset=P3")
    lab.view.get_by_text("Library: ").click()
    lab.click("store the run on screen in the library")
    assert lab.says("Kept as matrix_sensing-P3-")
    entry = lab.view.get_by_role("listitem").filter(has_text="members over").first
    entry.get_by_role("button").filter(has_text="Lay over").click()
    until(lambda: lab.ask(OVERLAY))
    lab.type("α", "0.5")
    until(lambda: lab.steps() == [0])
    entry.get_by_role("button").filter(has_text="Open").click()
    until(lambda: lab.steps()[-1] == 100)
    entry.get_by_role("button").filter(has_text="Delete").click()
    until(lambda: not lab.ask(OVERLAY))
    assert lab.says("Library: 0 stored runs")
    lab.click("bring back the run that was deleted")
    assert lab.says("Library: 1 stored run")
