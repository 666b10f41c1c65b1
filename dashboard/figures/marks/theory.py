"""Theory as it is drawn: dashed, in the hue of its curve, grey where an assumption is broken."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dashboard.session.curves import Curve
from engines.core.protocol.errors import FAULTS

if TYPE_CHECKING:
    from engines.core.protocol.config import Config
    from engines.core.protocol.declarations import Prediction
    from engines.core.protocol.engine import Engine

MOST = 16
"""Curves that get theory lines; more would hide the data."""

POINTS = 90

SAMPLE = 9
"""Members of a band whose predictions are asked for; the median is drawn, as it is of the band itself."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Line:
    """A prediction for one curve."""

    curve: Curve
    prediction: Prediction
    steps: np.ndarray

    @property
    def subject(self) -> tuple[str, str, int | None]:
        """Of which curve, channel and component it speaks."""
        return self.curve.key, self.prediction.channel, self.prediction.component


def grid(horizon: int) -> np.ndarray:
    """Steps on which a theory line is drawn: dense on a logarithmic and on a linear axis alike."""
    late = np.geomspace(1, max(horizon, 2) * 1.15, POINTS)
    even = np.linspace(0, max(horizon, 2) * 1.05, POINTS // 2)
    return np.unique(np.round(np.concatenate([late, even])).astype(np.int64))


def predict(
    engine: Engine, curves: Sequence[Curve], configs: Sequence[Config], horizon: int, edited: str = ""
) -> list[Line]:
    """Every prediction for the first curves; one that fails is left out, and said in the log.

    `edited` says that knobs changed on the way: what a theorem says of a whole run then holds of none.
    """
    steps, found = grid(horizon), []
    for curve in curves[:MOST]:
        try:
            predictions = _typical([engine.theory(configs[i], steps) for i in _sample(curve)])
        except FAULTS:
            log.exception("theory failed for %s", curve.label)
            continue
        found += [Line(curve, replace(p, broken=p.broken or edited), steps) for p in predictions]
    return found


def _sample(curve: Curve) -> list[int]:
    places = np.linspace(0, len(curve.members) - 1, min(SAMPLE, len(curve.members))).round().astype(int)
    return [curve.members[place] for place in places]


def _typical(predictions: Sequence[Sequence[Prediction]]) -> list[Prediction]:
    """The median of predictions that say the same of several members; of others the first member's."""
    first = predictions[0]
    alike = [found for found in predictions if [p.label for p in found] == [p.label for p in first]]
    medians = [np.median([found[i].values for found in alike], axis=0) for i in range(len(first))]
    return [replace(one, values=values) for one, values in zip(first, medians, strict=True)]


def reasons(why: Mapping[str, Sequence[str]], every: set[str]) -> str:
    """Broken assumptions in a line: `why` maps each to the curves it concerns; the first two are written out."""
    texts = [_concerns(reason, list(dict.fromkeys(who)), every) for reason, who in why.items()]
    rest = f"; and {len(texts) - 2} more" if len(texts) > 2 else ""
    return "; ".join(texts[:2]) + rest


def _concerns(reason: str, who: Sequence[str], every: set[str]) -> str:
    if set(who) == every or all(reason.startswith(label.split(",")[0]) for label in who):
        return reason
    return f"{reason} ({', '.join(who) if len(who) < 3 else f'{len(who)} curves'})"


def columns(lines: Sequence[Line], hues: Sequence[str]) -> dict[str, Any]:
    """The data of one `MultiLine`; plain lists, since each array would be a socket frame of its own."""
    finite = [np.isfinite(line.prediction.values) for line in lines]
    xs = [line.steps[keep].tolist() for line, keep in zip(lines, finite, strict=True)]
    ys = [_short(line.prediction.values[keep]) for line, keep in zip(lines, finite, strict=True)]
    return {"xs": xs, "ys": ys, "color": list(hues), "name": [_name(line) for line in lines]}


def _short(values: np.ndarray) -> list[float]:
    return [float(f"{value:.5g}") for value in values]


def _name(line: Line) -> str:
    return f"{title(line.prediction)} ({line.curve.label})"


def title(prediction: Prediction) -> str:
    """What a legend calls a line: a bound that is called a law would be read as one that misses."""
    kind = {"law": "theory", "upper": "upper bound", "lower": "lower bound"}[prediction.kind]
    return f"{kind}: {prediction.label}"
