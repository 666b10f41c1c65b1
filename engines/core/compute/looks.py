"""Looks at several steps of a batch at once.

A state is immutable, so that those of some steps are kept, and observed together as if they were members of one batch:
what a look at a small problem costs is the calling of its operations.

A number does not depend on what it is observed beside. Solvers of linear algebra round by where in memory a matrix
begins, modulo 16 bytes, so that each step takes an even number of places; functions and sums round otherwise in what is
left over of a row of registers, so that all places together fill such rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import gcd
from typing import Any

import torch
from torch import Tensor

from engines.core.compute.channel_check import check_channels
from engines.core.protocol.engine import Engine
from engines.core.protocol.errors import EngineFailure

TOGETHER = 32
"""Most steps that are observed at once."""

ROW = 16
"""Numbers that a processor takes at once, in two registers; float64 in registers of AVX-512."""

CACHED = 2**20
"""Most bytes of states that are observed at once: what is large is computed no quicker together."""

GATHERED = 2
"""Problems that are kept gathered: as wide as most looks of a run, and as those at the end of a stretch of it."""

Knobs = Mapping[str, Tensor]


class Looks:
    """Observes the states of one batch, several at once where the engine lets its members be gathered."""

    def __init__(self, engine: Engine, problem: Any, state: Any) -> None:
        self._engine, self._problem, self._members = engine, problem, len(state[0])
        self._places = self._members + self._members % 2
        self._gathered: dict[int, tuple[Tensor, Any]] = {}
        self._knobs: dict[int, tuple[Knobs, Knobs]] = {}
        self._least = ROW // gcd(ROW, self._places)
        fitting = CACHED * self._members // max(1, self._places * sum(value.nbytes for value in state))
        self.most = min(TOGETHER, 1 << max(0, fitting.bit_length() - 1))
        """Most states that are observed at once; 1 where each is observed alone."""
        if self.most < self._least or engine.gather(problem, self._index(1, state[0].device)) is None:
            self.most = 1

    def channels(self, states: Sequence[Any], knobs: Knobs) -> dict[str, Tensor]:
        """Observe all channels but the thin ones in each of T states `[B, *]`, `[T, B, *dims]`; knobs are `[B]`."""
        count = max(self._least, 1 << (len(states) - 1).bit_length())
        if self.most == 1 or (count == 1 and self._places == self._members):
            return {name: value[None] for name, value in self._observed(self._problem, states[0], knobs).items()}
        index, problem = self._problem_of(count, states[0][0].device)
        padded = [*states, *[states[-1]] * (count - len(states))]
        together = type(states[0])(*(torch.cat(values)[index] for values in zip(*padded, strict=True)))
        try:
            values = self._observed(problem, together, self._knobs_of(count, knobs, index))
        except EngineFailure:
            self._observed(self._problem, states[0], knobs)  # what is wrong is said of as many members as there are
            raise
        return {
            name: value.unflatten(0, (count, self._places))[: len(states), : self._members]
            for name, value in values.items()
        }

    def _observed(self, problem: Any, state: Any, knobs: Knobs) -> dict[str, Tensor]:
        return check_channels(self._engine, self._engine.observe(problem, state, knobs), len(state[0]), False)

    def _index(self, count: int, device: torch.device) -> Tensor:
        """Places in `count` states of B members, one after another, `[count * places]`: the last member fills up."""
        own = torch.arange(self._places, device=device).clamp_max(self._members - 1)
        return (self._members * torch.arange(count, device=device)[:, None] + own).flatten()

    def _problem_of(self, count: int, device: torch.device) -> tuple[Tensor, Any]:
        if count not in self._gathered:
            while len(self._gathered) >= GATHERED:
                oldest = next(iter(self._gathered))
                del self._gathered[oldest]
                self._knobs.pop(oldest, None)
            index = self._index(count, device)
            self._gathered[count] = index, self._engine.gather(self._problem, index % self._members)
        return self._gathered[count]

    def _knobs_of(self, count: int, knobs: Knobs, index: Tensor) -> Knobs:
        if count not in self._knobs or self._knobs[count][0] is not knobs:
            own = index % self._members
            self._knobs[count] = knobs, {name: value[own] for name, value in knobs.items()}
        return self._knobs[count][1]
