"""What these tests compare with."""

from __future__ import annotations

import torch
from torch import Tensor


def randn(*shape: int, seed: int = 0) -> Tensor:
    """Standard normal, float64."""
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def same(one: Tensor, other: Tensor, tolerance: float) -> None:
    """Relative or absolute, entry by entry."""
    torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)
