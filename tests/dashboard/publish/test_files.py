"""Figures in print, movies and archives: sizes, type, numbers, and that they can be read."""

import io
import json
import os
import re
import stat
import zipfile
from itertools import product
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import engines
from dashboard.publish import files, movie
from dashboard.publish.figure import find_plot, sheet
from dashboard.publish.figure_view import PRINTED, FigureView, formats
from dashboard.publish.printing import drawing, print_all, printed
from engines.core.protocol.errors import StoreError
from launch import main

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def run():
    return engines.run("matrix_sensing", preset="P3", set={"alpha": [0.3, 0.5]}, seeds=[0, 1, 2], steps=120)


@pytest.mark.parametrize("width", [3.5, 7.0])
def test_print_has_one_size_of_type_whatever_its_width(run, width):
    made = print_all(sheet(run, "error"), PRINTED, width)
    drawing = ElementTree.fromstring(made["svg"])
    assert drawing.get("width") == f"{72 * width:g}pt"
    sizes = set(re.findall(r"font(?:-size)?: (?:\w+ )?([\d.]+)px", made["svg"].decode()))
    assert sizes <= {"9", "6.3"}, "indices are smaller"  # 9 pt, and 70 % of it in what is lowered or raised
    texts = " ".join("".join(each.itertext()) for each in drawing.iter(f"{SVG}text"))
    assert "Distance to the unknown matrix" in texts and "theory" in texts and "step" in texts
    with Image.open(io.BytesIO(made["png"])) as image:
        assert image.width == 300 * width
        corners = [image.convert("RGB").getpixel(at) for at in ((0, 0), (image.width - 1, image.height - 1))]
        assert corners == [(255, 255, 255)] * 2
    assert made["pdf"].startswith(b"%PDF") and b"/FontFile2" in made["pdf"]


def test_nothing_sticks_out_of_print_or_lies_over_another_text(run):
    for name, width in product(("error", "iterate", "imbalance"), (3.5, 7.0)):
        with drawing(sheet(run, name), width) as figure:
            figure.canvas.draw()
            whole = figure.bbox
            axes = figure.axes[0]
            texts = [*figure.texts, *(text for each in figure.legends for text in each.get_texts())]
            boxes = [text.get_window_extent() for text in texts if text.get_text()]
            boxes += [axes.xaxis.label.get_window_extent(), axes.yaxis.label.get_window_extent()]
            for place, box in enumerate(boxes):
                assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= whole.x1 + 1 and box.y1 <= whole.y1 + 1
                assert not any(box.overlaps(other) for other in boxes[place + 1 :])


def test_the_same_figure_is_the_same_file(run):
    assert printed(sheet(run, "error"), "svg") == printed(sheet(run, "error"), "svg")


def test_a_movie_uncovers_the_curves_and_has_theory_from_the_start(run):
    content = movie.filmed(run, find_plot(run.engine, "error"), FigureView(), "gif", 3.5)
    with Image.open(io.BytesIO(content)) as image:
        assert image.n_frames == movie.FRAMES
        shots = []
        for place in (0, image.n_frames - 1):
            image.seek(place)
            shots.append(np.asarray(image.convert("RGB"), int))
    ink = [int((shot.min(axis=2) < 200).sum()) for shot in shots]
    assert ink[0] > 1000 and ink[1] > 1.05 * ink[0]  # axes and theory; then the curves, too


def test_a_movie_of_another_plot_draws_each_step(run):
    told = []
    content = movie.filmed(run, find_plot(run.engine, "imbalance"), FigureView(step=4), "gif", 3.5, told.append)
    with Image.open(io.BytesIO(content)) as image:
        assert image.n_frames == 5
    assert told[-1] == 1 and told == sorted(told)


def test_mp4_takes_ffmpeg_and_says_what_that_says(run, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    plot, view = find_plot(run.engine, "error"), FigureView(step=3)
    assert "mp4" not in formats()
    fake = tmp_path / "ffmpeg"
    fake.write_text(f"#!{os.path.realpath('/bin/sh')}\nfor last; do :; done\necho \"$@\" > {tmp_path}/words\n"
                    f"/bin/cat > {tmp_path}/frames\necho film > $last\n")  # fmt: skip
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    assert "mp4" in formats()
    assert movie.filmed(run, plot, view, "mp4", 3.5) == b"film\n"
    wide, high = map(int, re.search(r"-s (\d+)x(\d+)", (tmp_path / "words").read_text()).groups())
    assert wide % 2 == high % 2 == 0 and (tmp_path / "frames").stat().st_size == 4 * wide * high * 3
    fake.write_text(f"#!{os.path.realpath('/bin/sh')}\n/bin/cat > /dev/null\necho no encoder >&2\nexit 1\n")
    with pytest.raises(StoreError, match="could not encode the movie: no encoder"):
        movie.filmed(run, plot, view, "mp4", 3.5)


def test_an_archive_holds_everything(run, tmp_path):
    plots = [find_plot(run.engine, name) for name in ("error", "imbalance")]
    told = []
    content = files.archive(run, {plot: FigureView() for plot in plots}, "program\n", "TOKEN", told.append)
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        names = {f"figures/{plot.name}.{kind}" for plot in plots for kind in (*PRINTED, "csv")}
        assert set(packed.namelist()) == names | {
            "run.parquet",
            "verdicts.json",
            "program.py",
            "link.txt",
            "contents.txt",
        }
        packed.extract("run.parquet", tmp_path)
        again = engines.open(tmp_path / "run.parquet")
        np.testing.assert_array_equal(again["relative_error"], run["relative_error"])
        assert packed.read("link.txt") == b"/matrix_sensing?s=TOKEN\n" and packed.read("program.py").startswith(
            b"program\n"
        )
        judged = json.loads(packed.read("verdicts.json"))["verdicts"]
        assert [one["claim"] for one in judged] == [one["claim"] for one in run.verdicts]
        data = pd.read_csv(packed.open("figures/error.csv"), dtype={"value": str})
        mine = data.query("member == 1 and channel == 'relative_error'").value.astype(float)
        np.testing.assert_array_equal(mine, run["relative_error"][:, 1])
    assert told == sorted(told) and 0 < told[0] < told[-1] < 1


def test_a_plot_that_shows_nothing_is_named_in_the_archive():
    run = engines.run("neural_collapse", steps=5)
    content = files.archive(run, {find_plot(run.engine, "map"): FigureView()}, "", "")
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        assert "without map: the plot map shows knobs that vary" in packed.read("contents.txt").decode()


def test_the_command_prints_a_figure_and_says_what_is_wrong_first(tmp_path, capsys):
    words = ["figure", "matrix_sensing", "--preset", "P3", "--steps", "30", "--quiet"]
    out = tmp_path / "fig.pdf"
    assert main([*words, "--plot", "error", "--out", str(out), "--width", "3.5"]) == 0
    assert out.read_bytes().startswith(b"%PDF") and "Distance" in capsys.readouterr().out
    for wrong, said in (
        (["--plot", "eror", "--out", str(out)], "did you mean error?"),
        (["--out", str(tmp_path / "fig.doc")], "known are pdf, svg, png, gif"),
        (["--out", str(out), "--width", "1"], "--width=1 is outside its bounds"),
        (["--out", str(tmp_path / "fig.svg"), "--member", "9999"], "member"),
    ):
        assert main([*words, *wrong]) == 1
        assert said in capsys.readouterr().err
