import base64
import io
import json
import sys

import numpy as np
import pytest
from PIL import Image

from dashboard.probes import pictures
from dashboard.probes.pictures import relief, relief_geometry
from dashboard.probes.pictures.relief import ReliefPicture
from dashboard.probes.pictures.relief_geometry import read_relief
from dashboard.runs.share import Download
from engines.core.protocol.probe_figures import Relief

DECLARED = Relief(
    values="z", x="x", y="y", x_label="first direction", y_label="ε₂", label="loss", path=("px", "py", "pz", "off")
)


def bowl(size=21):
    x, y = np.linspace(-2, 2, size), np.linspace(-1, 3, size)
    t = np.linspace(0, 1, 30)
    return {
        "x": x, "y": y, "z": x**2 + (y[:, None] - 1) ** 2, "px": 2 - 2 * t, "py": 3 - 2 * t, "pz": 12 * (1 - t) + 1,
        "off": 1 - t,
    }  # fmt: skip


def pixels(address):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.split(",")[1])))).astype(int)


def drawn(made, *view):
    made.turn(*view)
    assert not made.screen.shown["failure"]
    return pixels(made.screen.shown["image"])


def magenta(image):
    """Pixels with the hue of a way far off the plane, which no height has."""
    red, green, blue, alpha = np.moveaxis(image, 2, 0)
    return (alpha > 200) & (red > 110) & (green < 60) & (blue > 40) & (red > 1.3 * blue)


def test_surface_and_way_stand_in_one_box_at_their_true_heights():
    found = read_relief(DECLARED, bowl())
    assert (found.x[0], found.x[-1], found.y[0], found.y[-1]) == (-1, 1, -1, 1)
    assert found.ranges == ((-2, 2), (-1, 3), (0, 13))
    assert found.z.max() == pytest.approx(8 / 13 * relief_geometry.TALL)
    assert found.path[0] == pytest.approx([1, 1, relief_geometry.TALL])
    assert found.path[-1] == pytest.approx([0, 0, relief_geometry.TALL / 13])


def test_lines_go_down_from_the_way_to_the_surface_beneath_it():
    found = read_relief(DECLARED, bowl(201))
    drops = found.drops()
    assert len(drops) == relief_geometry.DROPS
    for top, foot in drops:
        assert (foot[:2] == top[:2]).all()
        truth = (2 * top[0]) ** 2 + (2 * top[1]) ** 2
        assert foot[2] == pytest.approx(truth / 13 * relief_geometry.TALL, abs=1e-4)
    beside = bowl() | {"px": np.full(30, 9.0)}
    assert read_relief(DECLARED, beside).drops() == []


def test_a_logarithmic_relief_leaves_out_what_is_not_positive_and_says_so():
    values = bowl()
    values["z"] = values["z"] + 1e-3
    values["z"][3, 4:6] = 0, -1
    declared = Relief(values="z", x="x", y="y", log=True)
    found = read_relief(declared, values)
    assert found.note == "2 of 441 heights are not positive and not drawn"
    assert np.isnan(found.z).sum() == 2 and found.z[np.isfinite(found.z)].min() == 0
    assert found.ranges[2] == pytest.approx((-3, np.log10(8.001)))
    assert "log₁₀ z from −3 to" in ReliefPicture(declared, values).note


@pytest.mark.parametrize("wrong", [{"x": np.arange(3.0)}, {"x": -np.arange(21.0)}, {"pz": [1.0]}])
def test_arrays_that_do_not_fit_are_refused(wrong):
    with pytest.raises(ValueError):
        read_relief(DECLARED, bowl() | wrong)
    with pytest.raises(KeyError):
        ReliefPicture(DECLARED, {})


def test_a_picture_shows_the_way_and_changes_when_it_is_turned():
    pytest.importorskip("pyvista")
    made = ReliefPicture(DECLARED, bowl())
    first = drawn(made, -60, 28, 1)
    assert first.shape == (460, 760, 4)
    assert (first[[0, -1], :, 3] == 0).mean() > 0.9, "clear around the box"
    assert magenta(first).sum() > 60
    turned, near = drawn(made, 0, 28, 1), drawn(made, -60, 28, 2)
    assert (np.abs(first - turned).max(2) > 40).mean() > 0.05
    assert (near[..., 3] > 0).mean() > 1.3 * (first[..., 3] > 0).mean()
    assert (drawn(made, -60, 28, 1) == first).mean() > 0.999
    plain = ReliefPicture(Relief(values="z", x="x", y="y"), bowl())
    assert magenta(drawn(plain, -60, 28, 1)).sum() == 0 and plain.legend == []


def test_what_is_not_known_yet_is_a_hole_and_other_heights_take_its_place():
    pytest.importorskip("pyvista")
    values = bowl()
    half = values["z"].copy()
    half[10:] = np.nan
    made = ReliefPicture(DECLARED, values | {"z": half})
    before = drawn(made, -60, 60, 1)
    made.update(values)
    after = pixels(made.screen.shown["image"])
    assert (after[..., 3] > 0).sum() > 1.2 * (before[..., 3] > 0).sum()
    made.update(values | {"z": np.full((21, 21), np.nan)})
    assert not made.screen.shown["failure"]


def test_a_place_that_is_not_known_is_a_hole_there_and_nowhere_else():
    scene = pytest.importorskip("dashboard.probes.pictures.relief_scene")
    values = bowl() | {"x": np.linspace(0, 1, 11), "z": np.zeros((21, 11))}
    whole = scene.surface(read_relief(DECLARED, values))
    values["z"][20, 3] = np.nan
    found = scene.surface(read_relief(DECLARED, values))
    assert (whole.n_cells, found.n_cells) == (200, 198)
    top = found.points[np.isclose(found.points[:, 1], 1)]
    assert not np.isclose(top[:, 0], -0.4).any() and np.isclose(top[:, 0], -0.2).any()


def test_where_nothing_can_be_drawn_a_sentence_says_why(monkeypatch):
    made = ReliefPicture(DECLARED, bowl())
    monkeypatch.delattr(pictures, "relief_scene", raising=False)
    monkeypatch.setitem(sys.modules, "dashboard.probes.pictures.relief_scene", None)
    made.turn(0, 0, 1)
    assert "needs pyvista" in made.screen.shown["failure"] and not made.screen.shown["image"]
    assert "RuntimeError: no GL" in relief.failure_text(RuntimeError("no GL"))


def test_scenes_are_made_drawn_and_freed_by_one_thread(monkeypatch):
    import gc
    import threading

    plotter, names = pytest.importorskip("pyvista").Plotter, []
    made = ReliefPicture(DECLARED, bowl())
    drawn(made, 0, 20, 1)
    close = plotter.close
    monkeypatch.setattr(plotter, "close", lambda scene: close(scene) or names.append(threading.current_thread().name))
    del made
    gc.collect()
    relief.render(lambda: None)
    assert set(names) == {"render_0"}


def test_the_scene_is_saved_as_meshes_that_lie_where_the_heights_are(monkeypatch):
    pytest.importorskip("pyvista")
    sent = []
    monkeypatch.setattr(Download, "send", lambda self, name, data: sent.append((name, data)))
    made = ReliefPicture(DECLARED, bowl())
    made.screen.receive({"export": True})
    name, data = sent[0]
    scene = json.loads(data)
    assert name == "z.gltf"
    assert scene["asset"]["version"] == "2.0"
    assert not [buffer for buffer in scene["buffers"] if not buffer["uri"].startswith("data:")]
    places = [each["attributes"]["POSITION"] for mesh in scene["meshes"] for each in mesh["primitives"]]
    assert max(scene["accessors"][place]["count"] for place in places) >= 21 * 21
