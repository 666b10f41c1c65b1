"""Text for a terminal: tables, numbers, what became of claims, and the bar of a computation."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

HOLDS = {True: "holds", False: "FAILS", None: "too early"}
"""Words for whether a claim holds."""

VERDICT_COLUMNS = ["verdict", "measured", "predicted", "tolerance", "claim"]
"""The heads of a table of verdicts."""

PERIOD = 30.0
"""Seconds between two lines of progress in a log."""


class ProgressBar:
    """A bar on stderr that appears with the first step, so that an error before it is a line of its own.

    A log gets a line every `PERIOD` seconds in its place.
    """

    def __init__(self, unit: str = "step", quiet: bool = False) -> None:
        self._bar: tqdm | None = None
        self._unit, self._quiet = unit, quiet
        self._logged = time.monotonic()

    def __call__(self, step: int, steps: int) -> None:
        """Move to `step`; the bar ends at `steps`."""
        if not sys.stderr.isatty():
            return self._log(step, steps)
        self._bar = self._bar or tqdm(total=steps, unit=self._unit, disable=self._quiet)
        self._bar.update(step - self._bar.n)
        if step >= steps:
            self.close()

    def _log(self, step: int, steps: int) -> None:
        if not self._quiet and time.monotonic() - self._logged >= PERIOD:
            self._logged = time.monotonic()
            print(f"{self._unit} {step:,} of {steps:,} ({step / steps:.0%})", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Leave the bar as it is and the line to others."""
        if self._bar:
            self._bar.close()


def print_notes(notes: Iterable[str]) -> None:
    """Print what a run cannot show beside its result."""
    for note in notes:
        print(f"note: {note}", file=sys.stderr)


def text_table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Write rows of text as lines with aligned columns.

    >>> list(text_table([["member", "loss"], ["0", "2.3"]]))
    ['member  loss', '0       2.3']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def as_text(value: Any, digits: int = 4) -> str:
    """Write a number with some digits, an array with its shape, a list with its items, and None as a dash.

    >>> as_text(0.123456), as_text(None), as_text(["a", "b"])
    ('0.1235', '-', 'a b')
    """
    value = np.asarray(value) if hasattr(value, "shape") else value
    if isinstance(value, np.ndarray) and value.ndim:
        return f"array {'x'.join(map(str, value.shape))}  {np.array2string(value, precision=4, threshold=6)}"
    if isinstance(value, (list, tuple)):
        return " ".join(map(str, value))
    return f"{value:.{digits}g}" if isinstance(value, (float, np.ndarray)) else "-" if value is None else str(value)


def verdict_row(verdict: Mapping[str, Any]) -> list[str]:
    """Return a verdict, as a JSON object, under the heads `VERDICT_COLUMNS`."""
    sign = {"above": "> ", "below": "< "}.get(verdict.get("kind", ""), "")
    tolerance = "" if sign else as_text(verdict["tolerance"])
    numbers = [as_text(verdict["measured"]), sign + as_text(verdict["predicted"]), tolerance]
    return [HOLDS[verdict["holds"]], *numbers, verdict["claim"]]


def verdict_line(verdict: Mapping[str, Any]) -> str:
    """Say in a line whether a claim holds, what was measured and what was predicted."""
    holds, measured, predicted, tolerance, claim = verdict_row(verdict)
    within = f" ± {tolerance}" if tolerance else ""
    return f"{holds}: {claim}: {measured} (predicted {predicted}{within})"
