"""Where a network begins: drawn member by member from the member's own seed, in float32 whatever computes later."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import sqrt

import torch
from torch import Tensor

from engines.loss_landscape.mlp import Mlp

Draw = Callable[[torch.Generator], Tensor]


def stream(seed: int) -> torch.Generator:
    """On the CPU, so that no run depends on its device."""
    return torch.Generator().manual_seed(seed)


def drawn(seeds: Sequence[int], draw: Draw) -> Tensor:
    """`draw` once for each seed, stacked in float64: no member depends on who else is in the batch."""
    return torch.stack([draw(stream(seed)) for seed in seeds]).double()


def uniform(bound: float, shape: tuple[int, ...], source: torch.Generator) -> Tensor:
    """`U(-bound, bound)`."""
    return (torch.rand(shape, generator=source) * 2 - 1) * bound


def default(net: Mlp, source: torch.Generator) -> Tensor:
    """`U(-1, 1)/sqrt(fan_in)` for weights and biases, `[P]`: how torch begins a linear layer."""
    layers = []
    for rows, columns in net.shapes:
        fan = columns - net.bias
        parts = [uniform(1 / sqrt(fan), (rows, fan), source)]
        parts += [uniform(1 / sqrt(fan), (rows, 1), source)] if net.bias else []
        layers.append(torch.cat(parts, 1))
    return net.join(layers)


def he(net: Mlp, source: torch.Generator) -> Tensor:
    """`N(0, 2/fan_in)` for weights, zero for biases, `[P]`. He et al. 2015."""
    layers = []
    for rows, columns in net.shapes:
        fan = columns - net.bias
        W = torch.randn(rows, fan, generator=source) * sqrt(2 / fan)
        layers.append(torch.cat([W, torch.zeros(rows, int(net.bias))], 1))
    return net.join(layers)
