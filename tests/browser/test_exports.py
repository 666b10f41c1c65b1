"""What the reader saves is what is on screen, and all of it."""

import io
import json
import zipfile
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import engines
from tests.browser.conftest import served, until

LAB = "/matrix_sensing?preset=P3"


def test_figures_and_runs_are_saved(page):
    lab = page().restarted(LAB)
    same = engines.run("matrix_sensing", preset="P3", set={"alpha": 0.27}, steps=100)
    figure = "Distance to the unknown matrix"

    drawing = ElementTree.parse(lab.save(figure, "One column wide", "SVG")).getroot()
    texts = " ".join("".join(element.itertext()) for element in drawing.iter("{http://www.w3.org/2000/svg}text"))
    assert drawing.get("width") == "252pt"  # 3.5 in
    for text in ("Distance to the unknown matrix", "theory: closed form", "step"):
        assert text in texts
    with Image.open(lab.save(figure, "PNG")) as image:
        assert image.width == 2100 and image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    assert lab.save(figure, "PDF").read_bytes().startswith(b"%PDF")

    numbers = pd.read_csv(lab.save(figure, "CSV, all numbers"))
    rows = numbers.query("member == 0 and channel == 'relative_error'").set_index("step")["value"]
    expected = dict(zip(same.steps.tolist(), same["relative_error"][:, 0], strict=True))
    common = [step for step in rows.index if step in expected]
    assert common[-1] == 100
    np.testing.assert_array_equal(rows[common], [expected[step] for step in common])

    run = pd.read_parquet(io.BytesIO(lab.save("", "Parquet").read_bytes()))
    assert set(run["member"]) == {0, 1, 2}
    program = lab.save("", "Python program").read_text()
    assert "'alpha': 0.27" in program and "steps=100" in program


@pytest.mark.thorough
def test_everything_is_saved_with_one_click(page, tmp_path):
    lab = page().restarted(LAB)
    with zipfile.ZipFile(lab.save("", "Everything (zip)")) as packed:
        names = set(packed.namelist())
        assert {
            "run.parquet",
            "program.py",
            "verdicts.json",
            "link.txt",
            "figures/error.pdf",
            "figures/loss.csv",
        } <= names
        address = packed.read("link.txt").decode().strip()
        (again,) = [engines.open(packed.extract("run.parquet", tmp_path))]
        assert json.loads(packed.read("verdicts.json"))["verdicts"] == json.loads(json.dumps(again.verdicts))
    same = page().open(address).ready()
    until(lambda: same.steps()[-1] == 100)
    assert same.names() == lab.names()


@pytest.mark.thorough
def test_a_run_is_saved_as_a_movie_and_the_page_says_how_far_it_is(page):
    lab = page().restarted(LAB)
    with lab.view.expect_download(timeout=120_000) as download:
        lab.choose("Distance to the unknown matrix", "Movie of the run", "GIF")
        assert lab.says("Making matrix_sensing_error.gif: ")
    with Image.open(download.value.path()) as image:
        assert image.n_frames == 60 and image.width == 770


def written(lab):
    """Texts of annotations as they are drawn."""
    return lab.ask(ANNOTATIONS)


ANNOTATIONS = """() => [...Bokeh.documents[0].roots()].flatMap((root) => [...root.references()])
  .filter((m) => m.type === "LabelSet" && m.text?.field === "text")
  .flatMap((m) => Array.from(m.source.data.text ?? m.source.data.get("text") ?? []))"""


@pytest.mark.thorough
def test_a_note_and_a_slope_are_drawn_and_belong_to_the_link_and_the_file(page):
    lab = page().restarted(LAB)
    run = engines.run("matrix_sensing", preset="P3", set={"alpha": 0.27}, steps=100)
    name = "Distance to the unknown matrix"
    lab.choose(name, "The slope between two steps…")
    lab.view.get_by_role("spinbutton", name="from step", exact=True).fill("40")
    lab.view.get_by_role("spinbutton", name="to step", exact=True).fill("100")
    lab.view.get_by_role("button", name="Measure").click()
    error = np.median(run["relative_error"], axis=1)
    inside = (run.steps >= 40) & (run.steps <= 100)
    rate = np.polyfit(run.steps[inside], np.log(error[inside]), 1)[0]
    measured = f"rate {rate:.4g} a step".replace("-", "−")
    until(lambda: written(lab) == [measured])

    lab.choose(name, "A note…")
    lab.view.get_by_label("note").filter(visible=True).fill("half way")
    box = lab.view.locator(".bk-Figure").first.bounding_box()
    lab.view.mouse.click(box["x"] + 0.6 * box["width"], box["y"] + 0.5 * box["height"])
    until(lambda: lab.view.get_by_role("spinbutton", name="at step", exact=True).filter(visible=True).input_value())
    lab.view.get_by_role("button", name="Write").click()
    until(lambda: written(lab) == [measured, "half way"])

    drawing = lab.save(name, "SVG").read_text()
    assert "half way" in drawing and measured in drawing
    again = page().open(lab.link()).ready()
    until(lambda: written(again) == [measured, "half way"])
    lab.choose(name, "Take the last one away")
    until(lambda: written(lab) == [measured])


@pytest.fixture(scope="module")
def strangers():
    yield from served("import os; os.environ['DYNASCOPE_UPLOADS'] = 'no'")


@pytest.mark.thorough
def test_samples_of_ones_own_are_brought_and_computed_with(page, tmp_path, strangers):
    random = np.random.default_rng(0)
    X = random.normal(size=(3000, 60))  # in more than one piece
    np.savez(tmp_path / "mine.npz", X=X, y=np.arange(3000) % 3)
    lab = page().open("/neural_collapse").ready()
    lab.view.get_by_text("Your own samples…").click()
    lab.view.get_by_label(".npz: X [N, D]").set_input_files(tmp_path / "mine.npz")
    assert lab.says("arrived")
    lab.view.get_by_role("button", name="Compute with it").click()
    assert lab.says("Your own samples: computed with.")
    np.savez(tmp_path / "other.npz", Z=X)
    lab.view.get_by_label(".npz: X [N, D]").set_input_files(tmp_path / "other.npz")
    until(lambda: lab.view.get_by_role("button", name="Compute with it").is_enabled())
    closed = page(server=strangers).open("/neural_collapse").ready()
    assert not closed.view.get_by_text("Your own samples…").is_visible()


@pytest.mark.thorough
def test_where_it_is_computed_is_said(page):
    lab = page().open("/matrix_sensing?preset=P1").ready()
    assert lab.says("steps/s on CPU")


SECOND_CARD = """
from engines.core.compute import device
found = device.described
device.described = lambda: [*found(), device.Description("cuda:7", "Card (cuda:7), 3.0 of 8.0 GiB free")]
"""


@pytest.fixture(scope="module")
def two_devices():
    yield from served(SECOND_CARD)


@pytest.mark.thorough
def test_a_device_is_chosen_by_what_it_is_and_one_that_fails_is_said(page, two_devices):
    lab = page(server=two_devices).open("/matrix_sensing?preset=P1").ready()
    more = lab.view.get_by_role("button", name="more commands", exact=True)
    more.click()
    devices = lab.view.get_by_role("menuitemcheckbox").filter(has_text="GiB free")
    until(lambda: devices.count() == 2)
    first, second = devices.all_inner_texts()
    assert first.startswith("CPU, ") and first.endswith(" GiB free") and second == "Card (cuda:7), 3.0 of 8.0 GiB free"
    assert [devices.nth(at).get_attribute("aria-checked") for at in (0, 1)] == ["true", "false"]
    devices.nth(1).click()
    assert lab.says("device='cuda:7' is not present here; present: cpu")
    more.click()
    devices.nth(0).click()
    assert lab.says("steps/s on CPU")


@pytest.mark.thorough
def test_a_run_is_saved_as_a_page_that_replays_it(page):
    lab = page().restarted(LAB)
    saved = lab.save("", "Replay page (HTML)").read_text()
    assert saved.startswith("<!doctype html>") and "'alpha': 0.27".replace("'", "&#x27;") in saved
    assert "Distance to the unknown matrix" in saved
