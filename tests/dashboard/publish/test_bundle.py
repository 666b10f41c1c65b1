"""A bundle holds what a paper needs of runs, and its program repeats the numbers in it."""

import json
import re
import runpy
from importlib import metadata
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from matplotlib.mathtext import MathTextParser

import engines
from dashboard.publish import files, latex
from dashboard.publish.bundle import Bundled, bundle, lock, sources
from dashboard.publish.lab_view import lab_view
from engines.core.runs import script
from engines.core.runs.experiment import Experiment
from launch import main


@pytest.fixture(scope="module")
def bundled(tmp_path_factory):
    """A bundle of a run, and the run."""
    folder = tmp_path_factory.mktemp("bundle")
    run = engines.run("matrix_sensing", preset="P3", seeds=[0], steps=60)
    run.save(folder / "one.parquet")
    words = ["bundle", str(folder / "one.parquet"), "--out", str(folder / "paper")]
    assert main(words) == 0
    assert main(words) == 1, "what is there is not written over"
    return folder / "paper", run


def test_the_program_repeats_the_numbers_and_notices_others(bundled, capsys):
    program = bundled[0] / "one" / "program.py"
    runpy.run_path(str(program))
    assert re.search(r"the recorded numbers are repeated at \d+ steps", capsys.readouterr().out)
    other = bundled[0] / "other.py"
    other.write_text(program.read_text())
    engines.run("matrix_sensing", preset="P3", seeds=[1], steps=60).save(other.with_name("run.parquet"))
    with pytest.raises(AssertionError, match="loss"):
        runpy.run_path(str(other))


@pytest.mark.parametrize("name", engines.names())
def test_the_program_of_every_lab_repeats_its_numbers(name, tmp_path, capsys):
    experiment = Experiment.from_preset(engines.load(name), steps=12)
    engines.run(name, steps=12).save(tmp_path / "run.parquet")
    program = tmp_path / "program.py"
    program.write_text(script.script(experiment) + files.REPEATED)
    runpy.run_path(str(program))
    assert "are repeated at 13 steps" in capsys.readouterr().out


@pytest.mark.thorough
def test_the_program_runs_by_itself(bundled, fresh_python):
    assert "are repeated" in fresh_python(str(bundled[0] / "one" / "program.py")).stdout


def test_figures_are_one_column_wide_and_numbers_are_the_runs(bundled):
    folder, run = bundled
    drawings = list(folder.glob("one/figures/*.svg"))
    assert len(drawings) >= 5 and all(drawing.with_suffix(".pdf").exists() for drawing in drawings)
    assert {ElementTree.parse(drawing).getroot().get("width") for drawing in drawings} == {"252pt"}
    numbers = pd.read_csv(folder / "one" / "figures" / "error.csv", dtype=str)  # readers of older pandas round
    numbers = numbers.query("member == '0' and channel == 'relative_error'")
    np.testing.assert_array_equal([float(value) for value in numbers["value"]], run["relative_error"][:, 0])
    again = engines.open(folder / "one" / "run.parquet")
    np.testing.assert_array_equal(again["loss"], run["loss"])


def test_claims_are_in_a_table(bundled):
    folder, run = bundled
    judged = json.loads((folder / "verdicts.json").read_text())
    assert [each["verdict"] for each in judged] == json.loads(json.dumps(run.verdicts))
    table = (folder / "verdicts.tex").read_text()
    assert table.count(r"\\") == 2 + len(run.verdicts) and table.count("--") >= len(run.verdicts)  # too short to tell


def test_claims_of_an_edited_run_are_not_in_the_table(monkeypatch):
    monkeypatch.setattr(files, "contents", lambda *ignored, **others: iter(()))
    run = engines.run("matrix_sensing", preset="P3", set={"alpha": 0.2}, seeds=[0], steps=20)
    context, views, experiment = lab_view(run)
    made = dict(bundle([Bundled("two", context.run, views, experiment)]))
    assert json.loads(made["verdicts.json"]) == []
    assert b"two: its claims are about the preset's own values, and are not judged: \xce\xb1" in made["contents.txt"]


@pytest.mark.thorough
def test_claims_are_judged_on_fresh_seeds(tmp_path):
    engines.run("matrix_sensing", preset="P0").save(tmp_path / "run.parquet")
    assert main(["bundle", str(tmp_path / "run.parquet"), "--out", str(tmp_path / "paper"), "--seeds", "2"]) == 0
    (first, *_) = json.loads((tmp_path / "paper" / "verdicts.json").read_text())
    others = [engines.run("matrix_sensing", preset="P0", seeds=[seed]).verdicts[0]["measured"] for seed in (1, 2)]
    assert [each["measured"] for each in first["fresh"]] == others and first["verdict"]["measured"] not in others
    assert "(2/2)" in (tmp_path / "paper" / "verdicts.tex").read_text()


def test_texts_are_set_by_latex():
    for preset in (preset for name in engines.names() for preset in engines.load(name).presets):
        text = f"{preset.title} {preset.look_for}"
        made = latex.prose(text)
        outside = re.sub(r"\$[^$]*\$", "", made.replace(r"\$", ""))
        assert not re.search(r"(?<!\\)[&%#_^~]", outside), made
        for formula in re.findall(r"(?<!\\)\$[^$]+\$", made):
            MathTextParser("path").parse(formula)


def test_fresh_seeds_are_summed_up():
    verdict = {
        "claim": "rate & λ_min",
        "kind": "near",
        "measured": 1.02,
        "predicted": 1.0,
        "tolerance": 0.1,
        "holds": True,
    }
    others = [verdict | {"measured": 0.9}, verdict | {"measured": 1.3, "holds": False}]
    table = latex.verdict_table([latex.JudgedClaim("a_b", verdict, others)], 2)
    (row,) = [line for line in table.splitlines() if line.startswith("rate")]
    expected = r"rate \& $\lambda _{\mathrm{min}}$ & $1.02$ & $1 \pm 0.1$ & $1.1 \pm 0.2828$ (1/2) & yes \\"
    assert row == expected and r"\textit{a\_b}" in table


def test_versions_and_papers_are_named():
    versions = dict(line.split("==") for line in lock().splitlines() if "==" in line)
    for name in ("torch", "numpy", "bokeh"):
        assert versions[name] == metadata.version(name)
    every = [engines.load(name) for name in engines.names()]
    written = sources(every)
    assert written.count("@misc") == sum(len(engine.references) for engine in every)
    assert "eprint = {2310.01769}" in written and "N. Xiong and L. Ding and S. S. Du" in written
    assert written.count("{") == written.count("}")
