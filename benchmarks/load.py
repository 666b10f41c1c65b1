"""A lecture hall: what a page costs to open, fifty visitors at a time, hundreds who come and go, and one who stays.

The server is in this process, so that runs, threads, files and memory can be counted; visitors are in another.
"""

from __future__ import annotations

import gc
import json
import os
import socket
import sys
import threading
import time
from asyncio import Handle
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from subprocess import PIPE, Popen
from typing import Any, NamedTuple
from weakref import WeakSet

import numpy as np
import torch
from bokeh.document import Document

from benchmarks.machine import Machine, loaded
from benchmarks.promises import promise
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

SETTLED, LONGEST = 10.0, 120.0
"""Seconds from the last lab's opening to the window; for which a crowd stays at most."""

COMINGS = 500
"""Visitors who come and go one after another, in groups."""

GROUP, PATIENCE = 25, 60.0
"""Visitors of a group, who leave when their labs are shown, and seconds for which they wait for that."""

STAY = 140.0
"""Seconds for which one visitor looks at a run that goes as fast as it can."""

ENOUGH = 60.0
"""Seconds from which on a slope is carried on to an hour."""

SOON: dict[str, Any] = {"check_unused_sessions_milliseconds": 500, "unused_session_lifetime_milliseconds": 1000}
"""The server finds out soon that a page was closed: nothing else is waited for."""

LAST = 30.0
"""Seconds after which a page that is not drawn will not be."""

KNOBS = {"operator": "gaussian", "m": 1000}
"""A run whose steps take several times as long as to record one.

Then visitors' steps can be compared, though a run that began earlier records fewer of them.
"""

MANY = {"operator": "identity", "n": 10, "k": 5, "seed": list(range(4096))}


ALLOCATOR = os.environ.get("PYTHONMALLOC") or "pymalloc"
"""What gives Python its memory, and keeps what is free of it."""


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
            promise(f"seconds of the event loop to open {what}", median(whole), "<= 0.20",
                    f"{min(whole):.2f} to {max(whole):.2f}; longest piece {median(longest):.2f}")  # fmt: skip
        head(f"A lecture hall of {crowd}")
        _crowd(address, labs, crowd)
        _come_and_go(address, labs, comings)
        _stay(address, stay)


def _crowd(address: str, labs: WeakSet[Lab], crowd: int) -> None:
    path = address_of(KNOBS)
    one = visit(address, path, 1, 10.0, 1.0)
    settled = level_at_rest(labs)
    over, found = 60.0 if crowd == CROWD else 10.0, {}
    many = visit(address, path, crowd, LONGEST, over, until=lambda: found.update(_count_steps(labs, crowd)))
    promise("sessions that were dropped", many["dropped"], "0", f"{crowd} opened within a minute")
    promise("sessions that advanced", found["advanced"], f"{crowd}", f"in {WINDOW:g} s")
    promise("Jain's index of their steps", found["jain"], ">= 0.95", f"{found['least']} to {found['most']} steps")
    promise("round trip among all over that of one", many["median_ms"] / one["median_ms"], "<= 5",
        f"{many['median_ms']:.1f} ms against {one['median_ms']:.1f}; 95 % {many['p95_ms']:.0f} ms")  # fmt: skip
    _compare(f"{crowd} have left", settled, level_at_rest(labs), "<= 1.10")


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
    slope, error = _slope(times, sizes)
    span, what = times[-1] - times[0], f"{sizes[0]:.0f} to {sizes[-1]:.0f} MiB"
    if span >= ENOUGH:
        promise("MiB that an hour of streaming takes, carried on", 3600 * slope, "<= 50",
                f"{what} in {span:.0f} s; +- {3600 * error:.0f} (two standard errors)", 3600 * error)  # fmt: skip
    else:
        row("MiB that streaming took", span * slope, "", f"{what} in {span:.0f} s: too short for an hour's slope")
    promise("round trip in the last quarter over that in the first", found["last_ms"] / found["first_ms"], "<= 1.5",
        f"{found['last_ms']:.1f} ms against {found['first_ms']:.1f}")  # fmt: skip


def _slope(times: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    """Fit a line; returns its slope, and two standard errors of it from ten means, which noise leaves independent."""
    times, values = (np.array([part.mean() for part in np.array_split(each, 10)]) for each in (times, values))
    (slope, start), away = np.polyfit(times, values, 1), times - times.mean()
    left = values - start - slope * times
    return float(slope), float(2 * np.sqrt((left @ left) / (len(times) - 2) / (away @ away)))


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


def _compare(when: str, before: Level, after: Level, memory: str) -> None:
    pairs = list(zip(Level._fields, before, after, strict=True))[:-1]
    promise(f"threads, runs, files, pages, ... more than before, after {when}", max(now - was for _, was, now in pairs),
            "<= 0", ", ".join(f"{name} {was} -> {now}" for name, was, now in pairs))  # fmt: skip
    promise(f"memory over that before, after {when}", after.mebibytes / before.mebibytes, memory,
            f"{before.mebibytes:.0f} -> {after.mebibytes:.0f} MiB, {ALLOCATOR}")  # fmt: skip


def _come_and_go(address: str, labs: WeakSet[Lab], count: int) -> None:
    """Have visitors come and go; what the first fifth of them leaves behind belongs to the program."""
    groups, first = count // GROUP, max(1, count // GROUP // 5)
    come = lambda: visit(address, LAB, GROUP, PATIENCE, 1.0, "shown")["shown"]  # noqa: E731
    for _ in range(first):
        come()
    before = level_at_rest(labs)
    shown = sum(come() for _ in range(groups - first))
    after, more = level_at_rest(labs), (groups - first) * GROUP
    promise(f"labs shown to {more} more who came and went", shown, f"{more}", f"{count} in all")
    _compare(f"{more} more came and went", before, after, "<= 1.05")


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


def _count_steps(labs: WeakSet[Lab], crowd: int) -> dict[str, Any]:
    """Count the steps of all labs over a window that begins once all are open."""
    end = time.monotonic() + LONGEST
    while len(labs) < crowd and time.monotonic() < end:
        time.sleep(0.1)
    time.sleep(SETTLED)
    runners = [lab.session.runner for lab in labs]
    before = [runner.status.step for runner in runners]
    time.sleep(WINDOW)
    steps = [runner.status.step - at for runner, at in zip(runners, before, strict=True)]
    return {"advanced": sum(step > 0 for step in steps), "jain": jain(steps), "least": min(steps), "most": max(steps)}


def jain(values: list[int]) -> float:
    """Jain's index of fairness: 1 where all are equal, 1/n where one has it all."""
    return sum(values) ** 2 / (len(values) * sum(value**2 for value in values)) if any(values) else 0.0


def visit(
    address: str,
    path: str,
    count: int,
    seconds: float,
    over: float,
    *how: str,
    until: Callable[[], object] | None = None,
) -> dict[str, Any]:
    """Have visitors come from another process; they leave after `seconds`, or when `until` returns."""
    told = ["told"] if until else []
    line = [sys.executable, "-m", "benchmarks.visitor", address, path, *map(str, (count, seconds, over)), *how, *told]
    with Popen(line, stdin=PIPE if until else None, stdout=PIPE, stderr=PIPE, text=True) as process:
        if until:
            until()
        found, error = process.communicate(timeout=600)
    if process.returncode:
        sys.exit(error)
    return json.loads(found)


@contextmanager
def served() -> Iterator[tuple[str, WeakSet[Lab], threading.Thread]]:
    """Serve in a thread; gives the labs that are opened."""
    labs: WeakSet[Lab] = WeakSet()  # one may start after its visitor has left, and is not kept alive by being counted
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
