"""What the loss becomes along ways, and along random directions of the same length."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from engines.loss_landscape.degeneracy.orbits import random_like
from engines.loss_landscape.probes.landscape import Landscape
from engines.loss_landscape.probes.paths import Way

POINTS = 21
"""Places on a way, the network's own in the middle."""

FLAT = 1e-20
"""Of the outputs' mean square: up to this the function is the same."""

HALVINGS = 12
"""Of a way that is not free as far as it was to go; after these it is given up."""


class Profile(NamedTuple):
    """Of one way, `[T]` each."""

    height: Tensor
    beside: Tensor


def places() -> Tensor:
    """`t [T]`."""
    return torch.linspace(-1, 1, POINTS, dtype=torch.float64)


@torch.no_grad()
def profile(way: Way, one: Landscape, stream: torch.Generator) -> Profile | None:
    """The loss along a way and beside it; None for one that leads nowhere, or is not free however short.

    A finite move along a null direction may flip a gate, so that it is free up to some length only.
    """
    level = FLAT * max(1.0, mean_square(one))
    for halved in range(HALVINGS if way.free else 1):
        points = way.path(places() * 0.5**halved)
        if torch.equal(points[0], points[-1]):  # of weights that are all zero
            return None
        height = one.loss(points)
        if not way.free or bool((height < level).all()):
            return Profile(height, one.loss(beside(one.star, points, stream)))
    return None


def mean_square(one: Landscape) -> float:
    """Of the outputs at w*."""
    assert one.outputs is not None
    return float(one.outputs(one.star).square().mean())


def beside(star: Tensor, points: Tensor, stream: torch.Generator) -> Tensor:
    """Points as far away, to both sides along one random direction, `[T, P]`."""
    unit = torch.nn.functional.normalize(random_like(torch.ones_like(star), stream), dim=0)
    return star + (places().sign() * (points - star).norm(dim=-1))[:, None] * unit
