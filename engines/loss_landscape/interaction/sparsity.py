"""How few edges carry a section. Batched over leading axes; edges `E [..., r', r]`, none negative."""

from __future__ import annotations

import torch
from torch import Tensor

TINY = 1e-300


def edges_for(E: Tensor, share: float = 0.99) -> Tensor:
    """The least number of edges that sum to `share` of all, `[...]`; 0 where there are none."""
    ordered = E.flatten(-2).sort(-1, descending=True).values
    sums = ordered.cumsum(-1)
    # The last sum itself, not a sum in another order: share = 1 must not ask for more than there is.
    return (sums < share * sums[..., -1:]).sum(-1) + (sums[..., -1] > 0)


def participation(E: Tensor) -> Tensor:
    """`(sum E)²/sum E²`, `[...]`: k for k equal edges."""
    return E.sum((-2, -1)).square() / E.square().sum((-2, -1)).clamp_min(TINY)


def l1_over_l2(E: Tensor) -> Tensor:
    """`sum sqrt E/sqrt(sum E)`, `[...]`: `sqrt k` for k equal edges."""
    return torch.sqrt(E).sum((-2, -1)) / E.sum((-2, -1)).clamp_min(TINY).sqrt()


def off_diagonal(E: Tensor) -> Tensor:
    """Sum of edges off the diagonal over that on it, `[...]`: 0 where features map one to one in order."""
    own = torch.eye(*E.shape[-2:], dtype=torch.bool, device=E.device)
    off = torch.where(own, 0, E).sum((-2, -1))  # not a difference: it would lose what is below 1e-16
    return off / torch.where(own, E, 0).sum((-2, -1)).clamp_min(TINY)
