"""Questions in SQL about a library: DuckDB over its index and its Parquet files, and over nothing else."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from pyarrow import dataset as arrow

from engines.core.library.index import Index
from engines.core.protocol.errors import StoreError
from engines.core.protocol.registry import load, names

TABLES = ("runs", "members")

OF_RUNS = (
    "engine", "preset", "name", "tags", "note", "stored", "steps", "frames", "members", "varied", "interrupted",
    "held", "claims", "size",
)  # fmt: skip
"""Columns of the table `runs`, after `run`, the id."""

SAID = ("device", "dtype", "package", "version")
"""Columns of the table `runs` that only the file itself says."""


def answer(index: Index, sql: str) -> pd.DataFrame:
    """Answer a question in SQL. Raises `StoreError` where it cannot be answered.

    The tables: `runs`, a row a run; `members`, a row a member with all knobs and the last value of each channel that is
    one number; and for each engine one of its name, a row a member and step, with `run`, all knobs and all channels.
    """
    return ask(sql, {name: partial(_table, index, name) for name in (*TABLES, *names())})


def ask(sql: str, tables: Mapping[str, Callable[[], Any]]) -> pd.DataFrame:
    """Answer a question about tables by name, of which those that are asked for are made, and nothing else is read.

    Raises `StoreError` where it cannot be answered.
    """
    import duckdb

    from engines.core.files.store import reason

    try:
        with duckdb.connect(config={"enable_external_access": False}) as connection:
            queried = {name.lower() for name in connection.get_table_names(sql)}
            for name in sorted(queried & tables.keys()):
                connection.register(name, tables[name]())
            return connection.execute(sql).df()
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        if isinstance(error, StoreError):
            raise
        hint = f"; the tables are {', '.join(tables)}" if "Table with name" in str(error) else ""
        raise StoreError(f"the query cannot be answered: {reason(error)}{hint}") from None


def members(index: Index, files: Sequence[str]) -> pd.DataFrame:
    """Make a row a member of the runs in some files: run, knobs, where it diverged and what it ended with."""
    stored = _stored(index, "broken = '' AND file IN (SELECT value FROM json_each(?))", [json.dumps(list(files))])
    return _all_members(stored)


def _all_members(stored: Sequence[tuple[dict[str, Any], dict[str, Any]]]) -> pd.DataFrame:
    tables = [_members(row, about["members"]) for row, about in stored]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame({"run": [], "member": []})


def _stored(index: Index, where: str, values: Sequence[str]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    with index.opened() as connection:
        query = f"SELECT * FROM runs JOIN descriptions ON run = id WHERE {where} ORDER BY stored, file"
        rows = connection.execute(query, values).fetchall()
    return [(dict(row), json.loads(zlib.decompress(row["about"]))) for row in rows]


def _table(index: Index, name: str) -> Any:
    stored = _stored(index, *(("broken = ''", []) if name in TABLES else ("broken = '' AND engine = ?", [name])))
    if name == "runs":
        return pd.DataFrame([_run(row, about) for row, about in stored], columns=["run", *OF_RUNS, *SAID])
    if name == "members":
        return _all_members(stored)
    return _recorded(index.folder, name, stored)


def _id(row: dict[str, Any]) -> str:
    return row["file"].removesuffix(".parquet")


def _run(row: dict[str, Any], about: dict[str, Any]) -> dict[str, Any]:
    lists = {name: json.loads(row[name]) for name in ("tags", "varied")}
    return {"run": _id(row)} | {name: row[name] for name in OF_RUNS} | lists | {name: about[name] for name in SAID}


def _members(row: dict[str, Any], members: dict[str, Any]) -> pd.DataFrame:
    """Make a row a member: the run, its knobs, where it diverged and what it ended with."""
    count = range(row["members"])
    knobs = members["shared"] | members["varied"]
    final = {name if name not in knobs else f"final_{name}": each for name, each in members["final"].items()}
    columns = {"run": _id(row), "member": count, "engine": row["engine"], "preset": row["preset"]}
    return pd.DataFrame(columns | knobs | {"diverged_at": members["diverged_at"]} | final, index=count)


def _recorded(folder: Path, name: str, stored: list[tuple[dict[str, Any], dict[str, Any]]]) -> arrow.Dataset:
    """Offer everything recorded with one engine: files are read as far as the question needs them.

    A knob that all members of a run share is no column of its file: it comes with the file, as the id of the run does.
    """
    from engines.core.files import store

    engine = load(name)
    kinds = {int: pa.int64(), float: pa.float64(), bool: pa.bool_(), str: pa.string()}
    fields: dict[str, pa.DataType] = {"run": pa.string(), "member": pa.int64(), "step": pa.int64()}
    labels = store.labels(engine)
    fields |= {labels[knob.name]: kinds[knob.type] for knob in engine.Config.knobs().values()}
    for channel in engine.channels:
        fields[channel.name] = (
            pa.list_(pa.float32() if channel.thin else pa.float64()) if channel.dims else pa.float64()
        )
    given = []
    for row, about in stored:
        members = about["members"]
        constant = {labels[knob]: members["shared"][knob] for knob in members["constant"]}
        given.append({"run": _id(row)} | constant)
    return arrow.FileSystemDataset.from_paths(
        [str(folder / row["file"]) for row, _ in stored],
        schema=pa.schema(fields),
        format=arrow.ParquetFileFormat(),
        filesystem=_local(),
        partitions=[_partition(values, fields) for values in given],
    )


def _partition(values: dict[str, Any], fields: dict[str, pa.DataType]) -> Any:
    matched: Any = True
    for name, value in values.items():
        same = arrow.field(name) == pa.scalar(value, fields[name])
        matched = same if matched is True else matched & same
    return matched


def _local() -> Any:
    from pyarrow.fs import LocalFileSystem

    return LocalFileSystem()
