"""States of a batch as values: which of their members are finite, and what is chosen from two of them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

HUGE = 1e30
"""An entry of the state beyond this has diverged: its powers would overflow the diagnostics."""

READ_AT_ONCE = (torch.float64, torch.float32)
"""Types of which a processor finds least and largest in one reading."""


def all_finite(state: Any) -> bool:
    """Whether no member of a state `[B, *]` has diverged, on the processor."""
    reals = [value for value in state if value.is_floating_point() and value.numel()]
    if any(value.dtype not in READ_AT_ONCE for value in reals):
        return bool(finite_members(state).all())
    # A NaN is the least and the largest.
    return all(-HUGE < float(least) and float(most) < HUGE for least, most in (value.aminmax() for value in reals))


def finite_members(state: Any) -> Tensor:
    """Which members of a state `[B, *]` have not diverged, `[B]`."""
    within = [(value.abs() < HUGE).reshape(len(value), -1).all(1) for value in state if value.is_floating_point()]
    return torch.stack(within).all(0)


def chosen(mask: Tensor, yes: Any, no: Any) -> Any:
    """Take the members that are marked in `mask` `[B]` from one state `[B, *]`, and the rest from another."""

    def choose(a: Tensor, b: Tensor) -> Tensor:
        return torch.where(mask.view(-1, *[1] * (a.dim() - 1)), a, b)

    return type(yes)(*(choose(a, b) for a, b in zip(yes, no, strict=True)))
