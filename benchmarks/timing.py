"""Timing by the best of several repetitions, or in turn by medians, and a table of ratios."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import NamedTuple


class Line(NamedTuple):
    """One line of a table."""

    what: str
    ratio: float
    target: str
    detail: str


TABLES: list[tuple[str, list[Line]]] = []
"""All that was printed, each table by its title, for whoever writes it down."""


def best(work: Callable[[], object], repetitions: int = 5) -> float:
    """Seconds of the fastest repetition, after one that warms up."""
    work()
    return min(_once(work) for _ in range(repetitions))


def in_turn(*works: Callable[[], object], rounds: int = 5) -> list[float]:
    """Median seconds of processor time of each work, one after another in every round, after one that warms up.

    Processor time and turns, so that what else the machine does weighs on all of them alike.
    """
    times: list[list[float]] = [[] for _ in works]
    for number in range(rounds + 1):
        for own, work in zip(times, works, strict=True):
            begun = time.process_time()
            work()
            if number:
                own.append(time.process_time() - begun)
    return [median(own) for own in times]


def _once(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def row(what: str, ratio: float, target: str, detail: str) -> None:
    """Print one line of the table."""
    TABLES[-1][1].append(Line(what, ratio, target, detail))
    print(f"{what:<68} {ratio:>8.2f}  {target:<9} {detail}", flush=True)


def head(title: str) -> None:
    """Print the heading of a table."""
    TABLES.append((title, []))
    print(f"\n{title}\n{'':<68} {'ratio':>8}  {'target':<9}")
