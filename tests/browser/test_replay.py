"""A replay page from the disk, with the network cut: it shows the run's own numbers at each step."""

import numpy as np
import pytest

import engines
from dashboard.publish.lab_view import lab_view
from dashboard.publish.replay import replay
from engines.core.runs import script

DRAWN = """() => {
  const all = Bokeh.documents[0].roots().flatMap((root) => [...root.references()]);
  const figure = all.find((model) => model.type === "Figure");
  const columns = ({ data }) => Object.entries(data instanceof Map ? Object.fromEntries(data) : data);
  const plain = (source) => Object.fromEntries(columns(source).map(([name, column]) => [name, Array.from(column)]));
  const lines = figure.renderers.filter((each) => each.glyph.type === "Line");
  const bars = all.find((each) => each.type === "GlyphRenderer" && each.glyph.type === "VBar");
  return { columns: plain(lines[0].data_source), visible: lines.map((each) => each.visible),
    bars: plain(bars.data_source).top };
}"""


@pytest.fixture(scope="module")
def run():
    return engines.run("matrix_sensing", preset="P0", steps=400)


@pytest.fixture
def view(chromium, run, tmp_path):
    """The page from the disk, in a browser that has no network; it may not complain, nor ask for anything."""
    context, views, experiment = lab_view(run, 1)
    file = tmp_path / "run.html"
    file.write_bytes(replay(context, views, script.script(experiment)))
    around = chromium.new_context(viewport={"width": 900, "height": 700}, reduced_motion="reduce", color_scheme="dark")
    around.set_offline(True)
    page, complaints = around.new_page(), []
    page.on("console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else 0)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: complaints.append(request.url) if not request.url.startswith("file:") else 0)
    page.goto(f"file://{file}")
    page.wait_for_selector("#play:enabled")
    yield page
    around.close()
    assert not complaints


def test_a_replay_needs_no_network_and_shows_the_runs_numbers_at_each_step(view, run):
    count = int(view.get_attribute("#place", "max")) + 1
    for place in (count // 2, count - 1):
        view.evaluate(f"() => {{ place.value = {place}; place.dispatchEvent(new Event('input')); }}")
        step = int(view.inner_text("#step").split()[1].replace(",", ""))
        drawn = view.evaluate(DRAWN)
        rows = run.steps <= step
        np.testing.assert_array_equal(drawn["columns"]["step"], run.steps[rows])
        for member in range(3):
            shown = drawn["columns"][f"c{member}.relative_error"]
            np.testing.assert_array_equal(shown, run["relative_error"][rows, member])
        series = run.recording.series("imbalance_spectrum")
        assert any(drawn["bars"])
        np.testing.assert_array_equal(drawn["bars"], series["imbalance_spectrum"][series.index_at(step), 1])
    assert "measured" in view.inner_text("#claims") and "theory" in view.inner_text("#words")
    view.get_by_role("button", name="symmetric", exact=True).click()
    assert sum(view.evaluate(DRAWN)["visible"]) == 2
    assert view.evaluate("document.documentElement.classList.contains('dark')")
    view.get_by_role("button", name="light or dark").click()
    assert not view.evaluate("document.documentElement.classList.contains('dark')")
    assert view.evaluate("document.documentElement.scrollWidth <= innerWidth")
    view.get_by_role("button", name="Play").click()
    view.wait_for_function("Number(place.value) > 2 && Number(place.value) < place.max")
