"""A lower bound of the nullity with its reasons, at any depth; what it leaves over is the residual.

blocks     sum_l nullity(J^l): types 1 and 2, and neurons that see only part of the data
cross      rank of the generators of type 3, projected on the row spaces of the J^l
explained  blocks + cross <= nullity(J)
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import torch
from torch import Tensor

from engines.loss_landscape.counts.ranks import SINGULAR, rank
from engines.loss_landscape.mlp import Mlp
from engines.loss_landscape.training.layout import Layout


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


def row_space(J: Tensor, tau: float = SINGULAR) -> Tensor:
    """Orthonormal rows that span those of J `[..., p, q]`, the others zero, `[..., min(p, q), q]`."""
    _, values, V = torch.linalg.svd(J, full_matrices=False)
    return V * (values > tau * values[..., :1])[..., None]


def explain(net: Mlp | Layout, J: Tensor, directions: Tensor, tau: float = SINGULAR) -> Explained:
    """Count from J, or any factor of JᵀJ, `[..., p, P]` and unit generators `[..., q, P]`.

    Exact where the generators are all there is; never more than nullity(J) while the thresholds tell zero from not.
    """
    widths = [prod(shape) for shape in net.shapes]
    spaces = [row_space(part, tau) for part in J.split(widths, -1)]
    # Rows are of length one or zero.
    ranks = torch.stack([V.square().sum((-2, -1)).round().long() for V in spaces], -1)
    parts = zip(directions.split(widths, -1), spaces, strict=True)
    # Unit directions: where all of them vanish, the largest is no scale.
    cross = rank(torch.cat([part @ V.mT for part, V in parts], -1), tau, scale=1.0)
    return Explained(torch.tensor(widths, device=J.device) - ranks, cross)
