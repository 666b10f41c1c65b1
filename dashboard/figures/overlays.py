"""Curves of other runs behind the one that plays: the pinned one in grey, stored ones in hues of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dashboard.figures.marks.streamed_source import mask_diverged, summarised
from dashboard.session.curves import Curve, curves, parts
from dashboard.ui.palette import GREY

if TYPE_CHECKING:
    from engines.core.runs.run import Run

OVERLAY_STEPS = 400
"""Recorded steps at which each curve is drawn; its median and band are those of the full data there."""


@dataclass(frozen=True)
class OverlayCurve:
    """One curve of another run: `steps [P]`, `median [P]`, and for several members `band [2, P]`."""

    steps: np.ndarray
    median: np.ndarray
    band: np.ndarray | None
    color: str
    label: str = "pinned run"
    """The name of the run in the legend."""


Overlays = Mapping[str, Sequence[OverlayCurve]]
"""Curves of other runs by channel."""


def overlay_curves(
    run: Run, drawn: Sequence[Curve] | None = None, color: str = GREY, label: str = "pinned run"
) -> dict[str, list[OverlayCurve]]:
    """Compute the curves of all scalar channels of a run: those that were `drawn` of it, else seeds as bands.

    A member ends where it diverged.
    """
    overlays: dict[str, list[OverlayCurve]] = {}
    drawn = _all_curves(run) if drawn is None else drawn
    for channel in run.engine.channels:
        series = run.recording.series(channel.name)
        if channel.dims or channel.name not in series.names or not len(series):
            continue
        rows = np.unique(np.linspace(0, len(series) - 1, OVERLAY_STEPS).astype(int))
        steps = series.steps[rows]
        values = mask_diverged(run, steps, series[channel.name][rows])
        overlays[channel.name] = [
            _overlay(steps, values[:, list(curve.members)], curve.mean, color, label) for curve in drawn
        ]
    return overlays


def _all_curves(run: Run) -> Sequence[Curve]:
    """Choose the curves of a run that is drawn behind another; one band where it has too many for one picture."""
    every = curves(run.initial_configs, preset=run.preset)
    return every if len(parts(every)) == 1 else [Curve("c0", "", GREY, tuple(range(len(run.initial_configs))))]


def _overlay(steps: np.ndarray, values: np.ndarray, mean: bool, color: str, label: str) -> OverlayCurve:
    """Summarise values [P, members] by their middle and, for several members, the band [2, P] around it."""
    low, median, high = (summarised(values, statistic, mean) for statistic in ("low", "median", "high"))
    band = np.stack([low, high]) if values.shape[1] > 1 else None
    return OverlayCurve(steps, median, band, color, label)


def merged(several: Sequence[Overlays]) -> dict[str, list[OverlayCurve]]:
    """Put the curves of several runs together, channel by channel."""
    names = dict.fromkeys(name for each in several for name in each)
    return {name: [curve for each in several for curve in each.get(name, ())] for name in names}


def line_columns(overlays: Sequence[OverlayCurve], place: Any) -> dict[str, Any]:
    """Make the columns of a `MultiLine` of the medians; `place(values)` maps values to heights in the figure."""
    return {
        "xs": [curve.steps.tolist() for curve in overlays],
        "ys": [place(curve.median).tolist() for curve in overlays],
        "color": [curve.color for curve in overlays],
    }


def band_columns(overlays: Sequence[OverlayCurve], place: Any) -> dict[str, Any]:
    """Make the columns of the outlines of the bands, as far as any member got; `place` as in `line_columns`."""
    ends = [(curve, *curve.band, np.isfinite(curve.band[0])) for curve in overlays if curve.band is not None]
    wide = [(curve, curve.steps[kept], low[kept], high[kept]) for curve, low, high, kept in ends if kept.any()]
    return {
        "xs": [[*steps.tolist(), *steps[::-1].tolist()] for _, steps, _, _ in wide],
        "ys": [[*place(low).tolist(), *place(high)[::-1].tolist()] for _, _, low, high in wide],
        "color": [curve.color for curve, *_ in wide],
    }
