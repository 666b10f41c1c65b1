"""What the reader saves is what is on screen, and all of it."""

import io
from xml.etree import ElementTree

import numpy as np
import pandas as pd
from PIL import Image

import engines

LAB = "/matrix_sensing?preset=P3"


def test_figures_and_runs_are_saved(page):
    lab = page().restarted(LAB)
    same = engines.run("matrix_sensing", preset="P3", set={"alpha": 0.27}, steps=100)
    figure = "Distance to the unknown matrix"

    drawing = ElementTree.parse(lab.save(figure, "SVG")).getroot()
    texts = {"".join(element.itertext()) for element in drawing.iter("{http://www.w3.org/2000/svg}text")}
    assert drawing.get("width") == "7in"
    assert {"Distance to the unknown matrix", "theory: closed form", "step"} <= texts
    with Image.open(lab.save(figure, "PNG")) as image:
        assert image.width == 2100

    numbers = pd.read_csv(lab.save(figure, "CSV, all numbers"))
    rows = numbers[numbers.member == 0].set_index("step")["relative_error"]
    expected = dict(zip(same.steps.tolist(), same["relative_error"][:, 0], strict=True))
    common = [step for step in rows.index if step in expected]
    assert common[-1] == 100
    np.testing.assert_array_equal(rows[common], [expected[step] for step in common])

    run = pd.read_parquet(io.BytesIO(lab.save("", "Parquet").read_bytes()))
    assert set(run["member"]) == {0, 1, 2}
    program = lab.save("", "Python program").read_text()
    assert "'alpha': 0.27" in program and "steps=100" in program
