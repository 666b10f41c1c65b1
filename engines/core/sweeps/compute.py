"""Computing one task: its members together, with checkpoints on the way, and the rows that are kept of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from engines.core import api
from engines.core.compute import device as devices
from engines.core.compute.checkpoints import Checkpoint
from engines.core.compute.simulation import Simulation
from engines.core.data.recording import Recording
from engines.core.files import store
from engines.core.files.atomic_file import writing
from engines.core.files.checkpoint_file import restore_checkpoint, write_checkpoint
from engines.core.protocol.engine import RunData
from engines.core.protocol.errors import ConfigError, StoreError
from engines.core.runs.run import Run
from engines.core.sweeps.measures import claims, measure
from engines.core.sweeps.plan import Point, Task

log = logging.getLogger(__name__)

PERIOD = 20.0
"""Seconds after which the next frame is followed by a checkpoint: a process that is killed loses little more."""


class Interrupted(Exception):
    """The computation was asked to stop; what it had is in its checkpoint."""


def compute_task(
    task: Task,
    partial: Path | None = None,
    device: str = "auto",
    interrupted: Callable[[], bool] = lambda: False,
    period: float = PERIOD,
) -> tuple[pd.DataFrame, Run | None]:
    """Compute a task: the rows of its members, and the run of those whose points are allowed.

    Where `partial` names a file (without its ending), a computation that was broken off goes on there. Points whose
    values contradict each other are rows with the reason in `refused`. Raises `Interrupted`, and what a run raises.
    """
    allowed, refused = _members(task)
    if not allowed:
        return pd.DataFrame(refused), None
    configs = [config for _, group in allowed for config in group]
    preset, place = task.plan.experiment.preset if task.plan.judged else None, devices.resolve(device)
    run = Run(task.plan.engine, configs, preset=preset, device=str(place))
    simulation = Simulation(run.engine, run.configs, place)
    keeper = _TaskFiles(run, simulation, partial, period)
    keeper.restore()

    def progress(step: int, steps: int) -> None:
        if interrupted():
            keeper.write()
            raise Interrupted
        keeper.write_when_due()

    api.advance(run, simulation, task.plan.experiment.steps, progress, recorded=keeper.note)
    api.run_preset_probes(run)
    return pd.concat([_rows(task, run, [point for point, _ in allowed]), pd.DataFrame(refused)]), run


def _members(task: Task) -> tuple[list[tuple[Point, list[Any]]], list[dict[str, Any]]]:
    """Return the points with their members, and the rows of those that the engine refuses."""
    allowed, refused = [], []
    for point in task.points:
        try:
            allowed.append((point, task.plan.configs(point)))
        except ConfigError as error:
            refused.append(point | {"case": 0, "refused": str(error)})
    return allowed, refused


def _rows(task: Task, run: Run, points: Sequence[Point]) -> pd.DataFrame:
    """Make one row a member: its place at its point, all its knobs, where it diverged, and the measures."""
    size = len(run.configs) // len(points)
    columns = {"case": [member % size for member in range(len(run.configs))]}
    columns |= {name: [getattr(config, name) for config in run.initial_configs] for name, _ in run.configs[0]}
    columns |= {"diverged_at": run.diverged_at.tolist()} | measure(run, task.plan.measures)
    return pd.DataFrame(columns | (claims(run, len(points)) if task.plan.judged else {}) | {"refused": ""})


class _TaskFiles:
    """Writes what a task has so far, and reads it: what was recorded since the last time, and the state.

    A task whose recording is long would otherwise write all of it again every `period` seconds.
    """

    def __init__(self, run: Run, simulation: Simulation, partial: Path | None, period: float) -> None:
        self._run, self._simulation, self._period, self._partial = run, simulation, period, partial
        self._state = partial.with_suffix(".safetensors") if partial else None
        self._written = time.monotonic()
        self._reached = simulation.checkpoint()
        """The state at the last step that is recorded."""
        self._last = -1
        """The last step that is in a file."""
        self._generation = 0

    def note(self, reached: Checkpoint) -> None:
        """Note the state at the step that was recorded last."""
        self._reached = reached

    def write_when_due(self) -> None:
        """Write if the last time was `period` seconds ago."""
        if time.monotonic() - self._written >= self._period:
            self.write()

    def _files(self) -> list[Path]:
        """List the files of what was recorded, in their order."""
        return sorted(self._partial.parent.glob(f"{self._partial.name}-*.parquet")) if self._partial else []

    def write(self) -> None:
        """Write what is new, then the state. A crash in between leaves a recording that is longer than needed."""
        if self._partial and self._state:
            if self._run.recording.generation != self._generation:  # rows that are in a file were taken back
                for file in self._files():
                    file.unlink(missing_ok=True)
                self._last, self._generation = -1, self._run.recording.generation
            fresh = RunData(self._run.engine, self._run.initial_configs, device=self._run.device)
            fresh.recording, fresh.diverged_at = self._run.recording.after(self._last), self._run.diverged_at
            if len(fresh):
                number = len(self._files())
                with writing(self._partial.with_name(f"{self._partial.name}-{number:06}.parquet")) as file:
                    store.write(fresh, file)
                self._last = int(fresh.steps[-1])
            write_checkpoint(self._reached, self._state)
        self._written = time.monotonic()

    def restore(self) -> None:
        """Bring run and simulation to where the files are; where these are damaged the task begins anew."""
        if not (self._state and self._state.exists()):
            return
        recording = Recording()
        try:
            for file in self._files():
                before = store.read(file)
                if before.initial_configs != self._run.initial_configs:
                    return
                recording.join(before.recording)
            restore_checkpoint(self._simulation, self._state)
        except StoreError as error:
            log.warning("a task begins anew, for its checkpoint cannot be used: %s", error)
            for file in self._files():
                file.unlink(missing_ok=True)
            return
        self._last = int(recording.dense.steps[-1]) if len(recording.dense) else -1
        self._run.recording, self._reached = recording.until(self._simulation.step), self._simulation.checkpoint()
        self._generation = self._run.recording.generation
