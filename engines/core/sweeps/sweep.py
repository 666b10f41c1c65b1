"""Running a sweep: on this machine's processes, or on a Dask cluster."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from engines.core.compute import device as devices
from engines.core.library.index import Progress
from engines.core.protocol.engine import Engine
from engines.core.protocol.errors import ConfigError, EngineFailure, StoreError
from engines.core.protocol.registry import PLUGINS, load
from engines.core.runs.experiment import seeded
from engines.core.sweeps import worker
from engines.core.sweeps.folder import Sweep
from engines.core.sweeps.plan import Plan, Task
from engines.core.sweeps.worker import Reply

AHEAD = 4
"""Tasks a process that are handed out at once: a million need not wait in a queue."""


def sweep(
    name: str, preset: str | None = None, set: Mapping[str, Any] | None = None, seeds: Sequence[int] | None = None,
    steps: int | None = None, *, out: str | Path, named: str = "", small: bool = False, measures: Sequence[str] = (),
    judged: bool = False, keep_runs: bool = False, resume: bool = False, shard: tuple[int, int] = (1, 1),
    workers: int | None = None, scheduler: str = "", device: str = "auto", progress: Progress | None = None,
) -> Sweep:  # fmt: skip
    """Compute an engine at every combination of knob values, and keep what is asked for of each member.

    Parameters
    ----------
    name : the engine
    preset : one of its presets, the starting point of `set`; its members are computed at every point
    set : knob values; a list is an axis of the sweep
    seeds : an axis of the knob `seed`
    steps : how far; default: the preset's
    out : the folder of the sweep
    named : a sweep that the engine offers; `set`, `seeds`, `steps` and `measures` replace what it says
    small : its small version, of a few seconds
    measures : numbers kept of each member, such as `first_below(loss, 1e-6)`; default: the last value of every channel
    judged : judge the claims of the preset at every point
    keep_runs : keep everything recorded, too
    resume : go on in a folder in which some tasks are finished
    shard : `(i, N)`: compute every N-th task only, from the i-th on; shards may share a folder
    workers : processes on this machine; default: one a core
    scheduler : the address of a Dask scheduler, whose workers compute instead
    device : what computes; of several GPUs each process takes one, on this machine and on a cluster
    progress : called with the points that are done and how many there are

    Raises
    ------
    ConfigError, UnknownName : a name or value that does not exist or is out of bounds, before anything is computed
    StoreError : the folder holds another sweep, or cannot be written
    EngineFailure : some tasks failed; the others are finished, and `resume` tries these again
    """
    plan = _plan(load(name), named, small, preset, set, seeds, steps, measures, judged, keep_runs)
    return compute_plan(plan, out, resume, shard, workers, scheduler, device, progress)


def go_on(folder: str | Path, **how: Any) -> Sweep:
    """Go on with the sweep that a folder holds; `how` it is computed is as in `sweep`. Raises as that does."""
    return compute_plan(Sweep(folder).plan, folder, True, **how)


def compute_plan(
    plan: Plan,
    out: str | Path,
    resume: bool = False,
    shard: tuple[int, int] = (1, 1),
    workers: int | None = None,
    scheduler: str = "",
    device: str = "auto",
    progress: Progress | None = None,
) -> Sweep:
    """Compute what a plan says into a folder. Raises as `sweep` does."""
    if not scheduler:  # workers elsewhere have devices of their own
        devices.resolve(device)
    number, shards = shard
    if not 1 <= number <= shards:
        raise ConfigError(f"shard={number}/{shards}: the first is 1/{shards}, the last {shards}/{shards}")
    if workers is not None and not 1 <= workers <= 1024:
        raise ConfigError(f"workers={workers} is outside its bounds [1, 1024]")
    result = Sweep.create(plan, out)
    tasks = [task for place, task in enumerate(plan.tasks()) if place % shards == number - 1]
    done = result.done()
    missing = [task for task in tasks if task.digest not in done]
    if len(missing) < len(tasks) and not resume:
        finished = len(tasks) - len(missing)
        raise StoreError(f"{finished} of {len(tasks)} tasks of this sweep are in {out} already: resume it to go on")
    if scheduler:
        replies = _on_cluster(result, missing, scheduler, device)
    else:
        replies = _on_processes(result, missing, min(workers or _cores(), len(missing)), device)
    total = sum(len(task.points) for task in tasks)
    count = total - sum(len(task.points) for task in missing)
    failures = []
    for task, reply in replies:
        if reply.rows is not None:
            result.keep(task, reply.rows, reply.run)
        if reply.failure:
            failures.append(reply.failure)
        count += len(task.points)
        if progress:
            progress(count, total)
    if failures:
        raise EngineFailure(f"{len(failures)} of {len(tasks)} tasks failed; the first: {failures[0]}")
    return result


def _plan(
    engine: Engine, named: str, small: bool, preset: str | None, set: Mapping[str, Any] | None, seeds: Any,
    steps: int | None, measures: Sequence[str], judged: bool, keeps_runs: bool,
) -> Plan:  # fmt: skip
    if not named:
        if small:
            raise ConfigError("small is a version of a sweep that the engine offers: name one")
        return Plan.make(engine, preset, set, seeds, steps, measures, judged, keeps_runs)
    if preset or judged:
        raise ConfigError(f"the sweep {named} starts from no preset, and has claims of its own")
    own = dict(set or {}) | seeded(set or {}, seeds)
    return Plan.from_name(engine, named, small, own, steps=steps, measures=tuple(measures), keeps_runs=keeps_runs)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _on_processes(result: Sweep, tasks: Sequence[Task], workers: int, device: str) -> Iterator[tuple[Task, Reply]]:
    """Compute tasks in processes of this machine. An interrupt has them write checkpoints and end."""
    if not tasks:
        return
    spawn = multiprocessing.get_context("spawn")
    stop = spawn.Event()
    pool = ProcessPoolExecutor(workers, spawn, worker.prepare_process, (list(PLUGINS.__path__), stop))
    waiting = iter(tasks)
    running: dict[Future[Reply], Task] = {}

    def submit(some: Iterable[Task]) -> None:
        with _interrupts_ignored():  # processes begin here, and begin with what their parent ignores
            for task in some:
                running[pool.submit(worker.work, task.to_json(), str(result.folder), device)] = task

    try:
        submit(islice(waiting, AHEAD * workers))
        while running:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                yield running.pop(future), future.result()
                submit(islice(waiting, 1))
    except BrokenProcessPool:
        raise EngineFailure(
            "a process that computed was killed, perhaps for want of memory; resume goes on from what is finished"
        ) from None
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Ignore an interrupt for a moment: a terminal sends it to all processes, and the caller says when they stop."""
    if threading.current_thread() is not threading.main_thread():  # only the main thread is interrupted
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _on_cluster(result: Sweep, tasks: Sequence[Task], scheduler: str, device: str) -> Iterator[tuple[Task, Reply]]:
    """Compute tasks on the workers of a Dask scheduler, which tries a task again where its worker is lost."""
    try:
        from distributed import Client, as_completed
    except ImportError:
        raise ConfigError("scheduler: Dask is not installed here (pip install 'dynascope[cluster]')") from None
    try:
        client = Client(scheduler, timeout="10s", set_as_default=False)
    except (OSError, ValueError) as error:
        raise ConfigError(f"scheduler={scheduler!r} cannot be reached: {error}") from None
    waiting = iter(tasks)
    running: dict[str, Task] = {}

    def submit(some: Iterable[Task]) -> list[Any]:
        futures = []
        for task in some:
            arguments = (task.to_json(), str(result.folder.resolve()), device, list(PLUGINS.__path__))
            futures.append(
                client.submit(worker.work_on_cluster, *arguments, key=f"dynascope-{task.digest}", pure=False)
            )
            running[futures[-1].key] = task
        return futures

    with client:
        ahead = AHEAD * max(1, len(client.scheduler_info()["workers"]))
        finished = as_completed(submit(islice(waiting, ahead)), loop=client.loop)
        try:
            for future in finished:
                task = running.pop(future.key)
                error = future.exception()
                yield task, Reply(failure=str(error)) if error else future.result()
                for another in submit(islice(waiting, 1)):
                    finished.add(another)
        except (CancelledError, OSError) as error:
            raise EngineFailure(f"the cluster at {scheduler} is gone ({error}); resume goes on elsewhere") from None
