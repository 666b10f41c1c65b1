"""Other runs behind the one that plays: the pinned one in grey, stored ones in hues of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dashboard.figures.marks.feed import QUANTILES, living, quantile
from dashboard.session.curves import Curve, curves
from dashboard.ui.palette import GREY

if TYPE_CHECKING:
    from engines.core.runs.run import Run

POINTS = 400
"""Of so many points each curve is drawn; the median and the band are those of the full data there."""


@dataclass(frozen=True)
class Ghost:
    """One curve of another run: `steps [P]`, `median [P]`, and where it stands for several members `band [2, P]`."""

    steps: np.ndarray
    median: np.ndarray
    band: np.ndarray | None
    color: str
    label: str = "pinned run"
    """What the run is called."""


Ghosts = Mapping[str, Sequence[Ghost]]
"""By channel."""


def ghosts(run: Run, several: Sequence[Curve] | None = None, **look: str) -> dict[str, list[Ghost]]:
    """All scalar channels of a run, seeds collapsed to bands; or as some curves that were drawn of it.

    A member ends where it diverged. `look` is the color and the label.
    """
    found: dict[str, list[Ghost]] = {}
    shown = curves(run.initial_configs) if several is None else several
    for channel in run.engine.channels:
        series = run.recording.series(channel.name)
        if channel.dims or channel.name not in series.names or not len(series):
            continue
        rows = np.unique(np.linspace(0, len(series) - 1, POINTS).astype(int))
        steps = series.steps[rows]
        values = living(run, steps, series[channel.name][rows])
        found[channel.name] = [_ghost(steps, values[:, list(curve.members)], look) for curve in shown]
    return found


def _ghost(steps: np.ndarray, values: np.ndarray, look: Mapping[str, str]) -> Ghost:
    low, median, high = (quantile(values, QUANTILES[part]) for part in ("low", "median", "high"))
    band = np.stack([low, high]) if values.shape[1] > 1 else None
    return Ghost(steps, median, band, **{"color": GREY, **look})


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
    """Columns for the outlines of the bands, as far as any member got."""
    ends = [(ghost, *ghost.band, np.isfinite(ghost.band[0])) for ghost in found if ghost.band is not None]
    wide = [(ghost, ghost.steps[kept], low[kept], high[kept]) for ghost, low, high, kept in ends if kept.any()]
    return {
        "xs": [[*steps.tolist(), *steps[::-1].tolist()] for _, steps, _, _ in wide],
        "ys": [[*place(low).tolist(), *place(high)[::-1].tolist()] for _, _, low, high in wide],
        "color": [ghost.color for ghost, *_ in wide],
    }
