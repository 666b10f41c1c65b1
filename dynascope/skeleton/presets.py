"""Experiments, each with the claims that it makes and how they are judged."""

from __future__ import annotations

import numpy as np

from engines.core.analysis.verdict_helpers import verdict
from engines.core.protocol.declarations import Verdict
from engines.core.protocol.engine import Preset, RunData

from . import dynamics


def judge_rate(run: RunData) -> list[Verdict]:
    """Judge the measured logarithm of the factor a step against the predicted one; the farthest member counts."""
    errors = []
    for member, config in enumerate(run.configs):
        steps, values = run.curve("loss", member)
        long_enough = len(steps) and steps[-1] >= 50
        slope = np.log(values[-1] / values[0]) / steps[-1] if long_enough else None
        errors.append(None if slope is None else slope / np.log(dynamics.rate(config)))
    return [verdict("measured over predicted rate of the loss", errors, 1.0, 1e-6)]


PRESETS = (
    Preset(
        name="S1",
        title="Three curvatures",
        look_for="Straight lines on a logarithmic axis: the loss falls by the same factor in every step.",
        set={"curvature": [0.5, 1.0, 2.0]},
        steps=200,
        judge=judge_rate,
        source="textbook: linear convergence of gradient descent on a quadratic",
    ),
)
