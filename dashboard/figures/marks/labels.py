"""Labels of the phases: those too close to be read side by side are written as one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engines.core.protocol.declarations import Phase

NEAR = 0.13
"""Share of the figure's width below which two labels would run into one another."""

LATE = 0.8
"""From this share of the width on a label is written to the left of its line."""


def columns(phases: Sequence[Phase], window: tuple[float, float], log: bool) -> dict[str, Any]:
    """One line a phase; a label a cluster, at its last line."""
    seen = sorted((phase for phase in phases if phase.step > 0 or not log), key=lambda phase: phase.step)
    places = [_place(phase.step, window, log) for phase in seen]
    texts = [phase.label for phase in seen]
    for index in range(len(seen) - 1):
        if places[index + 1] - places[index] < NEAR:
            texts[index + 1], texts[index] = f"{texts[index]} · {texts[index + 1]}", ""
    sides = ["right" if place > LATE else "left" for place in places]
    shifts = [-4.0 if side == "right" else 4.0 for side in sides]
    lifts = [4 + 14 * (index % 2) for index in range(len(seen))]
    steps = [float(phase.step) for phase in seen]
    return {"x": steps, "label": texts, "lift": lifts, "shift": shifts, "side": sides}


def _place(step: float, window: tuple[float, float], log: bool) -> float:
    low, high, at = (*window, step)
    if log:
        low, high, at = (math.log10(max(value, 1e-300)) for value in (low, high, at))
    return (at - low) / (high - low) if high > low else 0.0
