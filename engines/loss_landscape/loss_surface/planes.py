"""Which plane through a point is worth looking at: at random, where training went, or along curvature."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.hessian.extreme_eigenvectors import bottom, top
from engines.loss_landscape.hessian.products import Product, gauss_newton, reverse_over_reverse
from engines.loss_landscape.loss_surface.directions import filter_normalised, principal
from engines.loss_landscape.loss_surface.null_direction import generator
from engines.loss_landscape.loss_surface.surface import Loss
from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.models.network_at_step import Specimen

STEPS = 60
"""Of Lanczos' method; the ends of a spectrum are found long before."""


class Ground(NamedTuple):
    """A loss, the point at which it is looked at, and how training came there."""

    loss: Loss
    """In float64."""
    origin: Tensor
    """`[P]`."""
    way: Tensor
    """`[T, P]`."""
    found: Specimen | None
    """The network; None for a loss in closed form."""


class Choice(NamedTuple):
    """A plane and what is known about it."""

    directions: Tensor
    """`[2, P]`."""
    facts: dict[str, Any]
    note: str = ""


def choose(kind: str, ground: Ground, seed: int) -> Choice:
    """The directions of one of `PLANES`. Raises `ConfigError` for another, and where training has not moved yet."""
    if kind not in PLANES:
        raise ConfigError(f"plane={kind} is not one of {', '.join(PLANES)}")
    return PLANES[kind](ground, seed)


def _random(ground: Ground, seed: int) -> Choice:
    model, seeds = _network(ground).subject.model, (seed + 1, seed + 2)
    tensors, biases = (model, model.bias) if isinstance(model, Mlp) else (getattr(model, "layout", model), False)
    drawn = [filter_normalised(tensors, ground.origin, one, biases) for one in seeds]  # type: ignore[reportArgumentType]
    return Choice(torch.stack(drawn), {"seed_a": seeds[0], "seed_b": seeds[1]})


def _trajectory(ground: Ground, seed: int) -> Choice:
    if len(ground.way) < 3 or not bool((ground.way != ground.way[-1]).any()):
        raise ConfigError(f"plane=trajectory needs steps that were taken: there are {len(ground.way)} snapshots so far")
    found = principal(ground.way)
    return Choice(found.directions, {"share_a": float(found.shares[0]), "share_b": float(found.shares[1])})


def _hessian(ground: Ground, seed: int) -> Choice:
    return Choice(_top(ground, seed, 2), {})


def _negative(ground: Ground, seed: int) -> Choice:
    least = bottom(_product(ground), _start(ground, seed), _steps(ground), 1)
    value = float(least.values[0])
    note = "" if value < 0 else "No curvature is negative here: the second direction is the flattest that was found."
    return Choice(torch.cat([_top(ground, seed, 1), least.vectors]), {}, note)


def _null(ground: Ground, seed: int) -> Choice:
    found = _network(ground)
    free, whence = generator(found), "The second direction is one that synchronised neurons leave free."
    if free is None:
        model, X = found.subject.model, found.samples.X
        product = gauss_newton(lambda at: model(at, X), ground.origin)
        free = bottom(product, _start(ground, seed), _steps(ground), 1).vectors[0]
        whence = "No neuron is free to trade with another: the second direction is the flattest of the outputs."
    return Choice(torch.stack([_top(ground, seed, 1)[0], free]), {}, whence)


def ends(ground: Ground) -> Choice:
    """The first and the last parameter: for a loss in closed form, whose parameters mean something by themselves."""
    P = len(ground.origin)
    if P < 2:
        raise ConfigError(f"a surface needs two parameters, this loss has {P}")
    directions = torch.eye(P, dtype=torch.float64)[[0, -1]]
    return Choice(directions, {}, "A loss in closed form is drawn over its first and its last parameter.")


PLANES: dict[str, Callable[[Ground, int], Choice]] = {
    "random": _random,
    "trajectory": _trajectory,
    "hessian": _hessian,
    "negative": _negative,
    "null": _null,
}


def curvatures(ground: Ground, directions: Tensor) -> Tensor:
    """`uᵀ H u/|u|²` at the origin, `[2]`."""
    return (_product(ground)(directions) * directions).sum(-1) / directions.square().sum(-1)


def _network(ground: Ground) -> Specimen:
    if ground.found is None:
        raise ConfigError("a loss in closed form has no layers: this plane needs a network")
    return ground.found


def _top(ground: Ground, seed: int, count: int) -> Tensor:
    return top(_product(ground), _start(ground, seed), _steps(ground), count).vectors


def _product(ground: Ground) -> Product:
    return reverse_over_reverse(ground.loss, ground.origin)


def _steps(ground: Ground) -> int:
    return min(STEPS, len(ground.origin))


def _start(ground: Ground, seed: int) -> Tensor:
    source = torch.Generator().manual_seed(seed)
    return torch.randn(len(ground.origin), generator=source, dtype=torch.float64)
