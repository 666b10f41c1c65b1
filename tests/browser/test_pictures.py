"""Pictures of probes under the pointer: what a click chooses, and a relief that turns, with WebGL and without."""

import socket
import subprocess
import sys

import pytest

from tests import system
from tests.browser.conftest import ROOT, Page, until

GL = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]

PLACE = """([kind, column, place]) => {
  const inside = (view) => [view, ...(view.child_views ?? []).flatMap(inside)];
  const views = [...Bokeh.index.roots ?? Object.values(Bokeh.index)].flatMap(inside);
  for (const view of views.filter((v) => v.model.type === "Figure")) {
    const dots = view.model.renderers.map((r) => r.data_source);
    const nodes = dots.find((s) => s.get_column(column) && s.get_column("safe"));
    if (!nodes || (kind === "graph") !== Boolean(nodes.get_column("degree"))) continue;
    const box = view.canvas_view.el.getBoundingClientRect();
    const [x, y] = ["x", "y"].map((name) => nodes.get_column(name)[place]);
    return [box.left + view.frame.x_scale.compute(x), box.top + view.frame.y_scale.compute(y)];
  }
}"""
MODEL = """([type, values]) => {
  const models = Bokeh.documents[0].roots().flatMap((root) => [...root.references()]);
  const found = models.find((model) => model.type === type);
  if (values) found?.setv(values);
  return found ? { title: found.title, value: found.value, options: found.options } : null;
}"""


@pytest.fixture(scope="module")
def pictures():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = f"from tests.browser.shown import serve; serve({port})"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    until(lambda: reached(port))
    yield address
    process.terminate()
    process.wait(10)


def reached(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def click(page, kind, node):
    page.view.wait_for_timeout(400)  # sooner it would be a double click
    place = until(lambda: page.ask(PLACE, [kind, "x", node]))
    page.view.mouse.click(*place)


def settled(page, clip):
    """What is seen there, once it stays as it is."""

    def same():
        seen = page.view.screenshot(clip=clip)
        page.view.wait_for_timeout(700)
        return page.view.screenshot(clip=clip) == seen and seen

    return until(same)


@pytest.mark.thorough
def test_clicks_choose_nodes_and_neurons_and_a_relief_without_webgl_is_turned_by_drag(chromium, pictures):
    page = Page(chromium, pictures, width=1440, height=1500).open("/?webgl=off")
    assert page.says("Click a node to see what it is joined to.")
    click(page, "graph", 0)
    assert page.says("0.0 has")
    said = page.view.get_by_text("0.0 has").inner_text()
    assert ": 1.0 0.75 ·" in said, "the heaviest edge comes first"
    page.ask(MODEL, ["Slider", {"value": 320}])
    until(lambda: "has 1 neighbour" in page.view.get_by_text("0.0 has").inner_text())
    assert page.says("0.75, 1 of 321 edges")
    click(page, "graph", 0)
    assert page.says("Click a node to see what it is joined to.")

    assert page.says("all 31 ways; click a neuron to see its own")
    click(page, "neurons", 8)
    assert page.says("1 way of neuron 1.0")
    assert [name for _, name in page.ask(MODEL, ["Select", None])["options"]] == ["way 0 of neuron 8"]
    click(page, "neurons", 0)
    assert page.says("None of the ways belongs to neuron 0.0.")

    image = page.view.locator("img[alt*='drag to turn']")
    before = until(lambda: image.get_attribute("src"), 60)
    box = image.bounding_box()
    page.view.mouse.move(box["x"] + 100, box["y"] + 100)
    page.view.mouse.down()
    page.view.mouse.move(box["x"] + 180, box["y"] + 90, steps=4)
    page.view.mouse.up()
    until(lambda: image.get_attribute("src") != before)
    assert page.says("Drag the picture to turn it.")
    assert page.fits() and not page.complaints
    page.close()


@pytest.mark.thorough
def test_a_browser_that_draws_in_three_dimensions_turns_the_scene_itself(chromium, pictures):
    browser = chromium.browser_type.launch(executable_path=system.chromium(), args=GL)
    try:
        page = Page(browser, pictures, width=1440, height=1500).open("/")
        assert page.says("Drag to turn, roll to come nearer.", 60)
        column = page.view.get_by_text("Drag to turn, roll to come nearer.").bounding_box()
        clip = {"x": column["x"], "y": column["y"] + 40, "width": 300, "height": 300}
        before = settled(page, clip)
        page.view.mouse.move(clip["x"] + 150, clip["y"] + 150)
        page.view.mouse.down()
        page.view.mouse.move(clip["x"] + 230, clip["y"] + 130, steps=6)
        page.view.mouse.up()
        assert settled(page, clip) != before
        assert page.view.locator("img[alt*='drag to turn']").is_hidden()
        assert page.fits() and not page.complaints
    finally:
        browser.close()
