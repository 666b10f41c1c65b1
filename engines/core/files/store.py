"""The only module that knows the format on disk: one self-describing Parquet file a run."""

from __future__ import annotations

import json
import logging
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
import xarray

from engines.core.compute import device as devices
from engines.core.data.plain_json import to_plain_types
from engines.core.data.recording import Frame, Series
from engines.core.files.atomic_file import writing
from engines.core.files.packing import pack, unpack
from engines.core.protocol import registry
from engines.core.protocol.config import Config
from engines.core.protocol.declarations import Channel
from engines.core.protocol.edits import apply_edits, check_edits
from engines.core.protocol.engine import Engine, RunData
from engines.core.protocol.errors import DynascopeError, EngineFailure, StoreError, quote
from engines.core.protocol.paths import require_file
from engines.core.protocol.registry import load

log = logging.getLogger(__name__)

FORMAT = 1
"""The version of the description. What is new in one may be missing in a file; what changes its meaning raises it."""


def to_xarray(run: RunData) -> xarray.Dataset:
    """Make a dataset with dims `member`, `step` (`thin_step` for thin channels) and each channel's own.

    Knobs are coordinates. Every dim has its places as a coordinate, so that datasets of other sizes can be
    concatenated.
    """
    knobs = {
        new: ("member", [getattr(config, name) for config in run.configs]) for name, new in labels(run.engine).items()
    }
    coords: dict[str, Any] = {"step": run.steps, "member": range(len(run.configs)), **knobs}
    for channel in run.engine.channels:
        if _recorded(run, channel):
            coords |= {dim: range(size) for dim, size in zip(channel.dims, run[channel.name].shape[2:], strict=True)}
    if len(run.recording.thin):
        coords["thin_step"] = run.recording.thin.steps
    coords["diverged_at"] = ("member", run.diverged_at)
    data = {channel.name: _variable(run, channel) for channel in run.engine.channels if _recorded(run, channel)}
    return xarray.Dataset(data, coords, {"engine": run.engine.name, "device": run.device})


def labels(engine: Engine) -> dict[str, str]:
    """Name each knob for every export: its own name, and `knob_<name>` where a channel has that one."""
    taken = {"member", "step", "thin_step", "diverged_at"}
    taken |= {name for channel in engine.channels for name in (channel.name, *channel.dims)}
    return {name: f"knob_{name}" if name in taken else name for name in engine.Config.knobs()}


def varied_columns(run: RunData) -> dict[str, np.ndarray]:
    """Collect the knobs in which members differ or that were turned on the way, by label, at each step `[T, B]`."""
    columns = {}
    for name, label in labels(run.engine).items():
        events = [event for event in run.recording.events if event.knob == name]
        values = [getattr(config, name) for config in run.initial_configs]
        if events or any(value != values[0] for value in values):
            kind = object if isinstance(values[0], str) else None  # an array of text would cut longer words off
            columns[label] = np.tile(np.array(values, dtype=kind), (len(run.steps), 1))
            for event in events:
                columns[label][np.ix_(np.flatnonzero(run.steps >= event.step), np.array(event.members))] = event.value
    return columns


def from_xarray(data: xarray.Dataset, about: dict[str, Any]) -> RunData:
    """Restore the run of which a dataset was made, from it and its `metadata`. Raises an error of `DAMAGED`."""
    steps, members = data["step"].values, _members(about)
    if not len(steps) or (np.diff(steps) <= 0).any() or list(data["member"].values) != list(range(members)):
        raise StoreError("its steps do not increase, or its members are not in their order")
    columns: dict[str, Any] = {"member": np.tile(np.arange(members), len(steps)), "step": np.repeat(steps, members)}
    for name in about["shapes"]:
        values = data[name].values.swapaxes(0, 1)
        rows = np.searchsorted(steps, data["thin_step"].values) if "thin_step" in data[name].dims else range(len(steps))
        column: list[Any] = [None] * (len(steps) * members)
        for row, value in zip(rows, values.reshape(*values.shape[:2], -1).tolist(), strict=True):
            column[row * members : (row + 1) * members] = value if values.ndim > 2 else [one for (one,) in value]
        columns[name] = column
    return _restored(pa.table(columns), about)


def _recorded(run: RunData, channel: Channel) -> bool:
    return channel.name in run.recording.series(channel.name).names


def _variable(run: RunData, channel: Channel) -> Any:
    time = "thin_step" if channel.thin else "step"
    values = np.moveaxis(run[channel.name], 0, 1)
    return ("member", time, *channel.dims), values, {"doc": channel.doc, "unit": channel.unit}


def write(run: RunData, file: BinaryIO) -> None:
    """Write `run` as Parquet, for `read`."""
    pq.write_table(table(run), file)


def table(run: RunData) -> pa.Table:
    """Make a table of one row a member and observed step: the knobs that vary, then channels.

    Thin channels are null between their steps.
    """
    count, members = len(run.steps), len(run.configs)
    columns: dict[str, Any] = {
        "member": np.tile(np.arange(members), count),
        "step": np.repeat(run.steps, members),
    }
    columns |= {label: values.ravel() for label, values in varied_columns(run).items()}
    for channel in run.engine.channels:
        if _recorded(run, channel):
            columns[channel.name] = _column(run, channel)
    return pa.table(columns).replace_schema_metadata({"dynascope": json.dumps(metadata(run))})


def _column(run: RunData, channel: Channel) -> pa.Array:
    series = run.recording.series(channel.name)
    values = series[channel.name].reshape(-1, *series[channel.name].shape[2:])
    column = _lists(values.reshape(len(values), -1)) if channel.dims else pa.array(values)
    return column.take(_places(run, series)) if channel.thin else column


def _lists(values: np.ndarray) -> pa.Array:
    """Make a column of one list a row of `[rows, n]`; Python's own lists would hold up every other thread meanwhile."""
    rows, size = values.shape
    return pa.ListArray.from_arrays(pa.array(np.arange(rows + 1) * size, pa.int32()), pa.array(values.ravel()))


def _places(run: RunData, series: Series) -> pa.Array:
    """Return the row of a thin series that belongs to each row of the table; null where there is none."""
    members = len(run.configs)
    rows = np.searchsorted(run.steps, series.steps)[:, None] * members + np.arange(members)
    places = np.full(len(run.steps) * members, -1)
    places[rows.ravel()] = np.arange(rows.size)
    return pa.array(places, mask=places < 0)


def metadata(run: RunData) -> dict[str, Any]:
    """Collect all that repeats the run and explains its data, as a JSON object."""
    shapes = {c.name: run[c.name].shape[2:] for c in run.engine.channels if _recorded(run, c)}
    return {
        "format": FORMAT,
        "engine": run.engine.name,
        **registry.origin(run.engine.name),
        "preset": run.preset.name if run.preset else None,
        "configs": [dict(config) for config in run.configs],
        "openings": [dict(config) for config in run.initial_configs],
        "diverged_at": run.diverged_at.tolist(),
        "events": [vars(event) for event in run.recording.events],
        "shapes": shapes,
        "device": run.device,
        "dtype": str(devices.widest_real(torch.device(run.device))).removeprefix("torch."),
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
        "final": final_values(run),
        "verdicts": _verdicts(run),
        "probe_results": pack(run.probe_results),
    } | {key: getattr(run, key) for key in ("interrupted", *READERS_OWN) if getattr(run, key)}


READERS_OWN = ("name", "tags", "note", "stored")
"""Attributes of a run that a reader gave it, and the time when it was stored."""


def final_values(run: RunData) -> dict[str, list[float | None]]:
    """Collect the last value of each channel that is one number a step, for all members; None where they diverged."""
    channels = [channel.name for channel in run.engine.channels if not channel.dims and _recorded(run, channel)]
    return {name: to_plain_types(run[name][-1]) for name in channels if len(run)}


def _verdicts(run: RunData) -> list[Any]:
    try:
        return to_plain_types(run.verdicts)
    except EngineFailure as error:  # what was computed is stored whatever becomes of its claims
        log.warning("a run is stored without its claims: %s", error)
        return []


def redescribe(path: str | Path, change: Mapping[str, Any]) -> None:
    """Change what a file says of its run, nothing that is recorded, as a whole or not at all. Raises `StoreError`."""
    with _reading(path) as file:
        about = json.loads((file.schema_arrow.metadata or {})[b"dynascope"]) | change
        recorded = file.read().replace_schema_metadata({"dynascope": json.dumps(about)})
    with writing(path) as file:
        pq.write_table(recorded, file)


DAMAGED = (
    DynascopeError, OSError, pa.ArrowException, LookupError, TypeError, ValueError, AttributeError, ArithmeticError,
    RecursionError,
)  # fmt: skip
"""Errors that readers raise for a file that is not what it says."""


@contextmanager
def _reading(path: str | Path) -> Iterator[pq.ParquetFile]:
    """Open the file. Raises `StoreError` with the reason where it, or what is done with it, turns out to be damaged."""
    try:
        require_file(path)
        with pq.ParquetFile(path) as file:
            yield file
    except DAMAGED as error:
        raise StoreError(f"{path} is not a readable run: {reason(error)}") from error


def reason(error: BaseException) -> str:
    """Say in a few words why a file cannot be read."""
    if isinstance(error, RecursionError):
        return "its description is nested too deeply"
    if type(error) is KeyError:
        return f"it lacks {str(error)[:200]}"
    return " ".join(str(error).split())[:300]


def read_description(path: str | Path) -> dict[str, Any]:
    """Read what a file says of its run, its number of `rows` and its `last` step; no recorded number is read.

    Raises `StoreError`.
    """
    with _reading(path) as file:
        return _description(file)


def _description(file: pq.ParquetFile) -> dict[str, Any]:
    """Read the description of a run, which agrees with the columns and rows that are there; nothing else is read."""
    about = json.loads((file.schema_arrow.metadata or {})[b"dynascope"])
    members = _members(about)
    missing = {"member", "step", *about["shapes"]} - set(file.schema_arrow.names)
    if missing:
        raise StoreError(f"it lacks the columns {', '.join(sorted(missing))}")
    if not (members and file.metadata.num_rows) or file.metadata.num_rows % members:
        raise StoreError(f"it has {file.metadata.num_rows} rows of {members} members")
    return about | {"rows": file.metadata.num_rows // members, "last": _last_step(file.metadata)}


def _last_step(metadata: pq.FileMetaData) -> int:
    """Read the last step from the statistics of a file; 0 where it has none."""
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    columns = [group.column(index) for group in groups for index in range(group.num_columns)]
    statistics = [column.statistics for column in columns if column.path_in_schema == "step"]
    return max((int(each.max) for each in statistics if each and each.has_min_max), default=0)


def _members(about: Mapping[str, Any]) -> int:
    """Count the members that a description is about, in a format that is known. Raises `StoreError`."""
    require_format(about["format"], FORMAT)
    members = len(about["openings"])
    for name in ("configs", "diverged_at"):
        if len(about[name]) != members:
            raise StoreError(f"it has {members} initial configurations and {len(about[name])} {name}")
    return members


def require_format(version: Any, newest: int) -> None:
    """Raise `StoreError` for a format that this version does not read, and say whether it is a later one's."""
    if type(version) is int and version > newest:
        raise StoreError(f"it was written by a newer version of Dynascope (format {version}; this one reads {newest})")
    if version != newest or type(version) is not int:
        raise StoreError(f"its format is {version!r:.40}; this version reads {newest}")


def _check_order(table: pa.Table, members: int) -> None:
    """Raise `StoreError` where rows do not stand step by step, with all members at each."""
    member, step = (table[name].to_numpy().reshape(-1, members) for name in ("member", "step"))
    if (member != np.arange(members)).any():
        raise StoreError("its rows do not go through the members in their order")
    if (step != step[:, :1]).any() or step[0, 0] < 0 or (np.diff(step[:, 0]) <= 0).any():
        raise StoreError("its steps do not increase")


def read(path: str | Path) -> RunData:
    """Read a file written by `save`. Raises `StoreError` where it is missing, damaged or of another kind."""
    with _reading(path) as file:
        about = _description(file)
        groups = [file.metadata.row_group(index) for index in range(file.metadata.num_row_groups)]
        numbers = sum(group.column(index).num_values for group in groups for index in range(group.num_columns))
        require_memory(numbers * np.float64().nbytes)
        _check_order(file.read(["member", "step"]), len(about["openings"]))
        return _restored(file.read(), about)


def require_memory(nbytes: int) -> None:
    """Raise `StoreError` where what a file unpacks to is more than a simulation may take."""
    limit = devices.memory(torch.device("cpu"))
    if nbytes > limit:
        raise StoreError(f"it unpacks to {nbytes} bytes; the limit on this machine is {limit}")


def run_from_description(about: Mapping[str, Any]) -> RunData:
    """Make the run that a description is of, without what was recorded. Raises an error of `DAMAGED`."""
    absent = registry.missing(about["engine"], str(about.get("package", "")), str(about.get("version", "")))
    if absent:
        raise StoreError(absent)
    engine = load(about["engine"])
    names = [preset.name for preset in engine.presets]
    preset = engine.preset(about["preset"]) if about["preset"] in names else None
    initial = _configs(engine, about["openings"])
    engine = engine.for_configs(initial)
    run = RunData(engine, initial, preset=preset, device=str(about["device"]))
    run.configs = _configs(engine, about["configs"])
    run.interrupted = about.get("interrupted") is True
    run.name, run.note, run.stored = (str(about.get(key, "")) for key in ("name", "note", "stored"))
    run.tags = tuple(map(str, about.get("tags", ())))
    run.probe_results = unpack(about.get("probe_results", ()), len(run.configs))
    run.diverged_at = np.array([_diverged(at) for at in about["diverged_at"]])
    run.recording.events = list(check_edits(engine, about["events"], run.initial_configs))
    if run.configs != apply_edits(run.initial_configs, run.recording.events):
        raise StoreError("its configurations are not what its live edits make of the initial ones")
    dense = [channel.name for channel in engine.channels if not channel.thin]
    if not set(dense) & set(about["shapes"]):
        raise StoreError(f"it lacks the channel {dense[0]}")
    lengths: dict[str, int] = {}
    for channel in engine.channels:
        _check_shape(channel, about["shapes"])
        for dim, size in zip(channel.dims, about["shapes"].get(channel.name, channel.dims), strict=True):
            if type(size) is int and lengths.setdefault(dim, size) != size:
                raise StoreError(f"{dim} has {lengths[dim]} places in one channel and {size} in {channel.name}")
    return run


def _check_shape(channel: Channel, shapes: Mapping[str, Any]) -> None:
    """Raise `StoreError` where a channel has not its own dimensions; one that is newer than the file is missing."""
    if channel.name in shapes:
        shape = shapes[channel.name]
        if len(shape) != len(channel.dims) or not all(type(size) is int and size >= 0 for size in shape):
            dims = len(channel.dims)
            raise StoreError(f"the channel {channel.name} has the shape {quote(shape)}, and not {dims} dimensions")


def _restored(table: pa.Table, about: dict[str, Any]) -> RunData:
    run = run_from_description(about)
    dense = [channel for channel in run.engine.channels if not channel.thin]
    gaps = [c.name for c in dense if c.name in about["shapes"] and table[c.name].null_count]
    if gaps:
        raise StoreError(f"there are gaps in the channels {', '.join(gaps)}")
    newer = {c.name: np.full((len(run.configs), *_lengths(c, run.engine, about["shapes"])), np.nan)
             for c in dense if c.name not in about["shapes"]}  # fmt: skip
    for frame in _frames(table, about["shapes"], len(run.configs)):
        run.recording.append(frame._replace(values={**frame.values, **newer}), run.thin)
    last, events = int(run.steps[-1]), run.recording.events
    if (latest := max([0, *run.diverged_at.tolist(), *(event.step for event in events)])) > last:
        raise StoreError(f"it says what happened at step {latest}, and ends at {last}")
    return run


def _lengths(channel: Channel, engine: Engine, shapes: Mapping[str, Sequence[int]]) -> list[int]:
    """List the lengths of a channel that a file does not hold: those that others of its dimensions have there, or 1."""
    sizes = {d: n for c in engine.channels for d, n in zip(c.dims, shapes.get(c.name, ()), strict=False)}
    return [sizes.get(dim, 1) for dim in channel.dims]


def _diverged(at: Any) -> int:
    if type(at) is not int or not -1 <= at < 2**63:
        raise StoreError(f"a member diverged at {quote(at)}, which is no step")
    return at


def _configs(engine: Engine, records: list[dict[str, Any]]) -> list[Config]:
    return [engine.Config.from_json(json.dumps(record)) for record in records]


def _frames(table: pa.Table, shapes: dict[str, list[int]], members: int) -> Iterator[Frame]:
    columns = {name: table[name].to_pylist() for name in shapes}
    steps = table["step"].to_numpy()[::members]
    for row, step in enumerate(steps):
        block = {name: column[row * members : (row + 1) * members] for name, column in columns.items()}
        values = {
            n: np.array(v, dtype=float).reshape(members, *shapes[n]) for n, v in block.items() if v[0] is not None
        }
        yield Frame(int(step), values)
