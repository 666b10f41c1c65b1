"""A replay page holds the run's own numbers, at every step, and nothing that a reader wrote can run in it."""

import base64
import gzip
import json
import re
from dataclasses import replace

import numpy as np
import pytest

import engines
from dashboard.publish import replay
from dashboard.publish.lab_view import lab_view, with_overlays
from engines.core.protocol.errors import ConfigError
from engines.core.runs import script
from launch import main


@pytest.fixture(scope="module")
def run():
    return engines.run("matrix_sensing", preset="P3", set={"alpha": [0.3, 0.5]}, seeds=[0], steps=300)


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    monkeypatch.setattr(replay, "FRAMES", 24)


def written(run, member=0, others=()):
    context, views, experiment = lab_view(run, member)
    return replay.replay(context, with_overlays(views, others), script.script(experiment)).decode()


def unpacked(page, name="data"):
    found = re.search(f'id="{name}">([^<]*)<', page)[1]
    return gzip.decompress(base64.b64decode(found)).decode()


def numbers(value):
    """The numbers of a column as Bokeh writes it."""
    if isinstance(value, list):
        return np.array([np.nan if isinstance(each, dict) else each for each in value], float)
    raw = gzip.decompress(base64.b64decode(value["array"]["data"]))
    return np.frombuffer(raw, value["dtype"])


def sources(document):
    """The columns of all sources of a document, by the identifiers of the models."""
    found = {}
    stack = [document]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            if value.get("name") == "ColumnDataSource":
                found[value["id"]] = dict(value["attributes"]["data"]["entries"])
            stack += value.values()
        elif isinstance(value, list):
            stack += value
    return found


def test_curves_are_the_runs_own_numbers_bit_for_bit(run):
    data = json.loads(unpacked(written(run)))
    columns = sources(data["document"])
    seen = 0
    for name in data["streams"]:
        for key, column in columns[name].items():
            if key == "step":
                np.testing.assert_array_equal(numbers(column), run.steps)
            elif key.count(".") == 1:
                curve, channel = key.split(".")
                np.testing.assert_array_equal(numbers(column), run[channel][:, int(curve[1])])
                seen += 1
    assert seen >= 8, "two members of the error and of the loss, and more"


def test_a_picture_at_each_step_is_the_runs_of_that_step():
    run = engines.run("subgradient_recovery", preset="SG-01", steps=40)
    replayed = json.loads(unpacked(written(run)))
    tops = {}
    for change in replayed["changes"]:
        for frame, event in zip(change["at"], change["events"], strict=True):
            columns = (
                dict(event.get("new", event.get("data", {})).get("entries", [])) if event["attr"] == "data" else {}
            )
            if {"top", "base"} <= set(columns):
                tops[frame] = numbers(columns["top"])
    assert len(tops) > 5, "there is a figure of bars, and it moves"
    for frame, shown in tops.items():
        at = run.recording.series("eigenvalues").index_at(replayed["steps"][frame])
        eigenvalues = run["eigenvalues"][at, 0]
        np.testing.assert_array_equal(shown, eigenvalues[eigenvalues > 0])


def test_what_is_said_at_a_step_is_what_the_run_said_then(run):
    data = json.loads(unpacked(written(run, member=1)))
    assert len(data["spoken"]) == len(data["steps"]) and len(data["words"]) > 3
    for frame in (0, len(data["steps"]) // 2, -1):
        story = run.until(data["steps"][frame]).story(1)
        reference = re.sub("<[^>]*>", "", data["words"][data["spoken"][frame]])
        assert story.reference in reference and "Member in focus" in reference


def test_texts_are_escaped(run):
    nasty = "</script><script>alert(1)</script>"
    context, views, _ = lab_view(run)
    preset = replace(run.preset, title=nasty, look_for=nasty)
    context = replace(context, run=context.run.copy())
    context.run.preset, context.run.notes = preset, (nasty,)
    plots = {replace(plot, title=nasty, doc=f"'{nasty}"): view for plot, view in views.items()}
    others = with_overlays(plots, [(nasty, run)])
    page = replay.replay(context, others, f"# {nasty}").decode()
    assert page.count("<script") == 3 and "alert(1)<" not in page and "<script>alert" not in unpacked(page)


def test_a_page_that_would_be_large_has_fewer_steps(run, monkeypatch):
    whole = written(run)
    assert len(whole) < 3 * 2**20 and 'src="' not in whole and "https://" not in unpacked(whole)
    monkeypatch.setattr(replay, "LARGEST", 100_000)
    data = json.loads(unpacked(written(run)))
    assert len(data["steps"]) == 12 and data["steps"][0] == 0 and data["steps"][-1] == 300


def test_the_command_writes_stored_runs_of_one_lab(run, tmp_path, capsys):
    stored, other = tmp_path / "one.parquet", tmp_path / "behind.parquet"
    run.save(stored)
    engines.run("matrix_sensing", preset="P3", set={"alpha": 0.2}, seeds=[0], steps=50).save(other)
    assert main(["export", str(stored), str(other), "--html", str(tmp_path / "run.html")]) == 0
    page = (tmp_path / "run.html").read_text()
    assert "{&#x27;alpha&#x27;: 0.3}" in page and ">behind</span>" in page
    engines.run("optimizer_dynamics", preset="O0", steps=10).save(other)
    assert main(["export", str(stored), str(other), "--html", str(tmp_path / "run.html")]) == 1
    assert "behind is a run of optimizer_dynamics, and the first one of matrix_sensing" in capsys.readouterr().err
    assert main(["export", str(stored), "--member", "7", "--html", str(tmp_path / "run.html")]) == 1
    assert "member=7" in capsys.readouterr().err


def test_a_run_without_anything_to_show_is_refused(run):
    context, _, experiment = lab_view(run)
    with pytest.raises(ConfigError, match="nothing to replay"):
        replay.replay(context, {}, script.script(experiment))
