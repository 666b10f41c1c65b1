"""When a network that learns has memorised, and when it has understood."""

from __future__ import annotations

import numpy as np

from engines.core.protocol.declarations import Phase
from engines.core.protocol.engine import RunData

MEMORISED, GROKKED = 0.99, 0.95
"""Accuracies on what is trained and on what is not, from which both are said; as is usual there."""


def first_step(steps: np.ndarray, reached: np.ndarray) -> float | None:
    """The first step where something is so."""
    return float(steps[reached.argmax()]) if reached.any() else None


def memorised(run: RunData, member: int) -> float | None:
    """Step of a training accuracy above .99."""
    steps, accuracy = run.curves(member, "accuracy")
    return first_step(steps, accuracy > MEMORISED)


def grokked(run: RunData, member: int) -> float | None:
    """Step of a test accuracy above .95."""
    steps, accuracy = run.curves(member, "test_accuracy")
    return first_step(steps, accuracy > GROKKED)


def phases(run: RunData, member: int) -> list[Phase]:
    """Moments of training, or the end of burn-in."""
    config = run.configs[member]
    if config.sampled:
        return [] if config.boxed or config.burn_in == 0 else [Phase(step=config.burn_in, label="chains count")]
    moments = {"memorised": memorised(run, member), "generalises": grokked(run, member)}
    return [Phase(step=step, label=name) for name, step in moments.items() if step is not None]
