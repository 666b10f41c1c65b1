"""Other runs behind the one that plays: the pinned one in grey, stored ones in hues of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dashboard.curves import Curve, curves
from dashboard.palette import GREY

if TYPE_CHECKING:
    from engines.core.run import Run

POINTS = 400
"""Of so many points each curve is drawn; the median and the band are those of the full data there."""

BAND = (10, 90)
"""Per cent of the members, as in the bands of the run that plays."""


@dataclass(frozen=True)
class Ghost:
    """One curve of another run: `steps [P]`, `median [P]`, and where it stands for several members `band [2, P]`."""

    steps: np.ndarray
    median: np.ndarray
    band: np.ndarray | None
    color: str


Ghosts = Mapping[str, Sequence[Ghost]]
"""By channel."""


def ghosts(run: Run, color: str = GREY, several: Sequence[Curve] | None = None) -> dict[str, list[Ghost]]:
    """All scalar channels of a run, seeds collapsed to bands; or as some curves that were drawn of it."""
    found: dict[str, list[Ghost]] = {}
    shown = curves(run.openings) if several is None else several
    for channel in run.engine.channels:
        series = run.recording.series(channel.name)
        if channel.dims or channel.name not in series.names:
            continue
        rows = np.unique(np.linspace(0, len(series) - 1, POINTS).astype(int))
        values, steps = series[channel.name][rows], series.steps[rows]
        found[channel.name] = [_ghost(steps, values[:, list(curve.members)], color) for curve in shown]
    return found


def _ghost(steps: np.ndarray, values: np.ndarray, color: str) -> Ghost:
    band = np.percentile(values, BAND, axis=1) if values.shape[1] > 1 else None
    return Ghost(steps, np.median(values, axis=1), band, color)


def merged(several: Sequence[Ghosts]) -> dict[str, list[Ghost]]:
    """The ghosts of several runs together."""
    names = dict.fromkeys(name for each in several for name in each)
    return {name: [ghost for each in several for ghost in each.get(name, ())] for name in names}


def line_columns(found: Sequence[Ghost], place: Any) -> dict[str, list[Any]]:
    """Columns for the curves."""
    return {
        "xs": [ghost.steps.tolist() for ghost in found],
        "ys": [place(ghost.median).tolist() for ghost in found],
        "color": [ghost.color for ghost in found],
    }


def band_columns(found: Sequence[Ghost], place: Any) -> dict[str, list[Any]]:
    """Columns for the outlines of the bands."""
    wide = [(ghost, ghost.band) for ghost in found if ghost.band is not None]
    return {
        "xs": [[*ghost.steps.tolist(), *ghost.steps[::-1].tolist()] for ghost, _ in wide],
        "ys": [[*place(low).tolist(), *place(high)[::-1].tolist()] for _, (low, high) in wide],
        "color": [ghost.color for ghost, _ in wide],
    }
