"""Runs as files of other programs: always everything recorded, never what a plot thins out."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import BinaryIO

import pandas as pd
import xarray

from engines.core.files import store
from engines.core.protocol.engine import RunData
from engines.core.protocol.errors import StoreError
from engines.core.protocol.paths import expand_home

Write = Callable[[RunData, BinaryIO], None]


def save(run: RunData, path: str | Path) -> None:
    """Write a run in the format that the name ends with: `.parquet`, `.nc` or `.csv`. Raises `StoreError`."""
    path = expand_home(path)
    write = FORMATS[require_suffix(path)]
    with store.writing(path) as file:
        write(run, file)


def read(path: str | Path) -> RunData:
    """Read a run that was saved as `.parquet` or `.nc`. Raises `StoreError`."""
    path = expand_home(path)
    return READ[require_suffix(path, READ, "read")](path)


def to_bytes(run: RunData, suffix: str) -> bytes:
    """Return the bytes that `save` would write."""
    file = io.BytesIO()
    FORMATS[suffix](run, file)
    return file.getvalue()


def require_suffix(path: str | Path, allowed: Collection[str] = (), action: str = "write") -> str:
    """Return the ending of a name. Raises `StoreError` for one that no known format (default: `FORMATS`) has."""
    suffix, allowed = Path(path).suffix.lower(), allowed or FORMATS
    if suffix not in allowed:
        raise StoreError(f"cannot {action} {path}: its name ends with {suffix!r}; known are {', '.join(allowed)}")
    return suffix


def frame(run: RunData, channels: Collection[str] = ()) -> pd.DataFrame:
    """Make a table of one row a step and member: the knobs that vary, then channels (default: all).

    A vector has a column an entry. A thin channel is empty between its steps, and every channel once its member has
    diverged.
    """
    recorded = store.table(run).to_pandas()
    names = [channel.name for channel in run.engine.channels if channel.name in recorded]
    chosen = [name for name in names if not channels or name in channels]
    return pd.concat([recorded.drop(columns=names), *(_flat(run, name, recorded[name]) for name in chosen)], axis=1)


def _flat(run: RunData, name: str, column: pd.Series) -> pd.DataFrame | pd.Series:
    shape = run[name].shape[2:]
    if not shape:
        return column
    size = int(pd.Series(shape).prod())
    rows = [[None] * size if value is None else list(value) for value in column]
    return pd.DataFrame(rows, columns=[f"{name}_{index}" for index in range(size)])


def csv(run: RunData, channels: Collection[str] = ()) -> str:
    """Write `frame` as text. It holds numbers alone: what repeats the run is in the other formats."""
    return frame(run, channels).to_csv(index=False)


def _write_csv(run: RunData, file: BinaryIO) -> None:
    file.write(csv(run).encode())


def _write_netcdf(run: RunData, file: BinaryIO) -> None:
    data = store.to_xarray(run).assign_attrs(dynascope=json.dumps(store.metadata(run)))
    file.write(bytes(data.to_netcdf(engine="h5netcdf")))


FORMATS: dict[str, Write] = {".parquet": store.write, ".nc": _write_netcdf, ".csv": _write_csv}
"""How to write each format, by the ending of a name."""


def _read_netcdf(path: Path) -> RunData:
    try:
        if not path.is_file():  # a pipe of that name would be waited for without end
            raise FileNotFoundError("there is no such file")
        with xarray.open_dataset(path, engine="h5netcdf") as data:
            store.require_memory(data.nbytes)
            return store.from_xarray(data, json.loads(data.attrs["dynascope"]))
    except (*store.DAMAGED, RuntimeError) as error:
        raise StoreError(f"{path} is not a readable run: {store.reason(error)}") from error


READ: dict[str, Callable[[Path], RunData]] = {".parquet": store.read, ".nc": _read_netcdf}
"""How to read the formats that hold a whole run."""
