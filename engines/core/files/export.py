"""Runs as files of other programs: always everything recorded, never what a plot thins out."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa
import xarray
from pyarrow import csv as pa_csv

from engines.core.files import store
from engines.core.files.atomic_file import writing
from engines.core.protocol.engine import RunData
from engines.core.protocol.errors import StoreError
from engines.core.protocol.paths import expand_home, require_file

Write = Callable[[RunData, BinaryIO], None]

ENTRIES = ("i", "j")
"""Columns that number the entries of a vector or a matrix in a table."""

ROWS = 100_000
"""Rows of a table that are made at once."""


def save(run: RunData, path: str | Path) -> None:
    """Write a run in the format that the name ends with: `.parquet`, `.nc` or `.csv`. Raises `StoreError`."""
    path = expand_home(path)
    write = FORMATS[require_suffix(path)]
    with writing(path) as file:
        write(run, file)


def read(path: str | Path) -> RunData:
    """Read a run that was saved as `.parquet` or `.nc`. Raises `StoreError`."""
    path = expand_home(path)
    return READ[require_suffix(path, READ, "read")](path)


def to_bytes(run: RunData, suffix: str) -> bytes:
    """Return a run as the bytes of a file of that format; `suffix` is one of `FORMATS`, else `KeyError`."""
    file = io.BytesIO()
    FORMATS[suffix](run, file)
    return file.getvalue()


def require_suffix(path: str | Path, allowed: Collection[str] = (), action: str = "write") -> str:
    """Return the ending of a name. Raises `StoreError` for one that no known format (default: `FORMATS`) has."""
    suffix, allowed = Path(path).suffix.lower(), allowed or FORMATS
    if suffix not in allowed:
        raise StoreError(f"cannot {action} {path}: its name ends with {suffix!r}; known are {', '.join(allowed)}")
    return suffix


def tidy_table(run: RunData, channels: Collection[str] = ()) -> pd.DataFrame:
    """Make a tidy table of some channels (default: all): one row a number, with member, step and the knobs that vary.

    `i` and `j` number the entries of vectors and matrices from 0. A number is missing once its member has diverged.
    """
    return pa.Table.from_batches(_tidy(run, channels), _tidy_schema(run)).to_pandas()


def csv(run: RunData, channels: Collection[str] = ()) -> bytes:
    """Write `tidy_table` as text. It holds numbers alone: what repeats the run is in the other formats."""
    file = io.BytesIO()
    _write_csv(run, file, channels)
    return file.getvalue()


def _write_csv(run: RunData, file: BinaryIO, channels: Collection[str] = ()) -> None:
    schema = _tidy_schema(run)
    file.write((",".join(schema.names) + "\n").encode())
    with pa_csv.CSVWriter(file, schema, write_options=pa_csv.WriteOptions(include_header=False)) as writer:
        for batch in _tidy(run, channels):
            writer.write_batch(batch)


def _tidy_schema(run: RunData) -> pa.Schema:
    knobs = {name: pa.array(values[:1].ravel()).type for name, values in store.varied_columns(run).items()}
    entries = dict.fromkeys(ENTRIES, pa.int64())
    return pa.schema({"member": pa.int64(), "step": pa.int64(), **knobs, "channel": pa.string(), **entries,
                      "value": pa.float64()})  # fmt: skip


def _tidy(run: RunData, channels: Collection[str]) -> Iterator[pa.RecordBatch]:
    """Yield the rows of each channel, at most about `ROWS` at once: a large one is many times itself as text."""
    knobs, schema = store.varied_columns(run), _tidy_schema(run)
    for channel in run.engine.channels:
        series = run.recording.series(channel.name)
        if channel.name not in series.names or (channels and channel.name not in channels):
            continue
        steps, block = series.read(channel.name)
        many = max(1, ROWS * len(steps) // max(1, block.size))
        for first in range(0, len(steps), many):
            yield _tidy_rows(run.steps, knobs, schema, channel.name, steps[first : first + many],
                             block[first : first + many])  # fmt: skip


def _tidy_rows(
    recorded: np.ndarray, knobs: Mapping[str, np.ndarray], schema: pa.Schema, name: str, steps: np.ndarray,
    block: np.ndarray,
) -> pa.RecordBatch:  # fmt: skip
    """Write a channel `[T, B, *dims]` at steps `[T]` out as rows; knobs are `[all steps, B]`."""
    place, member, *entry = (index.ravel() for index in np.indices(block.shape))
    row = np.searchsorted(recorded, steps)[place]
    columns = {"member": member, "step": steps[place], "channel": np.full(len(place), name), "value": block.ravel()}
    columns |= {knob: values[row, member] for knob, values in knobs.items()}
    columns |= {letter: at for letter, at in zip(ENTRIES, entry, strict=False)}
    absent = {field.name: pa.nulls(len(place), field.type) for field in schema if field.name not in columns}
    filled = {key: pa.array(values, from_pandas=True) for key, values in columns.items()} | absent
    return pa.RecordBatch.from_arrays([filled[field.name].cast(field.type) for field in schema], schema=schema)


def _write_netcdf(run: RunData, file: BinaryIO) -> None:
    data = store.to_xarray(run).assign_attrs(dynascope=json.dumps(store.metadata(run)))
    file.write(bytes(data.to_netcdf(engine="h5netcdf")))


FORMATS: dict[str, Write] = {".parquet": store.write, ".nc": _write_netcdf, ".csv": _write_csv}
"""How to write each format, by the ending of a name."""


def _read_netcdf(path: Path) -> RunData:
    try:
        require_file(path)
        with xarray.open_dataset(path, engine="h5netcdf") as data:
            store.require_memory(data.nbytes)
            return store.from_xarray(data, json.loads(data.attrs["dynascope"]))
    except (*store.DAMAGED, RuntimeError) as error:
        raise StoreError(f"{path} is not a readable run: {store.reason(error)}") from error


READ: dict[str, Callable[[Path], RunData]] = {".parquet": store.read, ".nc": _read_netcdf}
"""How to read the formats that hold a whole run."""
