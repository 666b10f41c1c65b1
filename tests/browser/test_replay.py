"""A replay page from the disk, with the network cut: it shows the run's own numbers at each step."""

import re
from contextlib import contextmanager

import numpy as np
import pytest

import engines
from dashboard.publish.lab_view import lab_view
from dashboard.publish.replay import LARGEST, replay
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


COLUMNS = """() => {
  const all = Bokeh.documents[0].roots().flatMap((root) => [...root.references()]);
  const columns = ({ data }) => Object.entries(data instanceof Map ? Object.fromEntries(data) : data);
  const plain = (source) => Object.fromEntries(columns(source).map(([name, column]) => [name, Array.from(column)]));
  return all.filter((model) => model.type === "ColumnDataSource").map(plain).filter((each) => each.step);
}"""


@pytest.fixture(scope="module")
def run():
    return engines.run("matrix_sensing", preset="P0", steps=400)


@contextmanager
def opened(chromium, run, member, file):
    """The page from the disk, in a browser that has no network; it may not complain, nor ask for anything."""
    context, views, experiment = lab_view(run, member)
    file.write_bytes(replay(context, views, script.script(experiment)))
    assert file.stat().st_size <= LARGEST
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


@pytest.fixture
def view(chromium, run, tmp_path):
    with opened(chromium, run, 1, tmp_path / "run.html") as page:
        yield page


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


@pytest.mark.thorough
@pytest.mark.parametrize("lab", engines.names())
def test_the_opening_of_every_lab_is_replayed_to_the_bit(chromium, lab, tmp_path):
    run = engines.run(lab, preset=engines.load(lab).opening, seeds=[0], steps=300)
    compared = 0
    with opened(chromium, run, 0, tmp_path / "run.html") as view:
        last = int(view.get_attribute("#place", "max"))
        for place in (last // 2, last):
            view.evaluate(f"() => {{ place.value = {place}; place.dispatchEvent(new Event('input')); }}")
            step = int(view.inner_text("#step").split()[1].replace(",", ""))
            for columns in view.evaluate(COLUMNS):
                for name in (name for name in columns if re.fullmatch(r"c\d+\.\w+", name)):
                    member, channel = name[1:].split(".")
                    series = run.recording.series(channel)
                    rows = np.isin(series.steps, columns["step"])
                    assert columns["step"][-1] <= step
                    np.testing.assert_array_equal(columns[name], series[channel][rows, int(member)], err_msg=name)
                    compared += 1
    assert compared >= 4
