"""The landscape lab as a newcomer drives it."""

import base64
import json
import re
import zlib

import pytest

from tests.browser.conftest import FIGURE, until
from tests.browser.test_pictures import MODEL, click

LAB = "/loss_landscape"

DRAWN = f"""(kind) => {{ {FIGURE}
  const found = figures.flatMap((f) => f.renderers).filter((r) => r.glyph.type === kind).map((r) => r.data_source.data);
  const columns = (data) => (data instanceof Map ? [...data] : Object.entries(data));
  const plain = (column) => Array.from(column, (each) => (each?.length && each.map ? Array.from(each) : each));
  return found.map((data) => Object.fromEntries(columns(data).map(([name, column]) => [name, plain(column)])));
}}"""
HIDDEN_EDGES = f"""() => {{ {FIGURE}
  const edges = figures.flatMap((f) => f.renderers).filter((r) => r.glyph.type === "MultiLine");
  const filters = edges.map((r) => r.view?.filter?.booleans).filter((booleans) => booleans?.length);
  return filters.map((booleans) => booleans.filter((shown) => !shown).length);
}}"""

REASONS = {"types 1 and 2": 31, "single layers": 0, "across layers": 18, "unexplained": 0}
"""Why directions are free in the planted 7-9-4 network."""


def choose(lab, preset):
    lab.view.locator("select.choice").first.select_option(preset)


def ended(lab, preset):
    """A preset, as fast as it goes, and what its verdicts need after it."""
    choose(lab, preset)
    lab.view.locator("select.speed").select_option("max")
    assert lab.says("because the verdicts need it", 90)
    until(lambda: lab.view.locator("td.sign").count() == lab.view.locator("td.sign.yes").count(), 60)


def shows_knob(lab, label):
    return lab.view.get_by_label(f"{label}, exact value", exact=True).count() == 1


def probe(lab, name):
    return lab.view.get_by_role("group", name=name)


def columns(lab, kind, *names):
    """What glyphs of a kind draw, of those with all these columns."""
    return [data for data in lab.ask(DRAWN, kind) if set(names) <= set(data)]


def bowl(lab):
    """The profile with a point for each length along a direction."""
    lines = [line for data in columns(lab, "MultiLine", "ys") for line in data["ys"]]
    return next(line for line in lines if len(line) == 13)


def effective(lab):
    (data,) = columns(lab, "Line", "c0.effective_parameters")
    return [value for value in data["c0.effective_parameters"] if value == value]


@pytest.mark.thorough
def test_parameters_become_free_while_a_network_learns_and_the_past_can_be_looked_at(page):
    lab = page().open(LAB).ready(20)
    lab.view.locator("select.speed").select_option("max")
    until(lambda: lab.steps()[-1] >= 200, 60)
    lab.pause()
    accuracy = lab.curve()["c0.accuracy"]
    assert accuracy[0] < 0.2 < 0.9 < accuracy[-1]
    counted = effective(lab)
    assert counted[-1] > 1.5 * counted[0]

    late = bowl(lab)
    assert late[6] == 0 < min(late[:6] + late[7:])
    lab.view.get_by_label("scrub over the recorded steps").fill("0")
    until(lambda: lab.shown_step() == 0)
    until(lambda: bowl(lab) != late)
    assert len(effective(lab)) == len(counted)


@pytest.mark.thorough
def test_free_directions_have_reasons_and_a_way_that_is_chosen_leaves_the_loss_as_it_is(page):
    lab = page(width=1440, height=1500).open(LAB).ready()
    assert shows_knob(lab, "learning rate") and not shows_knob(lab, "κ")
    ended(lab, "L3")
    assert shows_knob(lab, "κ") and not any(shows_knob(lab, name) for name in ("learning rate", "width", "modulus"))
    (bars,) = [data for data in columns(lab, "VBar", "top") if data["place"] == list(REASONS)]
    assert bars["top"] == list(REASONS.values())
    (spectrum,) = [data["y"] for data in columns(lab, "Scatter", "index", "y") if max(data["index"], default=0) > 60]
    assert sum(value > 1e-9 * max(spectrum) for value in spectrum) == 7 * 9 + 9 + 9 * 4 + 4 - sum(REASONS.values())

    (dots,) = columns(lab, "Scatter", "paths")[:1]
    neuron = next(at for at, many in enumerate(dots["paths"]) if many > 1)
    probe(lab, "Which directions are free").scroll_into_view_if_needed()
    click(lab, "neurons", neuron)
    many = dots["paths"][neuron]
    assert lab.says(f"{many} ways of neuron {dots['name'][neuron]}")
    options = lab.ask(MODEL, ["Select", None])["options"]
    assert len(options) == many
    lab.ask(MODEL, ["Select", {"value": options[-1][0]}])
    sentence = lab.view.get_by_text("At the end of the way").first
    until(lambda: options[-1][1] in sentence.inner_text())
    (path,) = columns(lab, "Line", "reference_loss")[:1]
    assert max(path["loss"]) < 1e-24 < 1e-4 < path["reference_loss"][-1]


def resolve(card, resolution, said):
    """Type a resolution, until the card says so."""
    card.get_by_label("resolution").fill(resolution)
    card.get_by_label("resolution").press("Enter")
    until(lambda: said in card.inner_text())


@pytest.mark.thorough
def test_the_surface_around_a_network_is_drawn_flat_and_in_space_and_turned(page):
    lab = page(width=1440, height=1500).open(f"{LAB}?webgl=off").ready()
    choose(lab, "L20")
    until(lambda: not shows_knob(lab, "modulus"))
    lab.ready(20).pause()
    card = probe(lab, "The surface around where it is")
    card.get_by_role("button", name="Options").click()
    resolve(card, "1", "resolution = 1 is outside its bounds [3, 201]")
    resolve(card, "201", "Options: resolution = 201")
    compute = card.get_by_role("button", name=re.compile("Compute at step"))
    compute.click()
    until(lambda: float(card.get_by_role("progressbar").get_attribute("value") or 0) > 0.3, 60)
    card.get_by_role("button", name="cancel").click()
    resolve(card, "11", "Options: resolution = 11")
    assert not card.get_by_role("alert").inner_text()
    compute.click()
    assert lab.says("with resolution = 11", 60)
    (flat,) = [data["image"][0] for data in columns(lab, "Image", "image") if data["image"]]
    assert len(flat) == 121
    assert abs(10 ** flat[60] / lab.curve()["c0.loss"][-1] - 1) < 1e-4, "in the middle is the network, up to float32"

    image = lab.view.locator("img[alt*='drag to turn']")
    before = until(lambda: image.get_attribute("src"), 60)
    image.scroll_into_view_if_needed()
    box = image.bounding_box()
    lab.view.mouse.move(box["x"] + 100, box["y"] + 100)
    lab.view.mouse.down()
    lab.view.mouse.move(box["x"] + 180, box["y"] + 90, steps=4)
    lab.view.mouse.up()
    until(lambda: image.get_attribute("src") != before)
    assert lab.fits()


@pytest.mark.thorough
def test_modules_are_found_and_light_edges_are_hidden(page):
    lab = page(width=1440, height=1500).open(LAB).ready()
    ended(lab, "L18")
    assert lab.says("Click a node to see what it is joined to.")
    probe(lab, "What interacts with what").scroll_into_view_if_needed()
    (dots,) = columns(lab, "Scatter", "degree", "group")[:1]
    assert len(set(dots["group"])) > 1
    click(lab, "graph", 0)
    said = lab.view.get_by_text(f"{dots['name'][0]} has")
    until(lambda: f"has {dots['degree'][0]} neighbour" in said.inner_text())
    assert not any(lab.ask(HIDDEN_EDGES)[:1])
    lab.ask(MODEL, ["Slider", {"value": 20}])
    until(lambda: lab.ask(HIDDEN_EDGES)[0] == 20)


@pytest.mark.thorough
def test_what_cannot_be_is_a_sentence_that_names_the_knobs(page):
    lab = page().open(f"{LAB}?s={impossible()}").ready().pause()
    assert lab.says("width = 100000 is outside its bounds [1, 512]")
    lab.view.locator("select[aria-label^='subject:']").select_option("own_network")
    assert lab.says("subject = your network needs network, the path of a .safetensors, and data, the path of an .npz")
    lab.type("width", "1000")
    assert lab.says("width = 1000 is outside its bounds [1, 512]")


def impossible():
    """A link to a width that no knob allows."""
    from dashboard.session import link
    from engines.core.runs.experiment import Experiment
    from engines.loss_landscape.engine import ENGINE

    experiment = json.loads(Experiment.from_preset(ENGINE).to_json())
    experiment["axes"]["width"] = [100_000]
    text = json.dumps({"version": link.VERSION, "experiment": json.dumps(experiment), "view": {}})
    return base64.urlsafe_b64encode(zlib.compress(text.encode())).decode().rstrip("=")
