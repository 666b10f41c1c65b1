"""Promises of the server: a row says what was measured, what is wanted, and whether that is held."""

from __future__ import annotations

from benchmarks.timing import row


def promise(what: str, value: float, target: str, detail: str, error: float = 0.0) -> None:
    """Print one row: held, not held, or not told where the value lies within `error` of the wanted bound."""
    low, high = _bounds(target)
    kept = "held" if low <= value <= high else "NOT HELD"
    row(what, value, target, f"{'not told' if min(abs(value - low), abs(value - high)) < error else kept}; {detail}")


def _bounds(target: str) -> tuple[float, float]:
    """Read `<= x`, `>= x`, `x-y` or `x`."""
    if target.startswith("<="):
        return float("-inf"), float(target[2:])
    if target.startswith(">="):
        return float(target[2:]), float("inf")
    low, _, high = target.partition("-")
    return float(low), float(high or low)
