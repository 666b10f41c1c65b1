"""Two runs side by side: in which knobs they differ, and by how much their channels do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from engines.core.protocol.engine import RunData


def changed(a: RunData, b: RunData, members: tuple[int, int] = (0, 0)) -> dict[str, tuple[Any, Any]]:
    """The knobs in which a member of one run began otherwise than one of the other: `{knob: (in a, in b)}`."""
    left, right = (dict(run.openings[member]) for run, member in zip((a, b), members, strict=True))
    return {name: (value, right[name]) for name, value in left.items() if right.get(name) != value}


def curves(
    a: RunData, b: RunData, channel: str, members: tuple[int, int] = (0, 0)
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A scalar channel of a member of each at all steps that both recorded: steps, values in a, values in b, `[T]`."""
    steps, left, right = np.intersect1d(a.steps, b.steps, return_indices=True)
    return steps, a[channel][left, members[0]], b[channel][right, members[1]]


def difference(a: RunData, b: RunData, step: int, members: tuple[int, int] = (0, 0)) -> pd.DataFrame:
    """Every scalar channel of a member of each at the last step that both recorded up to `step`.

    One row a channel that both have: `a`, `b`, `difference` = b - a and `ratio` = b / a; the step is in `attrs`.
    """
    names = [channel.name for channel in a.engine.channels if not channel.dims and not channel.thin]
    common = np.intersect1d(a.steps, b.steps)
    at = int(common[common <= step][-1])
    left, right = (
        [float(run[name][run.recording.dense.at(at), member]) for name in names]
        for run, member in zip((a, b), members, strict=True)
    )
    found = pd.DataFrame({"a": left, "b": right}, index=pd.Index(names, name="channel"))
    found["difference"] = found["b"] - found["a"]
    with np.errstate(divide="ignore", invalid="ignore"):
        found["ratio"] = np.divide(right, left)
    found.attrs["step"] = at
    return found
