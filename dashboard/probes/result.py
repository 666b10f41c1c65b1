"""What a probe found: to what it belongs, and how it is said in words and numbers."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dashboard.ui.formatting import number, words

if TYPE_CHECKING:
    from engines.core.runs.run import Run

FEW = 8
"""So many numbers are said one by one."""

NAMED = 6
"""Of more words than these only the first and the last are said."""


class Outcome(NamedTuple):
    """What was found, whose it is in words, of which course of a run, and why where nobody asked for it.

    `about` says it for a program.
    """

    values: Mapping[str, Any] = {}
    text: str = ""
    source: Any = None
    why: str = ""
    about: Mapping[str, Any] = {}


def course(run: Run) -> Any:
    """What changes when a run starts again, or takes another course from some step on; keeps no run alive."""
    return weakref.ref(run), run.recording.generation


def told(values: Mapping[str, Any]) -> str:
    """The sentence called `note`, and a table of all other values.

    >>> told({"note": "1 < 2", "tail_rate": 0.25})
    "<p>1 &lt; 2</p><table aria-label='numbers'><tr><th scope='row'>tail rate</th><td>0.25</td></tr></table>"
    """
    rest = {name: value for name, value in values.items() if name != "note"}
    lines = str(values.get("note", "")).splitlines()
    return "".join(f"<p>{escape(line)}</p>" for line in lines if line.strip()) + (_table(rest) if rest else "")


def _table(values: Mapping[str, Any]) -> str:
    rows = (
        f"<tr><th scope='row'>{escape(words(name))}</th><td>{escape(said(value))}</td></tr>"
        for name, value in values.items()
    )
    return f"<table aria-label='numbers'>{''.join(rows)}</table>"


def said(value: Any) -> str:
    """A value in words; an array is said by its size and its ends, one of words by the words.

    >>> said(np.array([[1.0, 3.0], [2.0, np.nan]])), said(["live", "dead"])
    ('array 2 × 2, from 1 to 3', 'live, dead')
    """
    array = np.asarray(value)
    if not array.ndim:
        return number(array.item())
    if array.dtype.kind in "UO":
        return _listed([str(entry) for entry in array.ravel()])
    if array.ndim == 1 and len(array) <= FEW:
        return ", ".join(number(entry) for entry in array.tolist()) or "none"
    finite = array[np.isfinite(array)] if np.issubdtype(array.dtype, np.number) else array[:0]
    ends = f", from {number(finite.min().item())} to {number(finite.max().item())}" if finite.size else ""
    return f"array {' × '.join(map(str, array.shape))}{ends}"


def _listed(texts: list[str]) -> str:
    """Words, or the ends of a long list.

    >>> _listed([f"n{i}" for i in range(40)])
    'n0, n1, n2, … n39 (40 in all)'
    """
    return ", ".join(texts) if len(texts) <= NAMED else f"{', '.join(texts[:3])}, … {texts[-1]} ({len(texts)} in all)"
