"""Comparison of two runs: in which knobs they differ, and by how much their channels do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from engines.core.protocol.engine import RunData


def changed_knobs(a: RunData, b: RunData, members: tuple[int, int] = (0, 0)) -> dict[str, tuple[Any, Any]]:
    """Find the knobs in which a member of one run began otherwise than one of the other: `{knob: (in a, in b)}`."""
    left, right = (dict(run.initial_configs[member]) for run, member in zip((a, b), members, strict=True))
    return {name: (value, right[name]) for name, value in left.items() if right.get(name) != value}


def aligned_curves(
    a: RunData, b: RunData, channel: str, members: tuple[int, int] = (0, 0)
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Align a scalar channel of a member of each run on the steps that both recorded.

    Returns the steps, the values in a and the values in b, `[T]` each.
    """
    steps, left, right = np.intersect1d(a.steps, b.steps, return_indices=True)
    return steps, a[channel][left, members[0]], b[channel][right, members[1]]


def difference(a: RunData, b: RunData, step: int, members: tuple[int, int] = (0, 0)) -> pd.DataFrame:
    """Compare every scalar channel of a member of each run at the last step that both recorded up to `step`.

    One row a channel that both have: `a`, `b`, `difference` = b - a and `ratio` = b / a; the step is in `attrs`.
    """
    names = [channel.name for channel in a.engine.channels if not channel.dims and not channel.thin]
    common = np.intersect1d(a.steps, b.steps)
    at = int(common[common <= step][-1])
    left, right = (
        [float(run[name][run.recording.dense.index_at(at), member]) for name in names]
        for run, member in zip((a, b), members, strict=True)
    )
    table = pd.DataFrame({"a": left, "b": right}, index=pd.Index(names, name="channel"))
    table["difference"] = table["b"] - table["a"]
    with np.errstate(divide="ignore", invalid="ignore"):
        table["ratio"] = np.divide(right, left)
    table.attrs["step"] = at
    return table
