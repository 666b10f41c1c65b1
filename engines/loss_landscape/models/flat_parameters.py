"""Several tensors as one flat vector, for models that are no perceptrons."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor


@dataclass(frozen=True)
class Layout:
    """The order and shapes of the tensors."""

    shapes: tuple[tuple[int, ...], ...]

    @property
    def P(self) -> int:
        """Numbers in all."""
        return sum(map(prod, self.shapes))

    def split(self, theta: Tensor) -> list[Tensor]:
        """Views `[..., *shape]` of parameters `theta [..., P]`."""
        parts = theta.split(list(map(prod, self.shapes)), -1)
        return [part.unflatten(-1, shape) for part, shape in zip(parts, self.shapes, strict=True)]

    def join(self, tensors: list[Tensor]) -> Tensor:
        """The inverse of `split`, `[..., P]`."""
        flat = [one.flatten(-len(shape)) for one, shape in zip(tensors, self.shapes, strict=True)]
        return torch.cat(flat, -1)
