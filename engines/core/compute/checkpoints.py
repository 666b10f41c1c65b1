"""States to come back to, under a memory budget."""

from __future__ import annotations

from bisect import bisect_right

from engines.core.compute.simulation import Checkpoint, Simulation

BUDGET = 256 * 2**20
"""Bytes that the checkpoints of one run may take."""


class Checkpoints:
    """Checkpoints by step. Over budget, every second one goes; the first and the newest stay."""

    def __init__(self, budget: int = BUDGET) -> None:
        self._budget = budget
        self._kept: list[Checkpoint] = []

    def offer(self, simulation: Simulation) -> None:
        """Keep the simulation's state if its step is on the thin schedule and not kept yet."""
        if simulation.step not in simulation.thin:
            return
        self.forget(simulation.step - 1)
        self._kept.append(simulation.checkpoint())
        while sum(kept.nbytes() for kept in self._kept) > self._budget and len(self._kept) > 2:
            self._kept[1:-1] = self._kept[2:-1:2]

    def before(self, step: int) -> Checkpoint:
        """The last checkpoint at or before `step`."""
        return self._kept[max(0, bisect_right([kept.step for kept in self._kept], step) - 1)]

    def forget(self, step: int) -> None:
        """Drop every checkpoint after `step`."""
        self._kept = [kept for kept in self._kept if kept.step <= step]
