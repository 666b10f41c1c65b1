import io
import json

import numpy as np
import pandas as pd
import pytest
import xarray

import engines
from engines.core import export
from engines.core.errors import StoreError


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
        data = pd.read_csv(path, comment="#", dtype=str).astype(float)  # pandas 2 itself reads a unit off
        spectrum = data[[f"singular_values_{index}" for index in range(size)]].values
    else:
        data = pd.read_parquet(path)
        spectrum = np.stack(data["singular_values"])
    members = len(run.configs)
    return data["error"].values.reshape(-1, members), spectrum.reshape(-1, members, size)


def test_each_format_holds_every_recorded_number_bit_for_bit(run, path):
    error, spectrum = read(path, run)
    np.testing.assert_array_equal(error, run["error"])
    np.testing.assert_array_equal(spectrum, run["singular_values"])


def test_each_format_says_what_repeats_the_run(run, path):
    if path.suffix == ".nc":
        with xarray.open_dataset(path, engine="h5netcdf") as data:
            about = json.loads(data.attrs["dynascope"])
    elif path.suffix == ".csv":
        about = json.loads(path.read_text().splitlines()[0].removeprefix("# "))
    else:
        import pyarrow.parquet as pq

        about = json.loads(pq.read_schema(path).metadata[b"dynascope"])
    assert about["openings"] == [dict(config) for config in run.openings]
    assert (about["engine"], about["preset"]) == ("matrix_sensing", "P3")


def test_a_table_names_what_varies_and_holds_the_channels_asked_for(run):
    data = pd.read_csv(io.StringIO(export.csv(run, ["error"])), comment="#")
    assert list(data) == ["step", "member", "knob_alpha", "knob_seed", "error"]
    assert set(zip(data.knob_alpha, data.knob_seed, strict=True)) == {(0.3, 0), (0.3, 1), (0.5, 0), (0.5, 1)}


def test_a_thin_channel_is_empty_between_its_steps(run):
    thin = next(iter(run.thin & set(run.recording.thin.names)))
    data = export.frame(run, [thin])
    filled = data[data.member == 0].dropna(subset=[name for name in data if name.startswith(thin)], how="all")
    np.testing.assert_array_equal(filled.step, run.recording.thin.steps)


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
