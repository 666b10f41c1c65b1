"""A library with 10,000 runs against one with 100, and what a sweep costs beside its bare batches."""

from __future__ import annotations

import os
import resource
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.timing import best, head, row

FEW, MANY = 100, 10_000

SWEPT = {"n": 30, "k": 5, "r": 2, "operator": "identity", "alpha": [0.1, 0.15, 0.2, 0.25, 0.3]}
SEEDS, STEPS = range(200), 3000
"""A sweep of a thousand members."""


def main() -> None:
    """Print all rows."""
    library()
    question()
    sweeps()


def library() -> None:
    """Compare a library of many runs with one of few."""
    import engines

    head(f"A library with {MANY:,} runs over one with {FEW}")
    small = {"operator": "identity", "n": 5, "k": 2, "r": 1, "alpha": [0.1, 0.2]}
    run = engines.run("matrix_sensing", set=small, steps=20)
    with tempfile.TemporaryDirectory() as place:
        few, many = (_actions(Path(place, str(count)), run, count) for count in (FEW, MANY))
        for what in few:
            rounds = [(best(few[what], 1), best(many[what], 1)) for _ in range(9)]  # in turn: other work hits both
            less, more = map(min, zip(*rounds, strict=True))
            row(what, more / less, "<= 2", f"{1e3 * more:.1f} against {1e3 * less:.1f} ms")


def _actions(folder: Path, run, count: int) -> dict[str, Callable[[], object]]:
    from dashboard.runs.library_page import LibraryPage
    from engines import Library

    kept = Library(folder)
    first = folder / f"{kept.keep(run)}.parquet"
    for number in range(count - 1):
        os.link(first, folder / f"run-{number:05}.parquet")
    begun = time.perf_counter()
    kept.find()
    print(f"  {count:,} files were read in {time.perf_counter() - begun:.1f} s, once", flush=True)
    os.utime(folder, (0, 0))  # long ago: it has not changed since it was looked through
    kept.find()
    page = LibraryPage(str, folder)

    def waited() -> None:
        while page.collect():
            time.sleep(1e-4)

    def typed(text: str) -> None:
        page.list.receive({"do": "find", "text": text, "first": 0})
        waited()

    waited()
    return {
        "the page lists": lambda: typed(""),
        "the page finds by a knob": lambda: typed("alpha<0.15"),
        "the page finds by a word and a knob": lambda: typed("run-00042 alpha<0.15"),
        "a run is found by its name and opened": lambda: kept.open(first.stem),
    }


def question() -> None:
    """Ask for the mean and the band over the seeds of 300 runs, and read the same files one by one."""
    import pandas as pd

    import engines
    from engines import Library

    head("Mean, least and largest at every step over the seeds of 300 runs of 2,000 steps: one question over a loop")
    small = {"operator": "identity", "n": 6, "k": 2, "r": 1}
    sql = """select alpha, step, avg(loss), min(loss), max(loss), count(*) as runs from matrix_sensing
             group by alpha, step order by alpha, step"""
    with tempfile.TemporaryDirectory() as place:
        kept = Library(place)
        for alpha in (0.1, 0.2, 0.3):
            whole = engines.run("matrix_sensing", set=small | {"alpha": alpha}, seeds=range(100), steps=2000)
            for member in range(100):
                kept.keep(whole.select([member]))
        kept.find()

        def loop() -> None:
            read = [
                pd.read_parquet(file).assign(alpha=n // 100) for n, file in enumerate(Path(place).glob("*.parquet"))
            ]
            pd.concat(read).groupby(["alpha", "step"])["loss"].agg(["mean", "min", "max"])

        rows = kept.query(sql)
        assert (rows["runs"] == 100).all()
        asked, looped = best(lambda: kept.query(sql), 3), best(loop, 3)
    row("one question", asked / looped, "", f"{1e3 * asked:.0f} against {1e3 * looped:.0f} ms, {len(rows):,} rows")


def sweeps() -> None:
    """Compare sweeps with their bare batches, and one process with two."""
    from engines import load
    from engines.core.sweeps.compute import compute_task
    from engines.core.sweeps.plan import Plan
    from engines.core.sweeps.sweep import sweep

    head("A sweep of 1,000 members")
    tasks = list(Plan.make(load("matrix_sensing"), set=SWEPT, seeds=SEEDS, steps=STEPS).tasks())
    compute_task(tasks[0])
    bare = _took(lambda: [compute_task(task) for task in tasks], resource.RUSAGE_SELF)
    took = {}
    for workers in (1, 2):
        with tempfile.TemporaryDirectory() as place:
            options = {"set": SWEPT, "seeds": SEEDS, "steps": STEPS, "out": place, "workers": workers}
            took[workers] = _took(partial(sweep, "matrix_sensing", **options), resource.RUSAGE_CHILDREN)
    for place, what in enumerate(("", ", processor time")):
        one, least = took[1][place], bare[place]
        row(f"one process over its bare batches{what}", one / least, "<= 1.3", f"{one:.1f} against {least:.1f} s")
    row("one process over two", took[1][0] / took[2][0], ">= 1.7", f"{took[1][0]:.1f} against {took[2][0]:.1f} s")
    half = took[2][1] / 2
    row("one process over half of what two take, processor time", took[1][1] / half, ">= 1.7",
        f"{took[1][1]:.1f} against {half:.1f} s: what the row above is where nothing else runs")  # fmt: skip


def _took(work: Callable[[], object], whose: int) -> tuple[float, float]:
    """Seconds that something takes, and those for which a processor was busy with it."""
    busy = lambda: sum(resource.getrusage(whose)[:2])  # noqa: E731
    begun, before = time.perf_counter(), busy()
    work()
    return time.perf_counter() - begun, busy() - before


if __name__ == "__main__":
    main()
