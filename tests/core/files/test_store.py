import errno
import json
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import engines
from engines.core.api import simulate
from engines.core.data.plain_json import to_json
from engines.core.data.recording import Event
from engines.core.files import store
from engines.core.files.atomic_file import require_writable
from engines.core.protocol import registry
from engines.core.protocol.errors import StoreError
from engines.core.runs.replay import simulation_at
from engines.core.runs.run import Run
from tests.core.toy import ENGINE, Toy

MEMBERS = [Toy(d=2), Toy(d=4, seed=1), Toy(d=2, a=100.0, eta=1.0, flat=True)]


@pytest.fixture(autouse=True)
def toy_is_an_engine(monkeypatch):
    monkeypatch.setattr(store, "load", lambda name: ENGINE if name == "toy" else registry.load(name))


@pytest.fixture
def run():
    return simulate(Run(ENGINE, MEMBERS, preset=ENGINE.presets[0]), 250)


def test_what_is_read_is_what_was_written(run, tmp_path):
    run.save(tmp_path / "run.parquet")
    again = store.read(tmp_path / "run.parquet")
    assert again.configs == run.configs
    assert again.preset == run.preset
    np.testing.assert_array_equal(again.diverged_at, run.diverged_at)
    np.testing.assert_array_equal(again.steps, run.steps)
    np.testing.assert_array_equal(again.recording.thin.steps, run.recording.thin.steps)
    for channel in ENGINE.channels:
        np.testing.assert_array_equal(again[channel.name], run[channel.name], err_msg=channel.name)
        assert again[channel.name].dtype == run[channel.name].dtype
    assert to_json(Run.from_data(again).summary()) == to_json(run.summary())


def test_padding_of_members_with_other_shapes_stays_nan(run, tmp_path):
    run.save(tmp_path / "run.parquet")
    x = store.read(tmp_path / "run.parquet")["x"]
    assert np.isnan(x[:, 0, 2:]).all()
    assert np.isfinite(x[:, 1]).all()


def test_live_edits_and_openings_come_back(run, tmp_path):
    run.recording.events.append(Event(100, "eta", 0.3, (1,)))
    run.configs[1] = run.configs[1].replace(eta=0.3)
    run.save(tmp_path / "run.parquet")
    again = store.read(tmp_path / "run.parquet")
    assert again.recording.events == run.recording.events
    assert (again.configs, again.initial_configs) == (run.configs, run.initial_configs)
    assert simulation_at(again, 200, 1).batches[0].knobs["eta"].item() == 0.3
    assert simulation_at(again, 99, 1).batches[0].knobs["eta"].item() == 0.1


def test_a_folder_is_made_for_the_file(run, tmp_path):
    run.save(tmp_path / "new" / "deeper" / "run.parquet")
    assert [path.name for path in (tmp_path / "new" / "deeper").iterdir()] == ["run.parquet"]


def test_a_file_is_replaced_whole(run, tmp_path):
    target = tmp_path / "run.parquet"
    target.write_text("old")
    run.save(target)
    assert len(store.read(target)) == len(run)


@pytest.mark.parametrize("content", [b"", b"not parquet", b"PAR1" + b"\0" * 50 + b"PAR1"])
def test_a_damaged_file_is_refused(tmp_path, content):
    (tmp_path / "run.parquet").write_bytes(content)
    with pytest.raises(StoreError, match=r"run\.parquet is not a readable run"):
        store.read(tmp_path / "run.parquet")


def test_a_truncated_file_is_refused(run, tmp_path):
    target = tmp_path / "run.parquet"
    run.save(target)
    target.write_bytes(target.read_bytes()[:-100])
    with pytest.raises(StoreError):
        store.read(target)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(StoreError, match="is not a readable run"):
        store.read(tmp_path / "none.parquet")


def described(target, **change):
    """Change what a file says of its run."""
    table = pq.read_table(target)
    about = json.loads(table.schema.metadata[b"dynascope"]) | change
    pq.write_table(table.replace_schema_metadata({"dynascope": json.dumps(about)}), target)


def rewritten(target, change):
    """Change the table of a file, and keep its description."""
    table = pq.read_table(target)
    pq.write_table(change(table).replace_schema_metadata(table.schema.metadata), target)


def replaced(name, values):
    return lambda table: table.set_column(table.schema.names.index(name), name, [pa.array(values(table[name]))])


DAMAGES = {
    "its description is nested too deeply": lambda path: pq.write_table(
        pq.read_table(path).replace_schema_metadata({"dynascope": "[" * 100_000}), path
    ),
    "lacks the columns loss": lambda path: rewritten(path, lambda table: table.drop_columns(["loss"])),
    "lacks the columns step": lambda path: rewritten(path, lambda table: table.drop_columns(["step"])),
    "its steps do not increase": lambda path: rewritten(
        path, replaced("step", lambda column: column.to_pylist()[::-1])
    ),
    "through the members in their order": lambda path: rewritten(
        path, replaced("member", lambda column: column.to_pylist()[::-1])
    ),
    "it has 0 rows of 3 members": lambda path: rewritten(path, lambda table: table.slice(0, 0)),
    r"it has \d+ rows of 3 members": lambda path: rewritten(path, lambda table: table.slice(0, 7)),
    "3 initial configurations and 1 configs": lambda path: described(path, configs=[dict(MEMBERS[0])]),
    "2 initial configurations and 3 configs": lambda path: described(path, openings=[dict(MEMBERS[0])] * 2),
    "3 initial configurations and 1 diverged_at": lambda path: described(path, diverged_at=[-1]),
    "diverged at 'x'": lambda path: described(path, diverged_at=["x", -1, -1]),
    "it lacks the channel loss": lambda path: described(path, shapes={}),
    r"the channel loss has the shape \[1\], and not 0 dimensions": lambda path: described(
        path, shapes={"x": [4], "loss": [1]}
    ),
    r"the channel x has the shape \[-1\]": lambda path: described(path, shapes={"x": [-1], "loss": []}),
    "diverged at 9223372036854775808, which is no step": lambda path: described(path, diverged_at=[2**63, -1, -1]),
    "there are gaps in the channels loss": lambda path: rewritten(
        path, replaced("loss", lambda column: [*column.to_pylist()[:-1], None])
    ),
    "names the member 7": lambda path: described(
        path, events=[{"step": 3, "knob": "eta", "value": 0.2, "members": [7]}]
    ),
}


def test_a_channel_that_is_newer_than_the_file_has_no_values(run, tmp_path):
    target = tmp_path / "run.parquet"
    run.save(target)
    described(target, shapes={"x": [4]})
    rewritten(target, lambda table: table.drop_columns(["loss"]))
    again = engines.open(target)
    np.testing.assert_array_equal(again["x"], run["x"])
    assert again["loss"].shape == run["loss"].shape and np.isnan(again["loss"]).all()
    assert "rare" not in again.final(0) and again.summary()["members"]  # a thin one has no row to stand in


@pytest.mark.parametrize("reason", DAMAGES)
def test_what_a_file_holds_agrees_with_what_it_says(run, tmp_path, reason):
    target = tmp_path / "run.parquet"
    run.save(target)
    DAMAGES[reason](target)
    with pytest.raises(StoreError, match=f"run.parquet is not a readable run: .*{reason}"):
        store.read(target)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "run.parquet")
    for read in (store.read, store.read_description):
        with pytest.raises(StoreError, match="there is no such file"):
            read(tmp_path / "run.parquet")


def test_a_file_that_unpacks_to_more_than_there_is_room_for_is_refused_and_listed_without_being_read(
    run, tmp_path, monkeypatch
):
    target = tmp_path / "run.parquet"
    run.save(target)
    monkeypatch.setattr(store.devices, "memory", lambda device: 10_000)
    for path in (target, tmp_path / "run.nc"):
        run.save(path)
        with pytest.raises(StoreError, match=r"it unpacks to \d+ bytes; the limit on this machine is 10000"):
            engines.open(path)
    monkeypatch.setattr(pq.ParquetFile, "read", lambda *arguments: pytest.fail("a row was read"))
    assert store.read_description(target)["rows"] == len(run)


@pytest.mark.parametrize(
    "change",
    [{"format": 99}, {"engine": "gone"}, {"shapes": {"gone": []}}, {"openings": [{"eta": 99}]}, {"configs": 1},
     {"events": [{}]}, {"shapes": {"x": [7]}}],
    ids=str,
)  # fmt: skip
def test_a_file_whose_description_is_wrong_is_refused(run, tmp_path, change):
    target = tmp_path / "run.parquet"
    run.save(target)
    described(target, **change)
    with pytest.raises(StoreError, match="is not a readable run"):
        store.read(target)


def test_a_parquet_file_of_another_kind_is_refused(run, tmp_path):
    target = tmp_path / "run.parquet"
    run.save(target)
    pq.write_table(pq.read_table(target).replace_schema_metadata(None), target)
    with pytest.raises(StoreError):
        store.read(target)


@pytest.mark.parametrize("write", [lambda run, path: run.save(path), lambda run, path: require_writable(path)])
def test_a_path_that_cannot_be_written_is_refused_and_leaves_nothing(run, tmp_path, write):
    (tmp_path / "file").write_text("in the way")
    for path in (tmp_path / "file" / "run.parquet", tmp_path):
        with pytest.raises(StoreError, match="cannot write"):
            write(run, path)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_asking_whether_a_path_is_writable_leaves_nothing(tmp_path):
    require_writable(tmp_path / "run.parquet")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_a_message_and_the_old_file_stays(run, tmp_path, monkeypatch):
    target = tmp_path / "run.parquet"
    target.write_text("old")

    def full(table, file):
        file.write(b"half of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(StoreError, match=r"cannot write .*run\.parquet: No space left on device"):
        run.save(target)
    assert [path.name for path in tmp_path.iterdir()] == ["run.parquet"]
    assert target.read_text() == "old"


def test_an_interrupt_while_writing_leaves_no_half_file(run, tmp_path, monkeypatch):
    def interrupted(table, file):
        raise KeyboardInterrupt

    monkeypatch.setattr(pq, "write_table", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run.save(tmp_path / "run.parquet")
    assert list(tmp_path.iterdir()) == []


def test_xarray_has_members_steps_and_knobs_as_coordinates(run):
    data = run.to_xarray()
    assert data["loss"].dims == ("member", "step")
    assert data["x"].dims == ("member", "step", "i")
    assert data["field"].dims == ("member", "thin_step", "i", "j")
    for knob in Toy.knobs():
        assert data[knob].dims == ("member",)
    np.testing.assert_array_equal(data["loss"].sel(step=200), run["loss"][run.recording.dense.index_at(200)])
    np.testing.assert_array_equal(data["seed"], [0, 1, 0])
    assert data["loss"].attrs["doc"] == "half the squared distance"
