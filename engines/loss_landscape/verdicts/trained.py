"""Verdicts on presets of trained networks: when they learn what, and how many effective parameters are left."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from engines.core.analysis.verdict_helpers import above, below, final, per_member, verdict
from engines.core.protocol.declarations import Verdict
from engines.core.protocol.engine import RunData
from engines.loss_landscape.dynamics import milestones

Judge = Callable[[RunData], list[Verdict]]


def is_finished(run: RunData) -> bool:
    """Whether the preset has been run to its end."""
    return bool(len(run)) and run.preset is not None and run.steps[-1] >= run.preset.steps


def groks(memorised: float, least: float) -> Judge:
    """Judge that a network memorises before a step, generalises so many times later, and has generalised at the end."""

    def judge(run: RunData) -> list[Verdict]:
        members = range(len(run.configs))
        return [
            below("it has memorised at step", [milestones.memorised(run, i) for i in members], memorised),
            above("step of generalising over step of memorising", [_later(run, i) for i in members], least),
            above("test accuracy at the end", [final(run, "test_accuracy", i) for i in members], milestones.GROKKED),
        ]

    return judge


def _later(run: RunData, member: int) -> float | None:
    memorised, generalised = milestones.memorised(run, member), milestones.grokked(run, member)
    return None if memorised is None or generalised is None else generalised / memorised


def opening(run: RunData) -> list[Verdict]:
    """Judge the opening preset: grokking, and the fall of the effective parameters as it generalises."""
    fallen = [_fallen(run, i) for i in range(len(run.configs))]
    return [*groks(300, 3)(run), below("effective parameters: end over peak", fallen, 0.85)]


def _fallen(run: RunData, member: int) -> float | None:
    """Effective parameters at the end over the most that there were, which is about where it had memorised."""
    counts = run["effective_parameters"][:, member]
    return float(counts[-1] / counts.max()) if is_finished(run) else None


def squares_before_relus(run: RunData) -> list[Verdict]:
    """Judge L14: squares generalise, and ReLUs do so later or not at all."""
    smooth = run.where(activation="square")
    return [
        above("test accuracy of squares at the end", per_member(run, lambda i: final(run, "test_accuracy", i),
              activation="square"), milestones.GROKKED),
        above("step of generalising, ReLUs over squares", [_lag(run, i) for i in smooth], 2),
    ]  # fmt: skip


def _lag(run: RunData, member: int) -> float | None:
    """Step of generalising of ReLUs over that of squares; ReLUs that never do count with the last step."""
    (other,) = run.where(activation="relu", seed=run.configs[member].seed)
    early, late = milestones.grokked(run, member), milestones.grokked(run, other)
    if early is None or (late is None and not is_finished(run)):
        return None
    return (float(run.steps[-1]) if late is None else late) / early


def test_accuracy(least: float) -> Judge:
    """Judge the test accuracy at the end."""

    def judge(run: RunData) -> list[Verdict]:
        return [above("test accuracy", [final(run, "test_accuracy", i) for i in range(len(run.configs))], least)]

    return judge


def superposed(run: RunData) -> list[Verdict]:
    """Judge L17: five features on a pentagon, the sixth given up."""
    members = range(len(run.configs))
    return [
        verdict("loss", [final(run, "loss", i) for i in members], 0.06, 0.01),
        verdict("features that are kept", [_kept(run, i) for i in members], 5, 0.5),
        verdict("angle between neighbours, in degrees", [_angle(run, i) for i in members], 72, 8),
    ]


def _features(run: RunData, member: int) -> np.ndarray | None:
    """Angles of the kept features, ascending."""
    if not is_finished(run):
        return None
    x, y = run["point_x"][-1, member], run["point_y"][-1, member]
    kept = np.hypot(x, y) > 0.5
    return np.sort(np.degrees(np.arctan2(y[kept], x[kept])))


def _kept(run: RunData, member: int) -> float | None:
    angles = _features(run, member)
    return None if angles is None else float(len(angles))


def _angle(run: RunData, member: int) -> float | None:
    """Angle between neighbours that is farthest from a fifth of a turn."""
    angles = _features(run, member)
    if angles is None or not len(angles):
        return None
    gaps = np.diff([*angles, angles[0] + 360])
    return float(gaps[np.abs(gaps - 72).argmax()])
