"""Verdicts on presets about networks that are trained."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from engines.core.analysis.curve_fits import slope
from engines.core.analysis.verdict_helpers import above, below, finals, ratio, verdict
from engines.core.protocol.declarations import Verdict
from engines.core.protocol.engine import RunData
from engines.neural_collapse.config import NeuralCollapse
from engines.neural_collapse.verdicts.common import all_members, each

DEEPEST = {"mse": 0.100, "ce": 0.115}
"""Reference NC1 of the eighth layer of greedy networks, by their loss."""

TRAINED = {"mse": 0.025, "ce": 0.0255}
"""Reference NC1 of networks after 120 epochs, means of three seeds, by their loss."""

STEEP = {4: (-0.97, 0.15), 8: (-0.49, 0.08)}
"""Reference slope of the logarithm of NC1 over the layers, with its spread, by the number of layers."""

DECAYED = {4: 0.027, 8: 0.012}
"""Reference NC1 of the last hidden layer, means of four seeds, by the number of layers.

Without weight decay that of 8 layers stays half higher.
"""


def greedy(run: RunData) -> list[Verdict]:
    """Judge P9: every layer that is added collapses what it is given."""
    return [
        below("NC1 of a layer over that below: the largest", _ends(run, all_members(run), "layer_nc1", _steepest), 1.0),
        *(
            verdict(
                f"{loss.upper()}: NC1 of the last layer", finals(run, "nc1", run.where(loss=loss)), value, value / 4
            )
            for loss, value in DEEPEST.items()
        ),
    ]


def _steepest(values: np.ndarray) -> float:
    return float((values[1:] / values[:-1]).max())


def decays(run: RunData) -> list[Verdict]:
    """Judge P10: weight decay of the features moves NC1 more than that of the last layer."""
    members = all_members(run)
    return [
        *(
            verdict(f"{loss.upper()}: NC1 at the end", finals(run, "nc1", _with_decays(run, loss, 1, 1)), value, 0.006)
            for loss, value in TRAINED.items()
        ),
        below("squares, NC1: features × 2 over last layer × 2", _pairs(run, (2, 1), (1, 2)), 1.0),
        below("squares, NC1: last layer × 2 over none changed", _pairs(run, (1, 2), (1, 1)), 1.0),
        below("squares, NC1: none changed over last layer 0", _pairs(run, (1, 1), (1, 0)), 1.0),
        below("squares, NC1: last layer 0 over features 0", _pairs(run, (1, 0), (0, 1)), 1.0),
        below("entropy, NC1: features × 2 over features 0", _pairs(run, (2, 1), (0, 1), "ce"), 1.0),
        verdict("accuracy in training", finals(run, "accuracy", members), 1.0, 0.0),
        above("accuracy on the test", finals(run, "accuracy_test", members), 0.98),
        below("samples off the nearest mean", finals(run, "nc4", members), 1e-3),
    ]


def _with_decays(run: RunData, loss: str, features: float, final_layer: float) -> list[int]:
    """Members whose weight decays are so many times the usual."""
    usual = NeuralCollapse().weight_decay_features
    return run.where(loss=loss, weight_decay_features=features * usual, weight_decay_last=final_layer * usual)


def _pairs(run: RunData, one: tuple[float, float], other: tuple[float, float], loss: str = "mse") -> list[float | None]:
    """Ratios of NC1 at the end, seed by seed."""
    ends = (finals(run, "nc1", _with_decays(run, loss, *times)) for times in (one, other))
    return [ratio(*pair) for pair in zip(*ends, strict=True)]


def separation(run: RunData) -> list[Verdict]:
    """Judge P11: log NC1 falls along a straight line over the hidden layers, to a level that weight decay sets."""
    return [
        *(
            verdict(f"{depth} layers: slope of the logarithm of NC1 over the layers",
                    _ends(run, run.where(depth=depth), "layer_nc1", _slope), steepness, spread)
            for depth, (steepness, spread) in STEEP.items()
        ),
        *(
            verdict(f"{depth} layers: NC1 of the last", finals(run, "nc1", run.where(depth=depth)), value, value / 4)
            for depth, value in DECAYED.items()
        ),
        below("correlation with a straight line", _ends(run, all_members(run), "layer_nc1", _correlation), -0.97),
    ]  # fmt: skip


def _slope(values: np.ndarray) -> float | None:
    """Slope of the logarithm over the hidden layers; the first of the `[L + 1]` values is that of the samples."""
    return slope(np.arange(1, len(values)), np.log(values[1:]), fewest=2)


def _correlation(values: np.ndarray) -> float:
    return float(np.corrcoef(np.arange(1, len(values)), np.log(values[1:]))[0, 1])


def _ends(
    run: RunData, members: Iterable[int], channel: str, measure: Callable[[np.ndarray], float | None]
) -> list[float | None]:
    """Measure the layers of each member, `[L + 1]` values, at the preset's last step."""
    return each(run, members, lambda run, i: measure(_layers(run, channel, -1, i)))


def _layers(run: RunData, channel: str, frame: int, member: int) -> np.ndarray:
    """Values of a channel of layers, `[L + 1]`, without the filling of members that have fewer layers than others."""
    return run[channel][frame, member, : run.configs[member].depth + 1]
