"""Stored runs: damaged, inconsistent, of newer versions, and what only looks like one."""

import json
import os

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import engines
from dashboard.runs import library
from engines.core.api import simulate
from engines.core.data.recording import Event
from engines.core.files import store
from engines.core.protocol import registry
from engines.core.protocol.errors import StoreError
from engines.core.runs.run import Run
from tests.core.toy import ENGINE, Toy
from tests.faults.hostile import COSTLY, JSON, check_sentence, damaged, edited, one_sentence


@pytest.fixture(scope="module", autouse=True)
def toy_is_an_engine():
    load, store.load = store.load, lambda name: ENGINE if name == "toy" else registry.load(name)
    yield
    store.load = load


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run with a live edit and a member that diverged, in both formats."""
    run = Run(ENGINE, [Toy(d=2), Toy(d=2, a=100.0, eta=1.0, flat=True)], preset=ENGINE.presets[0])
    simulate(run, 40, edits=[Event(7, "shift", 1.0, (0,))])
    place = tmp_path_factory.mktemp("runs")
    for name in ("run.parquet", "run.nc"):
        run.save(place / name)
    return place


def use(path, before):
    """Open a file: the run can be used for everything, or one sentence says why not; the file stays as it is."""
    with one_sentence(lambda text: path.name in text or pytest.fail(text)):
        run = engines.open(path)
        assert len(run) and (np.diff(run.steps) > 0).all()
        assert run["loss"].shape == (len(run), len(run.configs))
        json.dumps(run.summary(), default=str)
        repr(run), run.story(0), run.to_xarray(), run.copy(), run.until(3)
        assert [run.config(member, int(run.steps[-1])) for member in range(len(run.configs))] == run.configs
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["run.parquet", "run.nc"])
def test_the_run_that_is_changed_here_can_be_used(whole, name):
    run = engines.open(whole / name)
    assert (run.diverged_at.tolist(), len(run.recording.events)) == ([-1, 16], 1)
    use(whole / name, (whole / name).read_bytes())


@COSTLY
@given(st.data())
def test_a_damaged_file_is_refused_or_can_be_used(whole, data):
    path = whole / "damaged.parquet"
    path.write_bytes(damaged(data.draw, (whole / "run.parquet").read_bytes()))
    use(path, path.read_bytes())


@COSTLY
@given(st.integers(0, 1 << 16))
def test_a_file_that_was_cut_is_refused(whole, size):
    for name in ("run.parquet", "run.nc"):
        content = (whole / name).read_bytes()
        path = whole / f"cut-{name}"
        path.write_bytes(content[: size % len(content)])
        with pytest.raises(StoreError) as caught:
            engines.open(path)
        check_sentence(str(caught.value))


def redescribed(whole, name, change):
    """A file whose description is changed, and what it holds."""
    path = whole / f"described-{name}"
    if name == "run.nc":
        path.write_bytes((whole / name).read_bytes())
        with h5py.File(path, "r+") as file:
            file.attrs["dynascope"] = json.dumps(change(json.loads(file.attrs["dynascope"])))
    else:
        table = pq.read_table(whole / name)
        about = change(json.loads(table.schema.metadata[b"dynascope"]))
        pq.write_table(table.replace_schema_metadata({"dynascope": json.dumps(about)}), path)
    return path, path.read_bytes()


@COSTLY
@given(st.data(), st.sampled_from(["run.parquet", "run.nc"]))
def test_a_description_that_was_changed_is_refused_or_is_of_what_is_there(whole, data, name):
    use(*redescribed(whole, name, lambda about: edited(data.draw, about)))


@COSTLY
@given(JSON)
def test_a_description_that_is_anything_is_refused(whole, about):
    use(*redescribed(whole, "run.parquet", lambda _: about))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format": 99}, "written by a newer version of Dynascope .format 99; this one reads 1"),
        ({"diverged_at": [-1, 99]}, "it says what happened at step 99, and ends at 40"),
        ({"events": [{"step": 41, "knob": "shift", "value": 1.0, "members": [0]}]}, "at step 41, and ends at 40"),
        ({"events": []}, "its configurations are not what its live edits make of the initial ones"),
        ({"shapes": {"loss": [], "x": [2], "field": [2, 3], "rare": []}}, "j has|i has|cannot reshape"),
    ],
)
@pytest.mark.parametrize("name", ["run.parquet", "run.nc"])
def test_what_a_file_says_has_to_agree_with_itself(whole, name, change, reason):
    path, _ = redescribed(whole, name, lambda about: about | change)
    with pytest.raises(StoreError, match=reason) as caught:
        engines.open(path)
    check_sentence(str(caught.value))


ODD = {
    "a pipe": os.mkfifo,
    "a folder": os.mkdir,
    "a circle": lambda path: os.symlink(path, path),
    "a dead link": lambda path: os.symlink("nowhere", path),
    "an endless file": lambda path: os.symlink("/dev/zero", path),
    "nothing": lambda path: path.touch(),
}


@pytest.mark.parametrize("make", ODD.values(), ids=ODD)
def test_what_only_looks_like_a_run_is_neither_read_nor_waited_for(tmp_path, monkeypatch, make):
    for name in ("odd.parquet", "odd.nc"):
        make(tmp_path / name)
        with pytest.raises(StoreError) as caught:
            engines.open(tmp_path / name)
        check_sentence(str(caught.value))
    before = sorted(os.listdir(tmp_path))
    monkeypatch.setenv(library.FOLDER_VARIABLE, str(tmp_path))
    entries = library.opened().find(engine="toy")[0]
    assert all(entry.broken for entry in entries)
    for entry in entries:
        check_sentence(entry.broken)
    assert sorted({*os.listdir(tmp_path)} - {".index"}) == before


def test_a_link_to_a_run_is_a_run(whole, tmp_path):
    os.symlink(whole / "run.parquet", tmp_path / "linked.parquet")
    assert len(engines.open(tmp_path / "linked.parquet"))
