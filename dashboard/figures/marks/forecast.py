"""What theory says of the points of a sweep or a map, at any step."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from engines.core.data.schedule import Schedule
from engines.core.protocol.errors import FAULTS

if TYPE_CHECKING:
    from dashboard.figures.marks.still import Moment
    from engines.core.protocol.config import Config
    from engines.core.protocol.engine import Engine

CALLS = 96
"""Configurations whose theory is asked for: together about 0.1 s, once for an experiment."""

SAMPLE = 5
"""Members of one point that are asked at most."""

log = logging.getLogger(__name__)


class Forecast:
    """The median prediction of one channel for each point, asked for once and for all observed steps."""

    def __init__(self, engine: Engine, channel: str, points: Sequence[Sequence[Config]], horizon: int) -> None:
        self.channel, self.label = channel, ""
        self.steps = np.array(Schedule().steps(horizon))
        each, every = max(1, min(SAMPLE, CALLS // len(points))), -(-len(points) // CALLS)
        self._values = np.full((len(points), len(self.steps)), np.nan)
        for place in range(0, len(points), every):
            laws = [law for config in _spread(points[place], each) for law in self._laws(engine, config)]
            if laws:
                self._values[place] = np.median(laws, axis=0)

    def _laws(self, engine: Engine, config: Config) -> list[np.ndarray]:
        """The first law that holds for the channel; a theory that fails is said in the log."""
        try:
            predictions = engine.theory(config, self.steps)
        except FAULTS:
            log.exception("theory failed for a point of a sweep")
            return []
        for found in predictions:
            if found.channel == self.channel and found.kind == "law" and not found.broken:
                self.label = self.label or found.label
                return [found.values]
        return []

    def at(self, step: int) -> np.ndarray:
        """The prediction of each point, NaN where there is none; between two observed steps, on the line."""
        high = min(int(np.searchsorted(self.steps, step)), len(self.steps) - 1)
        low = high if self.steps[high] <= step else high - 1
        share = (step - self.steps[low]) / max(self.steps[high] - self.steps[low], 1)
        low_values, high_values = self._values[:, low], self._values[:, high]
        return low_values if low == high else low_values + share * (high_values - low_values)


class Outlook:
    """The forecast of an ensemble's points while it runs; nothing once knobs have changed on the way."""

    def __init__(self, engine: Engine, channel: str, points: Sequence[Sequence[Config]]) -> None:
        self._engine, self._channel, self._points = engine, channel, points
        self._forecast: Forecast | None = None
        self._horizon = 0

    @property
    def label(self) -> str:
        """What the law is called; "" before any was asked for."""
        return self._forecast.label if self._forecast else ""

    def at(self, now: Moment) -> np.ndarray:
        """One value a point. Theory is asked again where the run has another end, or goes beyond it."""
        if any(event.step > 0 for event in now.run.recording.events):
            return np.full(len(self._points), np.nan)
        if self._forecast is None or self._forecast.steps[-1] < now.step or self._horizon != now.horizon:
            self._horizon = now.horizon
            farthest = max(now.horizon, 2 * now.step)
            self._forecast = Forecast(self._engine, self._channel, self._points, farthest)
        return self._forecast.at(now.step)


def _spread(configs: Sequence[Config], most: int) -> list[Config]:
    places = np.linspace(0, len(configs) - 1, min(most, len(configs))).round().astype(int)
    return [configs[place] for place in places]
