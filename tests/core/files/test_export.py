import io
import json

import numpy as np
import pandas as pd
import pytest
import xarray

import engines
from engines.core.files import export, store
from engines.core.protocol.errors import StoreError


@pytest.fixture(scope="module")
def run():
    return engines.run("matrix_sensing", preset="P3", set={"alpha": [0.3, 0.5], "seed": [0, 1]}, steps=30)


@pytest.fixture(params=export.FORMATS)
def path(request, run, tmp_path):
    path = tmp_path / f"run{request.param}"
    run.save(path)
    return path


def read(path, run):
    """The error and the spectrum of every step and member, read by the programs that people use."""
    if path.suffix == ".nc":
        with xarray.open_dataset(path, engine="h5netcdf") as data:
            return data["error"].values.T, data["singular_values"].values.transpose(1, 0, 2)
    size = run["singular_values"].shape[-1]
    if path.suffix == ".csv":
        data = pd.read_csv(path, dtype=str)  # pandas 2 itself reads a unit off
        error, spectrum = (data[data.channel == name].value.astype(float) for name in ("error", "singular_values"))
        members = len(run.configs)
        return error.values.reshape(-1, members), spectrum.values.reshape(-1, members, size)
    data = pd.read_parquet(path)
    spectrum = np.stack(data["singular_values"])
    members = len(run.configs)
    return data["error"].values.reshape(-1, members), spectrum.reshape(-1, members, size)


def test_each_format_holds_every_recorded_number_bit_for_bit(run, path):
    error, spectrum = read(path, run)
    np.testing.assert_array_equal(error, run["error"])
    np.testing.assert_array_equal(spectrum, run["singular_values"])


def test_the_formats_that_hold_a_whole_run_are_read_back(run, path):
    if path.suffix == ".csv":
        with pytest.raises(StoreError, match=r"cannot read .*ends with '\.csv'; known are \.parquet, \.nc"):
            engines.open(path)
        return
    again = engines.open(path)
    assert (again.configs, again.initial_configs, again.preset) == (run.configs, run.initial_configs, run.preset)
    np.testing.assert_array_equal(again.steps, run.steps)
    np.testing.assert_array_equal(again.recording.thin.steps, run.recording.thin.steps)
    for channel in run.engine.channels:
        np.testing.assert_array_equal(again[channel.name], run[channel.name], err_msg=channel.name)
        assert again[channel.name].dtype == run[channel.name].dtype
    assert again.summary() == run.summary()
    probe = run.engine.probes[0].name
    for name, value in again.probe(probe, 1, 20).items():
        np.testing.assert_array_equal(value, run.probe(probe, 1, 20)[name])


def test_a_knob_has_one_name_in_every_export(run):
    table = store.table(run).to_pandas()
    text = pd.read_csv(io.BytesIO(export.csv(run, ["error"])))
    data = run.to_xarray()
    assert list(text) == ["member", "step", "alpha", "seed", "channel", "i", "j", "value"]
    for name in ("alpha", "seed"):
        assert name in data.coords
        np.testing.assert_array_equal(table[name], text[name])
        np.testing.assert_array_equal(table[name][: len(run.configs)], data[name])
    assert set(zip(text.alpha, text.seed, strict=True)) == {(0.3, 0), (0.3, 1), (0.5, 0), (0.5, 1)}


def test_a_knob_that_shares_its_name_with_a_channel_has_one_name_too():
    run = engines.run("subgradient_recovery", set={"loss": ["l1", "l2"]}, steps=3)
    assert "knob_loss" in run.to_xarray().coords
    assert "knob_loss" in export.tidy_table(run, ["loss"])
    assert "knob_loss" in store.table(run).column_names


def test_datasets_of_other_widths_can_be_concatenated():
    narrow, wide = (engines.run("matrix_sensing", set={"k": k}, steps=9).to_xarray() for k in (4, 6))
    both = xarray.concat([narrow, wide], "member", data_vars="all", join="outer")
    np.testing.assert_array_equal(both["k"], [4, 6])
    np.testing.assert_array_equal(both["singular_values"][1], wide["singular_values"][0])


def test_a_knob_turned_on_the_way_has_its_value_at_each_step():
    edits = [(5, "eta", 0.1, [0])]
    run = engines.run("matrix_sensing", set={"eta": 0.2}, steps=9, edits=edits)
    assert list(export.tidy_table(run, ["error"]).eta) == [0.2] * 5 + [0.1] * 5


def test_a_diverged_member_is_empty_in_every_format(tmp_path):
    run = engines.run("matrix_sensing", set={"eta": [0.2, 10.0]}, steps=20)
    (at,) = run.diverged_at[run.diverged_at > 0]
    np.testing.assert_array_equal(np.isnan(run["loss"][:, 1]), run.steps >= at)
    assert np.isnan(run.final(1)["loss"])
    data = run.to_xarray()["loss"]
    run.save(tmp_path / "run.parquet")
    run.save(tmp_path / "run.csv")
    tidy = pd.read_csv(tmp_path / "run.csv").query("member == 1 and channel == 'loss'").value
    for loss in (pd.read_parquet(tmp_path / "run.parquet").query("member == 1").loss, tidy):
        np.testing.assert_array_equal(loss.isna(), np.isnan(data[1]))


def test_a_home_is_found_and_a_folder_called_tilde_is_not_made(run, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    run.save("~/deep/run.nc")
    assert (tmp_path / "deep" / "run.nc").exists()
    assert len(engines.open("~/deep/run.nc")) == len(run)


@pytest.mark.parametrize(
    "content", [b"", b"not netCDF", b"\x89HDF\r\n\x1a\n" + b"\0" * 200], ids=["empty", "text", "half"]
)
def test_a_damaged_file_is_one_sentence(tmp_path, content):
    (tmp_path / "run.nc").write_bytes(content)
    with pytest.raises(StoreError, match=r"run\.nc is not a readable run"):
        engines.open(tmp_path / "run.nc")
    for name in ("none.nc", "none.parquet"):
        with pytest.raises(StoreError, match="is not a readable run"):
            engines.open(tmp_path / name)


def test_a_dataset_that_says_other_than_it_holds_is_refused(run, tmp_path):
    for change in ({"shapes": {"gone": []}}, {"openings": []}, {"engine": "gone"}, {"format": 99}):
        about = store.metadata(run) | change
        run.to_xarray().assign_attrs(dynascope=json.dumps(about)).to_netcdf(tmp_path / "run.nc", engine="h5netcdf")
        with pytest.raises(StoreError, match="is not a readable run"):
            engines.open(tmp_path / "run.nc")


def test_a_table_is_tidy_one_row_a_number_under_one_line_of_heads(run, monkeypatch):
    monkeypatch.setattr(export, "ROWS", 7)  # in many pieces
    (thin, *_) = sorted(run.thin & set(run.recording.thin.names))
    names = ["error", "singular_values", thin]
    text = export.csv(run, names).decode()
    assert text.startswith("member,step,alpha,seed,channel,i,j,value\n") and text.count("member") == 1
    data = pd.read_csv(io.StringIO(text), dtype={"value": str})
    assert len(data) == sum(run[name].size for name in names) and set(data.channel) == set(names)
    vector = data.query("member == 2 and channel == 'singular_values' and i == 1")
    np.testing.assert_array_equal(vector.value.astype(float), run["singular_values"][:, 2, 1])
    assert list(vector.step) == list(run.steps) and vector.j.isna().all()
    matrix = data.query("member == 1 and channel == @thin and i == 2 and j == 0")
    np.testing.assert_array_equal(matrix.value.astype(float), run[thin][:, 1, 2, 0])
    assert list(matrix.step) == list(run.recording.thin.steps)
    assert data.query("channel == 'error'")[["i", "j"]].isna().all(axis=None)


def test_an_unknown_ending_is_a_sentence_that_names_the_known(run, tmp_path):
    with pytest.raises(StoreError, match=r"ends with '\.xls'; known are \.parquet, \.nc, \.csv"):
        run.save(tmp_path / "run.xls")


def test_a_file_that_cannot_be_written_leaves_nothing_behind(run, tmp_path, monkeypatch):
    def full(run, file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(export.FORMATS, ".csv", full)
    with pytest.raises(StoreError, match="No space left on device"):
        run.save(tmp_path / "run.csv")
    assert not list(tmp_path.iterdir())
