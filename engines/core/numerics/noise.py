"""Random draws on the CPU, so that no run depends on its device: by seed, purpose and step, in blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor


def orthonormal(stream: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Draw the Q factor of a standard Gaussian matrix, `[rows, columns]`."""
    return np.linalg.qr(stream.standard_normal((rows, columns)))[0]


def stream(seed: int, *purpose: int) -> torch.Generator:
    """Make an independent generator for every seed and purpose, on the CPU so that no run depends on its device.

    Of a seed torch uses the lower 32 bits alone, so a purpose is mixed in by numpy.
    """
    mixed = int(np.random.SeedSequence((seed, *purpose)).generate_state(1)[0]) if purpose else seed
    return torch.Generator().manual_seed(mixed)


BLOCK_NUMBERS = 2**19
"""About how many numbers are drawn at once for each member."""


def steps_per_block(numbers: int) -> int:
    """Number of steps that are drawn at once, where one step takes so many numbers: a function of nothing else."""
    return max(1, min(256, BLOCK_NUMBERS // max(numbers, 1)))


class Noise:
    """Random numbers `[B, *shape]` as a function of the step, each member's from its own seed; keeps new blocks."""

    def __init__(self, seeds: Sequence[int], purpose: int, shape: tuple[int, ...], kind: str, limit: int = 0) -> None:
        self._seeds, self._purpose, self._shape, self._limit = tuple(seeds), purpose, shape, limit
        self._steps = steps_per_block(torch.Size(shape).numel())
        self._draw: Callable[..., Tensor] = {"normal": self._normal, "uniform": self._uniform, "rows": self._rows}[kind]
        self._block = lru_cache(maxsize=2)(self._drawn)

    def at(self, step: int) -> Tensor:
        """Numbers of one step, `[B, *shape]`."""
        number, place = divmod(step, self._steps)
        return self._block(number)[:, place]

    def _drawn(self, number: int) -> Tensor:
        shape = (self._steps, *self._shape)
        return torch.stack([self._draw(stream(seed, self._purpose, number), shape) for seed in self._seeds])

    def _normal(self, generator: torch.Generator, shape: tuple[int, ...]) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    def _uniform(self, generator: torch.Generator, shape: tuple[int, ...]) -> Tensor:
        return torch.rand(shape, generator=generator, dtype=torch.float64)

    def _rows(self, generator: torch.Generator, shape: tuple[int, ...]) -> Tensor:
        return torch.randint(self._limit, shape, generator=generator)
