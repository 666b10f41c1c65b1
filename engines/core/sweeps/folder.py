"""The folder of a sweep: what it is, which tasks are done, and what came of them.

    sweep.json            the plan
    results/DIGEST.parquet  a row a member of each finished task
    runs/DIGEST.parquet     everything recorded, where that is kept
    partial/DIGEST.*        what is not finished yet: a run and the checkpoint it goes on from

Each file is there as a whole or not at all, and is written by whoever computed it; nothing else is remembered.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import xarray
from pyarrow import dataset as arrow
from pyarrow.fs import LocalFileSystem

from engines.core import api
from engines.core.files import export, store
from engines.core.files.atomic_file import writing
from engines.core.library.query import ask
from engines.core.protocol.config import Config
from engines.core.protocol.declarations import Line, NamedSweep, Verdict
from engines.core.protocol.errors import ConfigError, StoreError, engine_failures, quote
from engines.core.protocol.paths import require_file
from engines.core.runs.run import Run
from engines.core.sweeps import lazy
from engines.core.sweeps.plan import Plan, Task

PLAN = "sweep.json"
"""The file by which the folder of a sweep is known."""


class Sweep:
    """A sweep on disk. Nothing is read before it is asked for."""

    def __init__(self, folder: str | Path) -> None:
        """Open the folder of a sweep. Raises `StoreError` where there is none."""
        self.folder = export.expand_home(folder)
        path = self.folder / PLAN
        try:
            require_file(path)
            self.plan = Plan.from_json(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise StoreError(f"{self.folder} is not the folder of a sweep: {store.reason(error)}") from None

    @classmethod
    def create(cls, plan: Plan, folder: str | Path) -> Sweep:
        """Make the folder of a sweep, or open it. Raises `StoreError` where it holds another sweep."""
        place = export.expand_home(folder)
        path = place / PLAN
        if not path.exists():
            with writing(path) as file:
                file.write(plan.to_json().encode())
        sweep = cls(place)
        differences = list(_paths(sweep.plan.record, plan.record))
        if differences:
            raise StoreError(f"{place} holds another sweep, which differs in {differences[0]}: name another folder")
        return sweep

    def path(self, kind: str, task: Task) -> Path:
        """Return the file of a task in `results`, `runs` or `partial`, the last without its ending."""
        return self.folder / kind / (task.digest if kind == "partial" else f"{task.digest}.parquet")

    def done(self) -> set[str]:
        """Find the digests of the tasks that are finished."""
        return {path.stem for path in (self.folder / "results").glob("*.parquet")}

    def keep(self, task: Task, rows: bytes, run: bytes | None) -> None:
        """Write what came of a task: the run first, so that a task that counts as finished has it."""
        for kind, data in (("runs", run), ("results", rows)):
            if data is not None:
                with writing(self.path(kind, task)) as file:
                    file.write(data)
        for leftover in (self.folder / "partial").glob(f"{task.digest}*"):
            leftover.unlink(missing_ok=True)

    def table(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Read the rows of all finished tasks, a row a member: its knobs and measures. Raises `StoreError`."""
        rows = self.rows(columns)
        if rows.empty:
            raise StoreError(f"no task of the sweep in {self.folder} is finished yet")
        return rows

    def rows(
        self, columns: Sequence[str] | None = None, wanted: Mapping[str, Sequence[Any]] | None = None
    ) -> pd.DataFrame:
        """Read columns of the finished tasks, of members with `wanted` values alone. Raises `StoreError`."""
        with self._reading():
            return self._dataset().to_table(columns=columns, filter=_any_of(self.grid, wanted or {})).to_pandas()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (OSError, pa.ArrowException) as error:
            raise StoreError(f"a result in {self.folder} cannot be read: {store.reason(error)}") from error

    def _dataset(self) -> arrow.FileSystemDataset:
        """Offer the results as one table. A task of which each point was refused has knobs and the reason alone."""
        kinds = {int: pa.int64(), float: pa.float64(), bool: pa.bool_(), str: pa.string()}
        fields: dict[str, pa.DataType] = {"case": pa.int64()}
        fields |= {knob.name: kinds[knob.type] for knob in self.plan.engine.Config.knobs().values()}
        fields |= {"diverged_at": pa.int64()} | {measure.text: pa.float64() for measure in self.plan.measures}
        fields |= {name: pa.bool_() for name in self._claims()} | {"refused": pa.string()}
        for path in self._results():
            require_file(path)
        paths = [str(path) for path in self._results()]
        return arrow.FileSystemDataset.from_paths(
            paths, schema=pa.schema(fields), format=arrow.ParquetFileFormat(), filesystem=LocalFileSystem()
        )

    def _results(self) -> list[Path]:
        return sorted((self.folder / "results").glob("*.parquet"))

    def _claims(self) -> list[str]:
        """List the columns of claims, of which only the results themselves know how many there are."""
        names = (name for path in self._results() for name in pq.read_schema(path).names) if self.plan.judged else ()
        return sorted({name for name in names if name.startswith("claim_")})

    @cached_property
    def grid(self) -> dict[str, Sequence[Any]]:
        """The values of each axis; `case` is one where a point has several members, or nothing is swept."""
        cases = len(self.plan.group)
        return dict(self.plan.axes) | ({"case": range(cases)} if cases > 1 or not self.plan.axes else {})

    def measured(self) -> list[str]:
        """List what is known of each member: measures, where it diverged (-1: nowhere), claims (1 holds, 0 fails)."""
        with self._reading():
            return [*(measure.text for measure in self.plan.measures), "diverged_at", *self._claims()]

    def to_xarray(self, *measures: str) -> xarray.Dataset:
        """Make a dataset of measures (default: all) over the swept knobs, and `case` where a point has several members.

        Its numbers are read when they are used, of a part only the files that may hold it; every knob is a coordinate.
        What is not computed yet, or was refused, is NaN. Raises `UnknownName`; `StoreError` where a file is damaged.
        """
        return xarray.open_dataset(self.folder, engine=lazy.Backend, names=measures, sweep=self)

    def __getitem__(self, measure: str) -> xarray.DataArray:
        """Return one measure over the swept knobs, as `to_xarray` does."""
        return self.to_xarray(measure)[measure]

    def read(self) -> xarray.Dataset:
        """Read all of `to_xarray` at once: the files are opened one time, not one time a measure."""
        known, named = lazy.dataset(self), self.measured()
        arrays = self.arrays(named, self.grid)
        return known.assign({name: (list(self.grid), values) for name, values in arrays.items()})

    def arrays(self, names: Sequence[str], wanted: Mapping[str, Sequence[Any]]) -> dict[str, np.ndarray]:
        """Read measures at some values of the axes, `[*axes]` each; NaN where there is none. Raises `StoreError`."""
        rows = self.rows([*wanted, *names], wanted)
        try:
            return lazy.fill(rows, names, wanted)
        except ValueError as error:
            raise StoreError(f"the results in {self.folder} are not those of its plan: {error}") from None

    @property
    def named(self) -> NamedSweep | None:
        """The named sweep that the engine offers; None for one of the reader's own, or that the engine has no more."""
        offered = {each.name: each for each in self.plan.engine.sweeps}
        return offered.get(self.plan.named)

    def map(self) -> xarray.DataArray:
        """Return what the map of a named sweep shows. Raises `ConfigError` for one of the reader's own."""
        named = self._require_named()
        with engine_failures(self.plan.engine.title):
            return named.value(self.read(), self._base).rename(named.label)

    def lines(self) -> list[Line]:
        """Compute theory's lines on the map of a named sweep."""
        named = self._require_named()
        with engine_failures(self.plan.engine.title):
            return named.lines(self.read(), self._base)

    def judge(self) -> list[Verdict]:
        """Judge what a named sweep claims; what is not computed yet leaves it open. Nothing for one of your own."""
        if self.named is None:
            return []
        with engine_failures(self.plan.engine.title):
            return self.named.judge(self.read(), self._base)

    def _require_named(self) -> NamedSweep:
        if self.named is None:
            raise ConfigError("this sweep has no name, under which an engine says what its map shows")
        return self.named

    @property
    def _base(self) -> Config:
        return self.plan.group[0]

    def run(self, **point: Any) -> Run:
        """Return the run of a point; where runs are not kept, it is computed once more.

        Raises `ConfigError` for what is no point of the sweep, or one whose values contradict each other.
        """
        task = next((task for task in self.plan.tasks() if point in task.points), None)
        if task is None:
            raise ConfigError(f"the sweep has no point {quote(point)}")
        path = self.path("runs", task)
        if not path.exists():
            experiment = self.plan.experiment.override(point)
            return api.simulate(api.new_run(experiment), experiment.steps)
        stored, configs = Run.from_data(store.read(path)), self.plan.configs(point)
        return stored.select([stored.initial_configs.index(config) for config in configs])

    def query(self, sql: str) -> pd.DataFrame:
        """Answer a question in SQL about the table `results`, a row a member. Raises `StoreError`."""
        return ask(sql, {"results": self._dataset})


def open(path: str | Path) -> Run | Sweep:
    """Read a run that was saved as `.parquet` or `.nc`, or open the folder of a sweep. Raises `StoreError`.

    A run can be scrubbed, probed, judged, saved and resumed like one that was just computed; of a sweep nothing is
    read before it is used.
    """
    if isinstance(path, (str, Path)) and (export.expand_home(path) / PLAN).is_file():
        return Sweep(path)
    return api.open(path)


def _any_of(axes: Mapping[str, Sequence[Any]], wanted: Mapping[str, Sequence[Any]]) -> arrow.Expression | None:
    """Ask for rows with some values of the axes. Least and largest are what a file is known by without its numbers."""
    asked: arrow.Expression | None = None
    for name, values in wanted.items():
        if len(values) == len(axes[name]):
            continue
        one = arrow.field(name).isin(list(values))
        if len(values) and not isinstance(values[0], (bool, str)):
            one = (arrow.field(name) >= min(values)) & (arrow.field(name) <= max(values)) & one
        asked = one if asked is None else asked & one
    return asked


def rows_to_bytes(rows: pd.DataFrame) -> bytes:
    """Return the bytes of a result."""
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(rows, preserve_index=False), file)
    return file.getvalue()


def _paths(a: Any, b: Any, path: str = "") -> Iterator[str]:
    """Yield where two JSON values differ."""
    if isinstance(a, dict) and isinstance(b, dict):
        for name in dict.fromkeys([*a, *b]):
            yield from _paths(a.get(name), b.get(name), f"{path}.{name}".strip("."))
    elif a != b:
        yield path
