"""Stored runs: kept whole, listed without being read, laid over with the numbers of the file."""

import json
import os
import time

import numpy as np
import pyarrow.parquet as pq
import pytest

import engines
from dashboard.figures.overlays import OVERLAY_STEPS, OverlayCurve, band_columns, overlay_curves
from dashboard.runs import library
from dashboard.runs.library_panel import MOST_OVERLAYS, LibraryPanel
from dashboard.session.curves import Curve
from dashboard.ui.palette import GREY
from engines.core.protocol.errors import StoreError, UnknownName


@pytest.fixture(scope="module")
def run():
    return engines.run("matrix_sensing", preset="P3", set={"alpha": [0.3, 0.5]}, steps=60)


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv(library.FOLDER_VARIABLE, str(tmp_path))
    return tmp_path


def test_a_run_is_kept_listed_and_deleted(run, place):
    name = library.keep(run)
    entry, *others = library.opened().find(engine="matrix_sensing")[0]
    assert (entry.id, entry.title, others) == (name, "P3", [])
    assert "6 members over alpha, seed" in library.summary_line(entry)
    assert f"{len(run)} frames" in library.summary_line(entry)
    assert library.opened().find(engine="neural_collapse")[0] == []
    library.opened().delete(name)
    assert library.opened().find(engine="matrix_sensing")[0] == []


def test_a_file_that_is_no_run_is_listed_with_what_is_wrong(run, place):
    (place / "broken.parquet").write_bytes(b"PAR1 nothing")
    library.keep(run)
    assert [bool(entry.broken) for entry in library.opened().find(engine="matrix_sensing")[0]].count(True) == 1


def describes(file):
    return json.loads(pq.read_schema(file).metadata[b"dynascope"])


def described(file, **change):
    table, about = pq.read_table(file), describes(file) | change
    pq.write_table(table.replace_schema_metadata({"dynascope": json.dumps(about)}), file)


def test_damaged_files_are_listed_with_their_reasons_and_the_others_work(run, place):
    """What each damage is told as is in tests/core/files/test_store.py."""
    good, gone, mixed, wrong, edited, shaped = (f"{library.keep(run)}.parquet" for _ in range(6))
    pq.write_table(pq.read_table(place / gone).drop_columns(["loss"]), place / gone)
    described(place / mixed, diverged_at=[])
    described(place / wrong, configs=[{"eta": "<script>"}] * 6)
    described(place / edited, events=[{"step": 3}])
    described(place / shaped, shapes=describes(place / shaped)["shapes"] | {"loss": [1]})
    os.mkfifo(place / "pipe.parquet")
    found = {entry.file: entry.broken for entry in library.opened().find(engine="matrix_sensing")[0]}
    assert found[good] == ""
    assert found[gone] == f"{gone} is not a readable run: it lacks the columns loss"
    assert "6 initial configurations and 0 diverged_at" in found[mixed]
    assert "eta='<script>' is not a finite number" in found[wrong]
    assert found[edited] == "{'step': 3} is no live edit: it needs step, knob, value, members"
    assert found[shaped] == "the channel loss has the shape [1], and not 0 dimensions"
    assert "there is no such file" in found["pipe.parquet"]
    assert not any(str(place) in reason for reason in found.values())
    for name in found:
        library.opened().delete(name)
    assert library.opened().find(engine="matrix_sensing")[0] == []


def test_a_file_of_any_name_is_opened_and_deleted(run, place):
    (place / f"{library.keep(run)}.parquet").rename(place / "my run (1).parquet")
    (entry,) = library.opened().find(engine="matrix_sensing")[0]
    assert library.opened().path(entry.file).is_file()
    library.opened().delete(entry.id)


@pytest.mark.parametrize(
    "name", ["../secret.parquet", "/etc/passwd", "a/b.parquet", "run.csv", "", "..", "a\0.parquet", "/x.parquet"]
)
def test_only_files_of_the_folder_are_touched(place, name):
    with pytest.raises(UnknownName, match="unknown stored run"):
        library.opened().delete(name)
    with pytest.raises(StoreError, match="there is no stored run"):
        library.opened().path(name)


def test_without_a_folder_nothing_is_kept_and_only_this_machine_is_offered_one(run, monkeypatch):
    monkeypatch.delenv(library.FOLDER_VARIABLE, raising=False)
    with pytest.raises(StoreError, match="this server keeps no runs"):
        library.keep(run)
    library.open_for("0.0.0.0")
    assert library.folder() is None
    library.open_for("127.0.0.1")
    assert library.folder().name == "runs"
    monkeypatch.delenv(library.FOLDER_VARIABLE)


def test_a_run_that_is_too_large_is_a_sentence(run, place, monkeypatch):
    monkeypatch.setattr(library, "LARGEST_RUN", 10)
    with pytest.raises(StoreError, match="10 are kept at most"):
        library.keep(run)
    assert not list(place.iterdir())


def test_what_is_laid_over_are_the_numbers_of_the_run(run):
    found = overlay_curves(run, color="red", label="stored")["error"]
    rows = np.unique(np.linspace(0, len(run) - 1, OVERLAY_STEPS).astype(int))
    assert len(found) == 2
    for curve, members in zip(found, (run.where(alpha=0.3), run.where(alpha=0.5)), strict=True):
        values = run["error"][rows][:, members]
        np.testing.assert_allclose(curve.median, np.median(values, axis=1), rtol=1e-14)
        np.testing.assert_allclose(curve.band, np.percentile(values, (0, 100), axis=1), rtol=1e-14)
        np.testing.assert_array_equal(curve.steps, run.steps[rows])


def test_as_many_are_drawn_behind_as_can_be_told_apart_and_what_fails_is_said(run, place):
    changes, failed = [], []
    panel = LibraryPanel("matrix_sensing", lambda: run, lambda run: None, lambda: changes.append(1), failed.append)

    def do(what, name=""):
        panel.receive({"do": what, "name": name})
        end = time.monotonic() + 60
        while panel.collect() and time.monotonic() < end:
            time.sleep(0.01)

    for _ in range(MOST_OVERLAYS + 1):
        do("keep")
    names = [entry["name"] for entry in panel.shown["entries"]]
    for name in names:
        do("over", name)
    assert len(panel.overlays["error"]) == 2 * MOST_OVERLAYS
    assert len({curve.color for curve in panel.overlays["error"]}) == MOST_OVERLAYS
    assert f"{MOST_OVERLAYS} runs are laid over already" in failed[-1]
    assert len(changes) == MOST_OVERLAYS
    do("delete", names[0])
    assert len(panel.overlays["error"]) == 2 * (MOST_OVERLAYS - 1)
    do("open", "nothing.parquet")
    assert "unknown stored run 'nothing.parquet'" in failed[-1]
    panel.close()


def test_a_link_to_a_file_that_is_gone_keeps_no_page_from_opening(run, place):
    (place / "gone.parquet").symlink_to(place / "nowhere")
    library.keep(run)
    assert len(library.opened().find(engine="matrix_sensing")[0]) == 1


def test_a_run_that_cannot_be_laid_over_frees_its_hue(run, place):
    failed = []
    panel = LibraryPanel("matrix_sensing", lambda: run, lambda run: None, lambda: None, failed.append)
    for _ in range(MOST_OVERLAYS + 1):
        panel.receive({"do": "over", "name": "nothing.parquet"})
        while panel.collect():
            time.sleep(0.01)
    assert len(failed) == MOST_OVERLAYS + 1 and all("nothing.parquet" in text for text in failed)
    panel.close()


def test_a_member_that_diverged_ends_there_and_the_band_is_that_of_the_others():
    diverging = engines.run("matrix_sensing", preset="P3", set={"alpha": 0.5, "eta": [0.1, 5.0]}, seeds=[0], steps=60)
    at = int(diverging.diverged_at[1])
    assert 0 < at < 60
    whole = Curve("c", "c", GREY, (0, 1))
    (alone,) = overlay_curves(diverging, [Curve("c", "c", GREY, (1,))])["error"]
    (both,) = overlay_curves(diverging, [whole])["error"]
    assert np.isnan(alone.median[alone.steps >= at]).all() and np.isfinite(alone.median[alone.steps < at]).all()
    late = both.steps >= at
    left = diverging["error"][np.searchsorted(diverging.steps, both.steps[late]), 0]
    np.testing.assert_array_equal(both.band[:, late], [left, left])
    assert band_columns(overlay_curves(diverging, [whole])["error"], np.asarray)["xs"]
    assert not band_columns(
        [OverlayCurve(alone.steps, alone.median, np.full((2, len(late)), np.nan), GREY)], np.asarray
    )["xs"]
