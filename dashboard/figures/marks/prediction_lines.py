"""Theory: dashed lines over curves, grey where an assumption fails, and predictions for the points of a sweep."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from bokeh.models import MultiLine

from dashboard.session.curves import Curve
from dashboard.ui.notation import plain
from engines.core.data.schedule import Schedule
from engines.core.protocol.errors import FAULTS, message_of

if TYPE_CHECKING:
    from dashboard.figures.marks.step_mark import StepData
    from engines.core.protocol.config import Config
    from engines.core.protocol.declarations import Prediction
    from engines.core.protocol.engine import Engine

DASH = (7, 5)
"""Pixels drawn and left out, of every line that is a prediction."""

MOST_CURVES = 16
"""Curves that get theory lines; more would hide the data."""

THEORY_STEPS = 90
"""Steps of a logarithmic axis at which laws are computed; half as many are added evenly."""

BAND_SAMPLE = 9
"""Members of a band whose predictions are asked for; the median is drawn, as it is of the band itself."""

MOST_CONFIGS = 96
"""Configurations of a sweep whose theory is asked for: together about 0.1 s, once for an experiment."""

POINT_SAMPLE = 5
"""Members of one point of a sweep that are asked at most."""

log = logging.getLogger(__name__)


# -- lines over steps ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PredictionLine:
    """A prediction for one curve at some steps `[T]`."""

    curve: Curve
    prediction: Prediction
    steps: np.ndarray

    @property
    def key(self) -> tuple[str, str, int | None]:
        """Name the curve, the channel and the component that are predicted."""
        return self.curve.key, self.prediction.channel, self.prediction.component


def predict(
    engine: Engine, curves: Sequence[Curve], configs: Sequence[Config], horizon: int, edited: str = ""
) -> tuple[list[PredictionLine], str]:
    """Compute every prediction for the first curves, and the reason why some curves have none, "" where all have.

    `edited` says that knobs changed on the way: what a theorem says of a whole run then holds of none.
    """
    steps, lines, failure = step_grid(horizon), [], ""
    for curve in curves[:MOST_CURVES]:
        try:
            sample = _evenly_spaced(curve.members, BAND_SAMPLE)
            predictions = _median_predictions([engine.theory(configs[i], steps) for i in sample])
        except FAULTS as error:
            log.exception("theory failed for %s", curve.label)
            failure = failure or f"There is no theory of {curve.label or 'this run'} ({type(error).__name__}: {error})."
            continue
        lines += [PredictionLine(curve, replace(p, broken=p.broken or edited), steps) for p in predictions]
    return lines, failure


def step_grid(horizon: int) -> np.ndarray:
    """Choose the steps `[T]` of a theory line: dense on a logarithmic and on a linear axis alike."""
    late = np.geomspace(1, max(horizon, 2) * 1.15, THEORY_STEPS)
    even = np.linspace(0, max(horizon, 2) * 1.05, THEORY_STEPS // 2)
    return np.unique(np.round(np.concatenate([late, even])).astype(np.int64))


def _median_predictions(predictions: Sequence[Sequence[Prediction]]) -> list[Prediction]:
    """Take the median of predictions that say the same of several members; of others the first member's."""
    first = predictions[0]
    alike = [each for each in predictions if [p.label for p in each] == [p.label for p in first]]
    medians = [np.median([each[i].values for each in alike], axis=0) for i in range(len(first))]
    return [replace(one, values=values) for one, values in zip(first, medians, strict=True)]


def dashed_lines(**style: Any) -> MultiLine:
    """Make the glyph of theory lines, over a source with `xs`, `ys` and `color`."""
    return MultiLine(xs="xs", ys="ys", line_color="color", line_dash=list(DASH), line_width=1.6, **style)


def line_columns(lines: Sequence[PredictionLine], hues: Sequence[str]) -> dict[str, Any]:
    """Collect the data of one `MultiLine`; plain lists, since each array would be a socket frame of its own."""
    finite = [np.isfinite(line.prediction.values) for line in lines]
    xs = [line.steps[keep].tolist() for line, keep in zip(lines, finite, strict=True)]
    ys = [_rounded(line.prediction.values[keep]) for line, keep in zip(lines, finite, strict=True)]
    names = [f"{title(line.prediction)[0]} ({line.curve.label})" for line in lines]
    return {"xs": xs, "ys": ys, "color": list(hues), "name": names}


def _rounded(values: np.ndarray) -> list[float]:
    return [float(f"{value:.5g}") for value in values]


def title(prediction: Prediction) -> tuple[str, str]:
    """Name a line for the legend, and the rest of what its label says, which is told on hovering.

    A bound that is called a law would be read as one that misses.
    """
    kind = {"law": "theory", "upper": "upper bound", "lower": "lower bound", "band": "band"}[prediction.kind]
    name, _, details = plain(prediction.label).partition(" (")
    return f"{kind}: {name}", details.removesuffix(")")


LONGEST_REASON = 80
"""Letters of what is written out of broken assumptions: two lines under the title of a small figure."""


def broken_assumptions(curves: Mapping[str, Sequence[str]], every: set[str]) -> str:
    """Write broken assumptions in a line: `curves` maps each to those it concerns; two short ones are written out."""
    texts = [_with_curves(reason, list(dict.fromkeys(labels)), every) for reason, labels in curves.items()]
    shown = 2 if len("; ".join(texts[:2])) <= LONGEST_REASON else 1
    others = f"; and {len(texts) - shown} more" if len(texts) > shown else ""
    return "; ".join(texts[:shown]) + others


def _with_curves(reason: str, labels: Sequence[str], every: set[str]) -> str:
    if set(labels) == every or all(reason.startswith(label.split(",")[0]) for label in labels):
        return reason
    names, count = ", ".join(labels), "1 curve" if len(labels) == 1 else f"{len(labels)} curves"
    return f"{reason} ({names if len(labels) < 3 and len(reason + names) <= LONGEST_REASON else count})"


# -- predictions for the points of a sweep or a map ------------------------------------------------------------


class PredictionTable:
    """The median prediction of one channel `[points, steps]`, computed once for all observed steps.

    A point is a list of configurations that differ in seeds; `label` names the law, "" where none holds.
    """

    def __init__(self, engine: Engine, channel: str, points: Sequence[Sequence[Config]], horizon: int) -> None:
        self.channel, self.label = channel, ""
        self.failure = ""
        """Why there is no theory of some points, as a sentence; "" where all could be computed."""
        self.steps = np.array(Schedule().steps(horizon))
        each, every = max(1, min(POINT_SAMPLE, MOST_CONFIGS // len(points))), -(-len(points) // MOST_CONFIGS)
        self._values = np.full((len(points), len(self.steps)), np.nan)
        for place in range(0, len(points), every):
            laws = [law for config in _evenly_spaced(points[place], each) for law in self._laws(engine, config)]
            if laws:
                self._values[place] = np.median(laws, axis=0)

    def _laws(self, engine: Engine, config: Config) -> list[np.ndarray]:
        """Find the first law that holds for the channel; of theories that fail the first is a sentence, and logged."""
        try:
            predictions = engine.theory(config, self.steps)
        except FAULTS as error:
            if not self.failure:
                log.exception("theory failed for a point of a sweep")
                self.failure = f"There is no theory of some points ({type(error).__name__}: {message_of(error)})."
            return []
        for prediction in predictions:
            if prediction.channel == self.channel and prediction.kind == "law" and not prediction.broken:
                self.label = self.label or prediction.label
                return [prediction.values]
        return []

    def at_step(self, step: int) -> np.ndarray:
        """Predict each point `[points]`, NaN where nothing is known; linear between two observed steps."""
        high = min(int(np.searchsorted(self.steps, step)), len(self.steps) - 1)
        low = high if self.steps[high] <= step else high - 1
        share = (step - self.steps[low]) / max(self.steps[high] - self.steps[low], 1)
        low_values, high_values = self._values[:, low], self._values[:, high]
        return low_values if low == high else low_values + share * (high_values - low_values)


class SweepPredictions:
    """Predictions for the points of an ensemble while it runs; none once knobs have changed on the way."""

    def __init__(self, engine: Engine, channel: str, points: Sequence[Sequence[Config]]) -> None:
        self._engine, self._channel, self._points = engine, channel, points
        self._table: PredictionTable | None = None
        self._horizon = 0

    @property
    def label(self) -> str:
        """Name of the law; "" before any was asked for."""
        return self._table.label if self._table else ""

    @property
    def failure(self) -> str:
        """Why there is no theory of some points, as a sentence; "" where all could be computed."""
        return self._table.failure if self._table else ""

    def at_step(self, now: StepData) -> np.ndarray:
        """Predict each point `[points]`. Theory is asked again where the run has another end, or goes beyond it."""
        if any(event.step > 0 for event in now.run.recording.events):
            return np.full(len(self._points), np.nan)
        if self._table is None or self._table.steps[-1] < now.step or self._horizon != now.horizon:
            self._horizon = now.horizon
            farthest = max(now.horizon, 2 * now.step)
            self._table = PredictionTable(self._engine, self._channel, self._points, farthest)
        return self._table.at_step(now.step)


def _evenly_spaced(items: Sequence[Any], most: int) -> list[Any]:
    places = np.linspace(0, len(items) - 1, min(most, len(items))).round().astype(int)
    return [items[place] for place in places]
