"""A lecture hall: fifty visitors at a time, what is left when they have gone, and hundreds who come and go.

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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.timing import head, row
from dashboard.app import serve
from dashboard.page.lab import Lab
from engines.core.live.admission import ADMISSION
from engines.core.live.scheduler import shared

LAB = "/matrix_sensing"
CROWD, WINDOW = 50, 20.0
"""Visitors at a time, and seconds over which their steps are counted."""

COMINGS = 500
"""Visitors who come and go one after another, in groups."""

GROUP = 10


class Level(NamedTuple):
    """What the process holds."""

    threads: int
    runs: int
    files: int
    mebibytes: float


def level() -> Level:
    """Count what the process holds."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    files = len(os.listdir("/proc/self/fd"))
    return Level(threading.active_count(), ADMISSION.count(), files, pages * os.sysconf("SC_PAGE_SIZE") / 2**20)


def main() -> None:
    """Print all rows; `python -m benchmarks load short` has fewer visitors."""
    crowd, comings = (10, 50) if "short" in sys.argv else (CROWD, COMINGS)
    head(f"A lecture hall of {crowd}")
    with served() as (address, labs):
        one = visit(address, 1, 10.0, 1.0)
        settled = rested()
        counted = threading.Thread(target=_watch, args=(labs, crowd, found := {}), daemon=True)
        counted.start()
        many = visit(address, crowd, WINDOW + 10, 60.0 if crowd == CROWD else 10.0)
        counted.join(60)
        row("sessions that were dropped", many["dropped"], "0", f"{crowd} opened within a minute")
        row("sessions that advanced", found["advanced"], f"{crowd}", f"in {WINDOW:g} s")
        row("Jain's index of their steps", found["jain"], ">= 0.95", f"{found['least']} to {found['most']} steps")
        row("round trip among all over that of one", many["median_ms"] / one["median_ms"], "<= 5",
            f"{many['median_ms']:.1f} ms against {one['median_ms']:.1f}; 95 % {many['p95_ms']:.0f} ms")  # fmt: skip
        labs.clear()
        _compare("after all have left", settled, rested())
        _compare(f"after {comings} more came and went", rested(), _come_and_go(address, labs, comings))


def _compare(when: str, before: Level, after: Level) -> None:
    for name, was, now in zip(Level._fields, before, after, strict=True):
        row(f"{name} {when}, over those before", now / max(was, 1), "1", f"{was:.0f} -> {now:.0f}")


def _come_and_go(address: str, labs: list[Lab], count: int) -> Level:
    for _ in range(count // GROUP):
        visit(address, GROUP, 0.5, 1.0)
        labs.clear()
    return rested()


def rested() -> Level:
    """Wait until nothing is computed and every session has ended."""
    end = time.monotonic() + 60
    while time.monotonic() < end and (shared().active() or ADMISSION.count()):
        time.sleep(0.5)
    time.sleep(8)  # threads that have nothing to do end by themselves
    return level()


def _watch(labs: list[Lab], crowd: int, found: dict[str, Any]) -> None:
    """Count the steps of all labs over a window that begins once all are open."""
    while len(labs) < crowd:
        time.sleep(0.1)
    time.sleep(3)
    before = [lab.session.runner.status.step for lab in labs]
    time.sleep(WINDOW)
    steps = [lab.session.runner.status.step - at for lab, at in zip(labs, before, strict=True)]
    found |= {"advanced": sum(step > 0 for step in steps), "jain": jain(steps), "least": min(steps), "most": max(steps)}


def jain(values: list[int]) -> float:
    """Jain's index of fairness: 1 where all are equal, 1/n where one has it all."""
    return sum(values) ** 2 / (len(values) * sum(value**2 for value in values)) if any(values) else 0.0


def visit(address: str, count: int, seconds: float, over: float) -> dict[str, Any]:
    """Have visitors come from another process."""
    line = [sys.executable, "-m", "benchmarks.visitor", address, LAB, *map(str, (count, seconds, over))]
    done = subprocess.run(line, capture_output=True, text=True, timeout=600)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout)


@contextmanager
def served() -> Iterator[tuple[str, list[Lab]]]:
    """A server in a thread, and the labs that it has opened."""
    labs: list[Lab] = []
    start = Lab.start
    Lab.start = lambda self: (labs.append(self), start(self))[1]  # type: ignore[method-assign, assignment, return-value]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = serve(port, "127.0.0.1", False, threaded=True)
    time.sleep(2)
    yield f"http://127.0.0.1:{port}", labs
    server.stop()
    Lab.start = start  # type: ignore[method-assign]


if __name__ == "__main__":
    main()
