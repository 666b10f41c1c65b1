"""Timing by the best of several repetitions, and a table of ratios."""

from __future__ import annotations

import time
from collections.abc import Callable


def best(work: Callable[[], object], repetitions: int = 5) -> float:
    """Seconds of the fastest repetition, after one that warms up."""
    work()
    return min(_once(work) for _ in range(repetitions))


def _once(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def row(what: str, ratio: float, target: str, detail: str) -> None:
    """Print one line of the table."""
    print(f"{what:<68} {ratio:>8.2f}  {target:<9} {detail}", flush=True)


def head(title: str) -> None:
    """Print the heading of a table."""
    print(f"\n{title}\n{'':<68} {'ratio':>8}  {'target':<9}")
