"""Promises of the server: each row has its figure and what is wanted, and all are listed once more at the end."""

from __future__ import annotations

from typing import NamedTuple

from benchmarks.timing import row


class Promise(NamedTuple):
    """What was promised, and what came of it."""

    what: str
    value: float
    target: str
    kept: bool | None
    """Whether it is held; None where the measurement cannot tell."""


PROMISES: list[Promise] = []
"""What was measured so far."""


def promise(what: str, value: float, target: str, detail: str, error: float = 0.0) -> None:
    """Print one row, and remember it; what lies within `error` of the wanted bound is not told."""
    low, high = _bounds(target)
    sure = not any(abs(value - bound) < error for bound in (low, high))
    PROMISES.append(Promise(what, value, target, low <= value <= high if sure else None))
    row(what, value, target, detail)


def _bounds(target: str) -> tuple[float, float]:
    """Read `<= x`, `>= x`, `x-y` or `x`."""
    if target.startswith("<="):
        return float("-inf"), float(target[2:])
    if target.startswith(">="):
        return float(target[2:]), float("inf")
    low, _, high = target.partition("-")
    return float(low), float(high or low)


def summary() -> None:
    """Print a line for each promise: held, not held or not told."""
    if PROMISES:
        print(f"\n{'promise':<68} {'measured':>8}  {'wanted':<9} held")
    for what, value, target, kept in PROMISES:
        row(what, value, target, {True: "yes", False: "NO", None: "cannot be told from this"}[kept])
