"""A lecture hall: what a page costs to open, fifty visitors at a time, hundreds who come and go, and one who stays.

The server is in this process, so that runs, threads, files and memory can be counted; visitors are in another.
"""

from __future__ import annotations

import gc
import json
import os
import socket
import subprocess
import sys
import threading
import time
from asyncio import Handle
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakSet

import numpy as np
import torch
from bokeh.document import Document

from benchmarks.machine import Machine, loaded
from benchmarks.timing import head, row
from dashboard.app import serve
from dashboard.page.lab import Lab
from dashboard.session import link
from dashboard.session.session import Session
from dashboard.session.view_state import ViewState
from engines.core.live.admission import ADMISSION
from engines.core.live.scheduler import shared
from engines.core.runs.experiment import Experiment
from engines.matrix_sensing.engine import ENGINE

LAB = "/matrix_sensing"
CROWD, WINDOW = 50, 20.0
"""Visitors at a time, and seconds over which their steps are counted."""

COMINGS = 500
"""Visitors who come and go one after another, in groups."""

GROUP = 25

STAY = 100.0
"""Seconds for which one visitor looks at a run that goes as fast as it can; an hour of it has the same slope."""

SOON: dict[str, Any] = {"check_unused_sessions_milliseconds": 500, "unused_session_lifetime_milliseconds": 1000}
"""The server finds out soon that a page was closed: nothing else is waited for."""

LAST = 30.0
"""Seconds after which a page that is not drawn will not be."""

KNOBS = {"operator": "identity", "parameterization": "symmetric", "k": 5, "alpha": 0.5, "eta": 0.2}
"""A run whose steps are all of one length, so that visitors' steps can be compared."""

MANY = {"operator": "identity", "n": 10, "k": 5, "seed": list(range(4096))}


class Level(NamedTuple):
    """What the process holds."""

    threads: int
    runs: int
    files: int
    pages: int
    sessions: int
    documents: int
    mebibytes: float


def level() -> Level:
    """Count what the process holds."""
    gc.collect()
    kinds = Counter(map(type, gc.get_objects()))
    alive = (kinds[Lab], kinds[Session], kinds[Document])
    return Level(threading.active_count(), ADMISSION.count(), len(os.listdir("/proc/self/fd")), *alive, memory())


def memory() -> float:
    """Measure the memory of the process that is in use, in MiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def address_of(knobs: dict[str, Any]) -> str:
    """Make the address of a run that goes as fast as it can and does not end."""
    experiment = Experiment.from_preset(ENGINE, None, knobs, steps=10**9)
    return f"{LAB}?s={link.encode(experiment, ViewState(speed='max'))}"


def main() -> None:
    """Print all rows; `python -m benchmarks load short` has fewer visitors."""
    short = "short" in sys.argv
    crowd, comings, stay = (10, 100, 40.0) if short else (CROWD, COMINGS, STAY)
    print(f"\n{Machine(torch.device('cpu')).name}; {loaded() or 'nobody else computes on it'}")
    with served() as (address, labs, server):
        head("Opening a page, in seconds that the event loop spends on it")
        _opening(address, LAB, labs, server)
        for what, path in (("a lab", LAB), ("a link of 4,096 members", address_of(MANY))):
            whole, longest = zip(*(_opening(address, path, labs, server) for _ in range(3)), strict=True)
            row(what, min(whole), "<= 0.20", f"at most {max(whole):.2f}; longest piece {min(longest):.2f}")
        head(f"A lecture hall of {crowd}")
        _crowd(address, labs, crowd)
        _come_and_go(address, labs, comings)
        _stay(address, stay)


def _crowd(address: str, labs: WeakSet[Lab], crowd: int) -> None:
    path = address_of(KNOBS)
    one = visit(address, path, 1, 10.0, 1.0)
    settled = level_at_rest(labs)
    counted = threading.Thread(target=_watch, args=(labs, crowd, found := {}), daemon=True)
    counted.start()
    many = visit(address, path, crowd, WINDOW + 10, 60.0 if crowd == CROWD else 10.0)
    counted.join(60)
    row("sessions that were dropped", many["dropped"], "0", f"{crowd} opened within a minute")
    row("sessions that advanced", found["advanced"], f"{crowd}", f"in {WINDOW:g} s")
    row("Jain's index of their steps", found["jain"], ">= 0.95", f"{found['least']} to {found['most']} steps")
    row("round trip among all over that of one", many["median_ms"] / one["median_ms"], "<= 5",
        f"{many['median_ms']:.1f} ms against {one['median_ms']:.1f}; 95 % {many['p95_ms']:.0f} ms")  # fmt: skip
    _compare("after all have left", settled, level_at_rest(labs))


def _stay(address: str, seconds: float) -> None:
    """One visitor stays: how much memory an hour of streaming takes, and whether answers get slower."""
    levels: list[tuple[float, float]] = []
    begun, over = time.monotonic(), threading.Event()

    def measure() -> None:
        while not over.wait(1.0):
            gc.collect()
            levels.append((time.monotonic() - begun, memory()))

    watcher = threading.Thread(target=measure, daemon=True)
    watcher.start()
    found = visit(address, address_of(KNOBS), 1, seconds, 0.1)
    over.set()
    times, sizes = np.array([each for each in levels if each[0] > seconds / 2]).T
    slope = float(np.polyfit(times, sizes, 1)[0])
    row("MiB that an hour of streaming takes", 3600 * slope, "<= 50", f"from {sizes[0]:.0f} to {sizes[-1]:.0f} MiB")
    row("round trip in the last quarter over that in the first", found["last_ms"] / found["first_ms"], "<= 1.5",
        f"{found['last_ms']:.1f} ms against {found['first_ms']:.1f}")  # fmt: skip


def _opening(address: str, path: str, labs: WeakSet[Lab], server: threading.Thread) -> tuple[float, float]:
    """Seconds of the processor that the event loop takes from the request to the first drawing; the longest piece."""
    labs.clear()
    clock, pieces = time.pthread_getcpuclockid(server.ident or 0), []
    run = Handle._run

    def timed(handle: Handle) -> None:
        begun = time.thread_time()
        run(handle)
        pieces.append(time.thread_time() - begun)

    begun, end = time.clock_gettime(clock), time.monotonic() + LAST
    Handle._run = timed  # type: ignore[method-assign]
    visitor = threading.Thread(target=visit, args=(address, path, 1, 4.0, 0.1))
    visitor.start()
    while not any(lab.refresh._drawn for lab in tuple(labs)) and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(0.3)  # until it is sent
    spent = time.clock_gettime(clock) - begun
    Handle._run = run  # type: ignore[method-assign]
    visitor.join()
    rest(labs)
    return spent, max(pieces)


def _compare(when: str, before: Level, after: Level) -> None:
    for name, was, now in zip(Level._fields, before, after, strict=True):
        row(f"{name} {when}, over those before", now / max(was, 1), "1", f"{was:.0f} -> {now:.0f}")


def _come_and_go(address: str, labs: WeakSet[Lab], count: int) -> None:
    """Have visitors come and go; what the first fifth of them leaves behind belongs to the program."""
    groups, first = count // GROUP, max(1, count // GROUP // 5)
    for _ in range(first):
        visit(address, LAB, GROUP, 0.5, 1.0)
    before = level_at_rest(labs)
    for _ in range(groups - first):
        visit(address, LAB, GROUP, 0.5, 1.0)
    _compare(f"after {(groups - first) * GROUP} more came and went", before, level_at_rest(labs))


def rest(labs: WeakSet[Lab]) -> None:
    """Wait until nothing is computed and every page has been given up."""
    labs.clear()
    end = time.monotonic() + 60
    while time.monotonic() < end and (shared().active() or ADMISSION.count()):
        time.sleep(0.2)
    time.sleep(2)


def level_at_rest(labs: WeakSet[Lab]) -> Level:
    """Count what the process holds once it is at rest."""
    rest(labs)
    time.sleep(6)  # threads that have nothing to do end by themselves
    return level()


def _watch(labs: WeakSet[Lab], crowd: int, found: dict[str, Any]) -> None:
    """Count the steps of all labs over a window that begins once all are open."""
    while len(labs) < crowd:
        time.sleep(0.1)
    time.sleep(3)
    runners = [lab.session.runner for lab in labs]
    before = [runner.status.step for runner in runners]
    time.sleep(WINDOW)
    steps = [runner.status.step - at for runner, at in zip(runners, before, strict=True)]
    found |= {"advanced": sum(step > 0 for step in steps), "jain": jain(steps), "least": min(steps), "most": max(steps)}


def jain(values: list[int]) -> float:
    """Jain's index of fairness: 1 where all are equal, 1/n where one has it all."""
    return sum(values) ** 2 / (len(values) * sum(value**2 for value in values)) if any(values) else 0.0


def visit(address: str, path: str, count: int, seconds: float, over: float) -> dict[str, Any]:
    """Have visitors come from another process."""
    line = [sys.executable, "-m", "benchmarks.visitor", address, path, *map(str, (count, seconds, over))]
    done = subprocess.run(line, capture_output=True, text=True, timeout=600)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout)


@contextmanager
def served() -> Iterator[tuple[str, WeakSet[Lab], threading.Thread]]:
    """Serve in a thread; gives the labs that are opened."""
    labs: WeakSet[Lab] = WeakSet()  # a lab may start after its visitor has left, and is not kept alive by being counted
    start = Lab.start
    Lab.start = lambda self: (labs.add(self), start(self))[1]  # type: ignore[method-assign, assignment, return-value]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = serve(port, "127.0.0.1", False, threaded=True, **SOON)
    time.sleep(2)
    yield f"http://127.0.0.1:{port}", labs, server
    server.stop()
    Lab.start = start  # type: ignore[method-assign]


if __name__ == "__main__":
    main()
