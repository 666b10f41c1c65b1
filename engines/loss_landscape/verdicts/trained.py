"""Presets of trained networks: when they learn what, and what is left of their parameters."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from engines.core.engine import Verdict
from engines.core.judging import above, final, verdict
from engines.core.run import Run
from engines.loss_landscape import milestones

Judge = Callable[[Run], list[Verdict]]


def grokking(centre: float, tolerance: float) -> Judge:
    """The step of generalisation."""

    def judge(run: Run) -> list[Verdict]:
        members = range(len(run.configs))
        return [
            verdict("it generalises at step", [milestones.grokked(run, i) for i in members], centre, tolerance),
            above("that is after it memorised, by steps", [_between(run, i) for i in members], 0),
        ]

    return judge


def _between(run: Run, member: int) -> float | None:
    known, understood = milestones.memorised(run, member), milestones.grokked(run, member)
    return None if known is None or understood is None else understood - known


def falls(run: Run) -> list[Verdict]:
    """The effective parameters at the end over those at the start."""
    if not len(run) or run.preset is None or run.steps[-1] < run.preset.steps:
        return [verdict("effective parameters: end over start", [None], 0.3, 0.25)]
    counts = run["effective_parameters"]
    shares = [float(counts[-1, i] / counts[0, i]) for i in range(len(run.configs))]
    return [verdict("effective parameters: end over start", shares, 0.3, 0.25)]


def opening(run: Run) -> list[Verdict]:
    """The page opens on it: grokking, and the fall of the effective parameters."""
    return [*grokking(1100, 900)(run), *falls(run)]


def reads(least: float) -> Judge:
    """Test accuracy at the end."""

    def judge(run: Run) -> list[Verdict]:
        return [above("test accuracy", [final(run, "test_accuracy", i) for i in range(len(run.configs))], least)]

    return judge


def superposed(run: Run) -> list[Verdict]:
    """L17: five features on a pentagon, the sixth given up."""
    members = range(len(run.configs))
    return [
        verdict("loss", [final(run, "loss", i) for i in members], 0.06, 0.01),
        verdict("features that are kept", [_kept(run, i) for i in members], 5, 0.5),
    ]


def _kept(run: Run, member: int) -> float | None:
    if not len(run) or run.preset is None or run.steps[-1] < run.preset.steps:
        return None
    x, y = run["point_x"][-1, member], run["point_y"][-1, member]
    return float((np.hypot(x, y) > 0.5).sum())
