"""Random numbers of chains as a function of the step, each member from its own seed, many steps at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import torch
from torch import Tensor

from engines.loss_landscape.models.initialisation import stream

NORMALS, UNIFORMS, ROWS = 11, 12, 13
"""Purposes of a member's streams."""

LARGE = 2**19
"""About how many numbers a block has for each member."""


def block(numbers: int) -> int:
    """Steps of a block, where one step takes so many numbers: it depends on nothing else."""
    return max(1, min(256, LARGE // max(numbers, 1)))


class Noise:
    """Draws `[B, *shape]` for each step; keeps the newest blocks."""

    def __init__(self, seeds: Sequence[int], purpose: int, shape: tuple[int, ...], kind: str, limit: int = 0) -> None:
        self._seeds, self._purpose, self._shape, self._limit = tuple(seeds), purpose, shape, limit
        self._steps = block(torch.Size(shape).numel())
        self._draw: Callable[..., Tensor] = {"normal": self._normal, "uniform": self._uniform, "rows": self._rows}[kind]
        self._block = lru_cache(maxsize=2)(self._drawn)

    def at(self, step: int) -> Tensor:
        """Those of one step."""
        number, place = divmod(step, self._steps)
        return self._block(number)[:, place]

    def _drawn(self, number: int) -> Tensor:
        shape = (self._steps, *self._shape)
        return torch.stack([self._draw(stream(seed, self._purpose, number), shape) for seed in self._seeds])

    def _normal(self, source: torch.Generator, shape: tuple[int, ...]) -> Tensor:
        return torch.randn(shape, generator=source, dtype=torch.float64)

    def _uniform(self, source: torch.Generator, shape: tuple[int, ...]) -> Tensor:
        return torch.rand(shape, generator=source, dtype=torch.float64)

    def _rows(self, source: torch.Generator, shape: tuple[int, ...]) -> Tensor:
        return torch.randint(self._limit, shape, generator=source)
