"""A library with 10,000 runs against one with 100, and what a sweep costs beside its bare batches."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from benchmarks.timing import best, head, row

FEW, MANY = 100, 10_000

SWEPT = {"n": 30, "k": 5, "r": 2, "operator": "identity", "alpha": [0.1, 0.15, 0.2, 0.25, 0.3]}
SEEDS, STEPS = range(200), 3000
"""A sweep of a thousand members."""


def main() -> None:
    """Print all rows."""
    _library()
    _sweeps()


def _library() -> None:
    import engines
    from dashboard.runs.library_page import LibraryPage

    head(f"A library with {MANY:,} runs over one with {FEW}")
    small = {"operator": "identity", "n": 5, "k": 2, "r": 1, "alpha": [0.1, 0.2]}
    run = engines.run("matrix_sensing", set=small, steps=20)
    with tempfile.TemporaryDirectory() as place:
        times = {count: _times(Path(place, str(count)), run, count, LibraryPage) for count in (FEW, MANY)}
    for what, few in times[FEW].items():
        many = times[MANY][what]
        row(what, many / few, "<= 2", f"{1e3 * many:.1f} against {1e3 * few:.1f} ms")


def _times(folder: Path, run, count: int, page_of) -> dict[str, float]:
    from engines import Library

    library = Library(folder)
    first = folder / f"{library.keep(run)}.parquet"
    for number in range(count - 1):
        os.link(first, folder / f"run-{number:05}.parquet")
    begun = time.perf_counter()
    library.find()
    print(f"  {count:,} files were read in {time.perf_counter() - begun:.1f} s, once", flush=True)
    os.utime(folder, (0, 0))  # long ago: it has not changed since it was looked through
    library.find()

    def page() -> None:
        made = page_of(str, folder)
        while made.collect():
            time.sleep(0.001)
        made.close()

    return {
        "the page makes its list": best(page),
        "runs are listed": best(library.find),
        "runs are found by a knob and a word": best(lambda: library.find("alpha<0.15 run-00042")),
        "a run is found by its name and opened": best(lambda: library.open(first.stem)),
    }


def _sweeps() -> None:
    from engines import load
    from engines.core.sweeps.compute import compute
    from engines.core.sweeps.plan import Plan
    from engines.core.sweeps.sweep import sweep

    head("A sweep of 1,000 members")
    tasks = list(Plan.make(load("matrix_sensing"), set=SWEPT, seeds=SEEDS, steps=STEPS).tasks())
    begun = time.perf_counter()
    for task in tasks:
        compute(task)
    bare = time.perf_counter() - begun
    took = {}
    for workers in (1, 2):
        with tempfile.TemporaryDirectory() as place:
            begun = time.perf_counter()
            sweep("matrix_sensing", set=SWEPT, seeds=SEEDS, steps=STEPS, out=place, workers=workers)
            took[workers] = time.perf_counter() - begun
    row("one process over its bare batches", took[1] / bare, "<= 1.3", f"{took[1]:.1f} against {bare:.1f} s")
    row("one process over two", took[1] / took[2], ">= 1.7", f"{took[1]:.1f} against {took[2]:.1f} s")


if __name__ == "__main__":
    main()
