"""A run as a file of other programs: always everything recorded, never what a plot thins out."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import BinaryIO

import pandas as pd

from engines.core import store
from engines.core.errors import StoreError
from engines.core.run import Run

Write = Callable[[Run, BinaryIO], None]


def save(run: Run, path: str | Path) -> None:
    """Write a run in the format that the name ends with: `.parquet`, `.nc` or `.csv`. Raises `StoreError`."""
    write = FORMATS[require_suffix(path)]
    with store.writing(path) as file:
        write(run, file)


def content(run: Run, suffix: str) -> bytes:
    """What `save` would write."""
    file = io.BytesIO()
    FORMATS[suffix](run, file)
    return file.getvalue()


def require_suffix(path: str | Path) -> str:
    """The ending of a name. Raises `StoreError` for one that is no format."""
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise StoreError(f"cannot write {path}: its name ends with {suffix!r}; known are {', '.join(FORMATS)}")
    return suffix


def frame(run: Run, channels: Collection[str] = ()) -> pd.DataFrame:
    """One row a step and member: the knobs that vary, then channels (default: all); a vector has a column an entry.

    A thin channel is empty between its steps.
    """
    recorded = store.table(run).to_pandas()
    configs = [dict(config) for config in run.configs]
    varied = [name for name in configs[0] if any(config[name] != configs[0][name] for config in configs)]
    knobs = pd.DataFrame(configs)[varied].add_prefix("knob_").loc[recorded["member"]].reset_index(drop=True)
    names = [name for name in recorded.columns[2:] if not channels or name in channels]
    parts = [recorded[["step", "member"]], knobs, *(_flat(run, name, recorded[name]) for name in names)]
    return pd.concat(parts, axis=1)


def _flat(run: Run, name: str, column: pd.Series) -> pd.DataFrame | pd.Series:
    shape = run[name].shape[2:]
    if not shape:
        return column
    size = int(pd.Series(shape).prod())
    rows = [[None] * size if value is None else list(value) for value in column]
    return pd.DataFrame(rows, columns=[f"{name}_{index}" for index in range(size)])


def csv(run: Run, channels: Collection[str] = ()) -> str:
    """`frame` as text; a first line, after `#`, says as JSON what repeats the run."""
    about = json.dumps(store.metadata(run))
    return f"# {about}\n{frame(run, channels).to_csv(index=False)}"


def _write_csv(run: Run, file: BinaryIO) -> None:
    file.write(csv(run).encode())


def _write_netcdf(run: Run, file: BinaryIO) -> None:
    data = store.to_xarray(run).assign_attrs(dynascope=json.dumps(store.metadata(run)))
    file.write(bytes(data.to_netcdf(engine="h5netcdf")))


FORMATS: dict[str, Write] = {".parquet": store.write, ".nc": _write_netcdf, ".csv": _write_csv}
"""How to write each format, by the ending of a name."""
