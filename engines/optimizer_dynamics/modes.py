"""The mode recursion: what every method makes of balanced aligned factors, one number a mode and factor.

Aligned factors stay aligned under every method that turns with the basis, and under entrywise ones in the basis of the
entries. The factors are then diagonals, and the rules of `methods` take diagonals as they are.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from engines.core.methods.method import Leaf, join, split
from engines.core.methods.racing import race
from engines.optimizer_dynamics.config import OptimizerDynamics
from engines.optimizer_dynamics.scenes.training import knobs_of, method_of, rates

LONGEST = 5000
"""Steps that are followed; lines end there."""

SLICE = 256
"""Steps that are taken at a time."""

CPU = torch.device("cpu")


class Recursion:
    """The modes of one configuration, step by step, as far as anybody asked."""

    def __init__(self, config: OptimizerDynamics, start: tuple[float, ...]) -> None:
        """Begin with factors `start` `[r]`, the same in every layer."""
        r, self._L = len(start), config.depth
        self._s = torch.tensor(config.values)[None]
        self._leaves = tuple(Leaf(*shape, diagonal=r) for shape in config.shapes)
        self._knobs, self._rate_schedules = knobs_of([config], CPU), (config.schedule,)
        self._w = torch.tensor(start, dtype=torch.float64).repeat(self._L)[None]
        self._race = race([method_of(config)], self._leaves, self._w, self._knobs)
        self._memory = self._race.start(self._w, self._knobs)
        self._strengths = [self._strength(self._w).numpy()]

    def _strength(self, w: Tensor) -> Tensor:
        """Products `[1, r]` of the diagonals that count."""
        w = self._race.reported(w, self._memory, self._knobs)
        return _product(split(w, self._leaves))

    def _gradient(self) -> tuple[Tensor, Tensor]:
        """Loss `[1]` and gradient `[1, L r]`: of each factor the product of the others times the residual."""
        a = split(self._w, self._leaves)
        others = [_product(a[:at] + a[at + 1 :]) for at in range(self._L)]
        residual = a[0] * others[0] - self._s
        return residual.square().sum(1) / 2, join([residual * other for other in others])

    def until(self, step: int) -> np.ndarray:
        """Return the strengths `[step + 1, r]` from step 0 on."""
        with torch.no_grad():
            while len(self._strengths) <= min(step, LONGEST):
                for _ in range(SLICE):
                    self._advance()
        return np.concatenate(self._strengths[: step + 1])

    def _advance(self) -> None:
        loss, gradient = self._gradient()
        t = torch.full((1,), len(self._strengths) - 1, dtype=torch.long)
        rate = rates(self._rate_schedules, t, self._knobs)
        self._w, self._memory = self._race.step(
            self._w, self._memory, gradient, loss, rate, t + 1, self._knobs
        )  # fmt: skip
        self._strengths.append(self._strength(self._w).numpy())


def _product(factors: list[Tensor]) -> Tensor:
    """Multiply diagonals `[1, r]` entry by entry."""
    whole = factors[0]
    for factor in factors[1:]:
        whole = whole * factor
    return whole


@lru_cache(maxsize=256)
def _recursion(config: OptimizerDynamics, start: tuple[float, ...]) -> Recursion:
    return Recursion(config, start)


def strengths(config: OptimizerDynamics, start: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Return the strengths `u` `[T, r]` at some steps `[T]`, from `a` `[r]` in every factor; NaN beyond `LONGEST`."""
    recursion = _recursion(config.replace(seed=0), tuple(float(a) for a in start))
    last = int(min(np.max(steps, initial=0), LONGEST))
    path = recursion.until(last)
    values = path[np.minimum(steps, last).astype(int)]
    return np.where((np.asarray(steps) <= LONGEST)[:, None], values, np.nan)


def half_times(config: OptimizerDynamics, start: np.ndarray, steps: int) -> np.ndarray:
    """Return the first step `[r]` with `u >= s/2` up to `steps`; NaN where there is none."""
    reached = strengths(config, start, np.arange(steps + 1)) >= config.values / 2
    return np.where(reached.any(0), reached.argmax(0), np.nan)
