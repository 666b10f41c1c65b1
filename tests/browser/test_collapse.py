"""The collapse lab as a newcomer drives it."""

import pytest

from tests.browser.conftest import FIGURE, until

LAB = "/neural_collapse"

POINTS = f"""() => {{ {FIGURE}
  const data = first.renderers[0].data_source.data, column = (name) => Array.from(data[name] ?? data.get(name));
  return [column("name"), column("x"), column("y")];
}}"""
PROFILE = f"""() => {{ {FIGURE}
  const lines = figures.flatMap((f) => f.renderers).filter((r) => r.glyph.type === "MultiLine");
  const found = lines.map((r) => r.data_source.data).map((data) => data.ys ?? data.get("ys"));
  return (found.find((ys) => ys.length && ys[0].length === 9) ?? []).map((line) => Array.from(line));
}}"""
TURNED = f"""() => {{ {FIGURE}
  const cameras = models.filter((m) => m.type === "ColumnDataSource").map((m) => m.data);
  return Array.from(cameras.map((data) => data.turn ?? data.get?.("turn")).find((turn) => turn));
}}"""

BEFORE_LAYOUT = f"""async () => {{ {FIGURE}
  const [equal] = first.y_range.js_property_callbacks["change:end"];
  const twin = new equal.constructor({{ code: equal.code, args: {{ figure: new first.constructor() }} }});
  try {{ await twin.execute(first.y_range); }} catch (error) {{ return String(error); }}
  return equal.code.includes("inner_width") ? "" : "another script";
}}"""
"""What the script that keeps scales equal says where a range changes before its figure has a size."""


def spread(lab):
    """The largest distance of a sample to the mean of its class, and the farthest point of the frame."""
    clouds = {}
    for name, x, y in zip(*lab.ask(POINTS), strict=True):
        clouds.setdefault(name, []).append(complex(x, y))
    frame = clouds.pop("frame")
    assert len(clouds) == 3
    apart = [abs(point - sum(cloud) / len(cloud)) for cloud in clouds.values() for point in cloud]
    return max(apart), max(map(abs, frame))


@pytest.mark.thorough
def test_a_figure_in_space_whose_range_changes_before_it_is_laid_out_waits_for_its_size(page):
    lab = page().open(LAB).ready()
    assert lab.ask(BEFORE_LAYOUT) == ""


@pytest.mark.thorough
def test_three_clouds_contract_onto_a_frame_that_can_be_turned(page):
    lab = page().open(LAB).ready()
    lab.view.locator("select.speed").select_option("max")
    until(lambda: lab.shown_step() == 3000, 90)
    until(lambda: lab.view.locator("td.sign.yes").count() == lab.view.locator("td.sign").count() > 1)
    apart, frame = spread(lab)
    assert apart < 0.1 < 1 < frame
    lab.view.get_by_label("scrub over the recorded steps").fill("0")
    until(lambda: lab.shown_step() == 0)
    until(lambda: spread(lab)[0] > 0.5)

    # Dragging the figure in space turns it, and moves nothing else.
    before = lab.ask(TURNED)
    title = lab.view.get_by_role("heading", name="The samples in space")
    title.evaluate("(heading) => heading.scrollIntoView({ block: 'start' })")
    corner = title.bounding_box()
    lab.view.mouse.move(corner["x"] + 160, corner["y"] + 140)
    lab.view.mouse.down()
    lab.view.mouse.move(corner["x"] + 200, corner["y"] + 150, steps=3)
    lab.view.mouse.move(corner["x"] + 280, corner["y"] + 160, steps=3)
    lab.view.mouse.up()
    until(lambda: lab.ask(TURNED)[0] > before[0] + 0.3)


@pytest.mark.thorough
def test_a_network_separates_its_classes_layer_by_layer(page):
    lab = page(width=900, height=700).open(LAB).ready()
    assert lab.view.get_by_label("λᴡ, exact value", exact=True).count() == 1
    lab.view.locator("select.choice").first.select_option("P11")
    layers = until(lambda: lab.ask(PROFILE), 60)
    assert [len(line) for line in layers] == [9, 5]
    lab.view.locator("select.speed").select_option("max")
    until(lambda: min(lab.ask(PROFILE)[0]) < 0.3 < lab.ask(PROFILE)[0][0], 90)
    lab.pause()
    assert lab.fits()

    # Its knobs take the place of those of free features, and so do its figures.
    assert lab.view.get_by_label("λᴡ, exact value", exact=True).count() == 0
    assert lab.view.get_by_label("depth, exact value", exact=True).count() == 1
    assert lab.says("NC1 of each layer, at the cursor")
    assert not lab.view.get_by_text("What is left of a perturbation").first.is_visible()
    lab.view.get_by_text("More:").click()
    lab.type("data", "nowhere.npz")
    assert lab.says("there is no such file")
