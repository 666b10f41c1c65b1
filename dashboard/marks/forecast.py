"""What theory says of the points of a sweep, at any step."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from engines.core.schedule import Schedule

if TYPE_CHECKING:
    from engines.core.config import Config
    from engines.core.engine import Engine

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
        except Exception:
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


def _spread(configs: Sequence[Config], most: int) -> list[Config]:
    places = np.linspace(0, len(configs) - 1, min(most, len(configs))).round().astype(int)
    return [configs[place] for place in places]
