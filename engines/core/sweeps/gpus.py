"""GPUs of a machine, shared out among the processes that compute sweeps there: one each while there are enough."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import count
from pathlib import Path

from filelock import FileLock, Timeout

from engines.core.compute import device as devices

_choosing = threading.Lock()
"""Held by the thread that chooses: a worker may have several."""

HELD: list[FileLock] = []
"""The place of this process, as long as it lives: the system lets go of it with the process, however that ends."""


def gpu_of_this_process(device: str) -> str:
    """Return the GPU that this process has for itself, where several could be meant; else what was asked for.

    Processes of all sweeps that a person computes on one machine know of one another, those of a cluster, too.
    """
    if device not in ("auto", "cuda") or "cuda" not in devices.available() or devices.count("cuda") < 2:
        return device
    with _choosing:
        return f"cuda:{take_gpu()}"


@cache
def take_gpu() -> int:
    """Take the first GPU that no other process has, for as long as this one lives; returns its number here."""
    names = visible(devices.count("cuda"), os.environ)
    folder = Path(tempfile.gettempdir(), f"dynascope-gpus-{os.getuid()}")
    for index, place in places(names):
        lock = FileLock(folder / place, thread_local=False)
        try:
            folder.mkdir(exist_ok=True)
            lock.acquire(timeout=0)
        except Timeout:
            continue  # another process has it
        except OSError:
            return index  # a disk without room: processes share a GPU, and each is right
        HELD.append(lock)
        return index
    raise AssertionError("there is always another place")


def visible(gpus: int, environment: Mapping[str, str]) -> list[str]:
    """Name the GPUs that this process sees, in its order: as `CUDA_VISIBLE_DEVICES` does, else by their numbers.

    >>> visible(2, {"CUDA_VISIBLE_DEVICES": "3,GPU-7"}), visible(2, {})
    (['3', 'GPU-7'], ['0', '1'])
    """
    named = [name.strip() for name in environment.get("CUDA_VISIBLE_DEVICES", "").split(",")]
    return named if len(named) == gpus and all(named) else [str(index) for index in range(gpus)]


def places(gpus: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield the places that a process tries in turn: the index of a GPU as it sees them, and the name of the place.

    The first that nobody has is its own: each GPU has one process before any has two. A process that sees the same
    gpus in another order (as those of dask-cuda do) begins at its own first one.

    >>> from itertools import islice
    >>> list(islice(places(["1", "0"]), 4))
    [(0, '1-0'), (1, '0-0'), (0, '1-1'), (1, '0-1')]
    """
    return ((index, f"{name}-{level}") for level in count() for index, name in enumerate(gpus))
