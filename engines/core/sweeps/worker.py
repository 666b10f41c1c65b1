"""A worker's side of a sweep: one task, from words to files."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from engines.core.files import export
from engines.core.protocol.errors import DynascopeError, StoreError
from engines.core.protocol.registry import add_plugins
from engines.core.sweeps.compute import Interrupted, compute_task
from engines.core.sweeps.folder import Sweep, rows_to_bytes
from engines.core.sweeps.gpus import gpu_of_this_process
from engines.core.sweeps.plan import Task


class Reply(NamedTuple):
    """The reply of a worker to a task: nothing where it wrote into the folder itself; `failure` is a sentence."""

    rows: bytes | None = None
    run: bytes | None = None
    failure: str = ""


_stop: Any = threading.Event()
"""Set when this process is to end."""


def prepare_process(plugins: Sequence[str], stop: Any) -> None:
    """Prepare a process that computes tasks: one thread, the caller's engines, and an end that the caller decides."""
    global _stop
    _stop = stop
    _use_one_thread()
    for folder in plugins:
        add_plugins(folder)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _use_one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def _end_with_parent() -> None:
    """Do not outlive a caller that was killed."""
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)


def work(text: str, folder: str, device: str) -> Reply:
    """Compute a task, and write what is kept of it into the folder of its sweep where this machine has it."""
    task = Task.from_json(text)
    sweep, place = _folder(task, folder), gpu_of_this_process(device)
    try:
        rows, run = compute_task(task, sweep.path("partial", task) if sweep else None, place, _stop.is_set)
    except Interrupted:
        return Reply()
    except StoreError:  # a full disk is no property of this task: all would fail at it
        raise
    except DynascopeError as error:
        return Reply(failure=str(error))
    kept = export.to_bytes(run, ".parquet") if run and task.plan.keeps_runs else None
    if not sweep:
        return Reply(rows_to_bytes(rows), kept)
    sweep.keep(task, rows_to_bytes(rows), kept)
    return Reply()


def work_on_cluster(text: str, folder: str, device: str, plugins: Sequence[str]) -> Reply:
    """Compute a task in a Dask worker, which has its own signals and its own end."""
    _use_one_thread()
    for each in plugins:
        if Path(each).is_dir():
            add_plugins(each)
    return work(text, folder, device)


def _folder(task: Task, folder: str) -> Sweep | None:
    """Open the sweep's folder where this machine has it, and it is the same one."""
    try:
        sweep = _opened(folder, os.stat(Path(folder, "sweep.json")).st_mtime_ns)
    except (OSError, StoreError):
        return None
    return sweep if sweep.plan.shared == task.plan.record else None


@lru_cache(1)
def _opened(folder: str, changed: int) -> Sweep:
    """Open a folder once for all tasks: its description may be long."""
    return Sweep(folder)
