"""A lower bound of the nullity with its reasons, at any depth; what it leaves over is the residual.

blocks     sum_l nullity(J^l): types 1 and 2, and neurons that see only part of the data
cross      free directions among the generators of type 3, projected on the row spaces of the J^l
explained  blocks + cross <= nullity(J)

What is left of a generator after the projection may be small, and rounding in it large: it counts where J does not see
it, at the same threshold as everything else.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize

from engines.loss_landscape.degeneracy.numerical_rank import count_above
from engines.loss_landscape.degeneracy.row_space import Seen

ROUNDING = 1e-13
"""Of unit vectors: less is nothing."""


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

    Exact where the generators are all there is; never more than nullity(J) while the thresholds tell zero from not. In
    the coordinates in which columns of J have length one.
    """
    longest = seen.lengths.amax(-1, keepdim=True)
    scales = seen.lengths / torch.where(longest > 0, longest, 1)
    directions = normalize(directions * scales[..., None, :], dim=-1, eps=1e-300)
    widths = [V.shape[-1] for V in seen.spaces]
    # Rows are of length one or zero.
    ranks = torch.stack([V.square().sum((-2, -1)).round().long() for V in seen.spaces], -1)
    parts = zip(directions.split(widths, -1), seen.spaces, strict=True)
    left = torch.cat([part @ V.mT @ V for part, V in parts], -1)
    _, sizes, rows = torch.linalg.svd(left, full_matrices=False)
    kept = sizes > ROUNDING
    visible = count_above(seen.along(rows * kept[..., None]), seen.tau, scale=seen.unit[..., 0])
    return Explained(torch.tensor(widths, device=directions.device) - ranks, kept.sum(-1) - visible)
