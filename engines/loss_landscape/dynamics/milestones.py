"""Milestones: the steps at which a network that learns has memorised and has generalised."""

from __future__ import annotations

import numpy as np

from engines.core.protocol.declarations import Phase
from engines.core.protocol.engine import RunData

MEMORISED, GROKKED = 0.99, 0.95
"""Accuracies on training and test samples from which a network has memorised and generalised, as is usual there."""


def first_step(steps: np.ndarray, reached: np.ndarray) -> float | None:
    """First of the steps `[T]` at which a condition `[T]` holds, None where it never does."""
    return float(steps[reached.argmax()]) if reached.any() else None


def memorised(run: RunData, member: int) -> float | None:
    """First step of a training accuracy above .99."""
    steps, accuracy = run.curves(member, "accuracy")
    return first_step(steps, accuracy > MEMORISED)


def grokked(run: RunData, member: int) -> float | None:
    """First step of a test accuracy above .95."""
    steps, accuracy = run.curves(member, "test_accuracy")
    return first_step(steps, accuracy > GROKKED)


def phases(run: RunData, member: int) -> list[Phase]:
    """Moments of training, or the end of burn-in."""
    config = run.configs[member]
    if config.sampled:
        end = Phase(step=config.burn_in, label="chains count", doc="Burn-in is over: from here on their steps count.")
        return [] if config.boxed or config.burn_in == 0 else [Phase(step=0, label="burn-in", doc=BURN_IN), end]
    moments = {"memorised": memorised(run, member), "generalises": grokked(run, member)}
    phases = [Phase(step=step, label=name, doc=DOCS[name]) for name, step in moments.items() if step is not None]
    return [Phase(step=0, label="learning", doc=DOCS["learning"]), *phases] if phases else []


BURN_IN = "The chains still remember where they began."

DOCS = {
    "learning": "The network still makes mistakes on what it is trained on.",
    "memorised": "Nearly all training samples are right, and the test is not yet.",
    "generalises": "The test accuracy is above 95 %: it has understood.",
}
"""A sentence for each phase of training."""
