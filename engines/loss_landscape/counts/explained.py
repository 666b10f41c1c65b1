"""A lower bound of the nullity with its reasons, at any depth; what it leaves over is the residual.

blocks     sum_l nullity(J^l): types 1 and 2, and neurons that see only part of the data
cross      rank of the generators of type 3, projected on the row spaces of the J^l
explained  blocks + cross <= nullity(J)
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from engines.loss_landscape.counts.ranks import rank
from engines.loss_landscape.counts.seen import Seen


class Explained(NamedTuple):
    """Integers, a lower bound and its parts."""

    blocks: Tensor
    """`nullity(J^l)`, `[..., L]`."""
    cross: Tensor
    """Free directions across layers, `[...]`."""

    @property
    def total(self) -> Tensor:
        """`sum_l nullity(J^l) + cross`, `[...]`."""
        return self.blocks.sum(-1) + self.cross


def explain(seen: Seen, directions: Tensor) -> Explained:
    """Count from the row spaces of the layers and unit generators `[..., q, P]`.

    Exact where the generators are all there is; never more than nullity(J) while the thresholds tell zero from not.
    """
    widths = [V.shape[-1] for V in seen.spaces]
    # Rows are of length one or zero.
    ranks = torch.stack([V.square().sum((-2, -1)).round().long() for V in seen.spaces], -1)
    parts = zip(directions.split(widths, -1), seen.spaces, strict=True)
    # Unit directions: where all of them vanish, the largest is no scale.
    cross = rank(torch.cat([part @ V.mT for part, V in parts], -1), seen.tau, scale=1.0)
    return Explained(torch.tensor(widths, device=directions.device) - ranks, cross)
