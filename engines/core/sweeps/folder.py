"""The folder of a sweep: what it is, which tasks are done, and what came of them.

    sweep.json            the plan
    results/DIGEST.parquet  a row a member of each finished task
    runs/DIGEST.parquet     everything recorded, where that is kept
    partial/DIGEST.*        what is not finished yet: a run and the checkpoint it goes on from

Each file is there as a whole or not at all, and is written by whoever computed it; nothing else is remembered.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import xarray
from pyarrow.dataset import dataset

from engines.core import api
from engines.core.files import export, store
from engines.core.files.atomic_file import writing
from engines.core.library.query import ask
from engines.core.protocol.config import Config
from engines.core.protocol.declarations import Verdict
from engines.core.protocol.engine import Line, NamedSweep
from engines.core.protocol.errors import ConfigError, StoreError, engine_failures, quote
from engines.core.protocol.paths import require_file
from engines.core.runs.run import Run
from engines.core.sweeps.plan import Plan, Task


class Sweep:
    """A sweep on disk. Nothing is read before it is asked for."""

    def __init__(self, folder: str | Path) -> None:
        """Open the folder of a sweep. Raises `StoreError` where there is none."""
        self.folder = export.expand_home(folder)
        path = self.folder / "sweep.json"
        try:
            require_file(path)
            self.plan = Plan.from_json(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise StoreError(f"{self.folder} is not the folder of a sweep: {store.reason(error)}") from None

    @classmethod
    def create(cls, plan: Plan, folder: str | Path) -> Sweep:
        """Make the folder of a sweep, or open it. Raises `StoreError` where it holds another sweep."""
        place = export.expand_home(folder)
        path = place / "sweep.json"
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
        files = sorted((self.folder / "results").glob("*.parquet"))
        if not files:
            raise StoreError(f"no task of the sweep in {self.folder} is finished yet")
        try:
            for file in files:
                require_file(file)
            return pd.concat([pq.read_table(file, columns=columns).to_pandas() for file in files], ignore_index=True)
        except (OSError, pa.ArrowException) as error:
            raise StoreError(f"a result in {self.folder} cannot be read: {store.reason(error)}") from error

    def to_xarray(self, *measures: str) -> xarray.Dataset:
        """Make a dataset of measures (default: all) over the swept knobs, and `case` where a point has several members.

        What is not computed yet, or was refused, is NaN. Raises `StoreError`.
        """
        columns = [*self.plan.axes, "case", *measures] if measures else None
        rows = self.table(columns)
        others = {*self.plan.engine.Config.knobs(), "case", "refused"}
        keep = list(measures) or [name for name in rows if name not in others]
        places = list(self.plan.axes) + (["case"] if len(self.plan.group) > 1 or not self.plan.axes else [])
        values = {name: self.plan.axes[name] for name in self.plan.axes} | {"case": range(len(self.plan.group))}
        try:
            data = rows.set_index(places)[keep].to_xarray().reindex({name: list(values[name]) for name in places})
        except (KeyError, ValueError) as error:  # a column is not there, or a point is there twice
            raise StoreError(f"the results in {self.folder} are not those of its plan: {store.reason(error)}") from None
        return data.assign_attrs(engine=self.plan.engine.name, steps=self.plan.experiment.steps)

    @property
    def named(self) -> NamedSweep | None:
        """The named sweep that the engine offers; None for one of the reader's own, or that the engine has no more."""
        offered = {each.name: each for each in self.plan.engine.sweeps}
        return offered.get(self.plan.named)

    def map(self) -> xarray.DataArray:
        """Return what the map of a named sweep shows. Raises `ConfigError` for one of the reader's own."""
        named = self._require_named()
        with engine_failures(self.plan.engine.title):
            return named.value(self.to_xarray(), self._base).rename(named.label)

    def lines(self) -> list[Line]:
        """Compute theory's lines on the map of a named sweep."""
        named = self._require_named()
        with engine_failures(self.plan.engine.title):
            return named.lines(self.to_xarray(), self._base)

    def judge(self) -> list[Verdict]:
        """Judge what a named sweep claims; what is not computed yet leaves it open. Nothing for one of your own."""
        if self.named is None:
            return []
        with engine_failures(self.plan.engine.title):
            return self.named.judge(self.to_xarray(), self._base)

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
        return ask(sql, {"results": lambda: dataset(self.folder / "results", format="parquet")})


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
