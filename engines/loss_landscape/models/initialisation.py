"""Initial parameters, drawn member by member from the member's own seed, in float32 whatever computes later."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import sqrt

import torch
from torch import Tensor

from engines.core.numerics.noise import stream
from engines.loss_landscape.models.mlp import Mlp

DrawParameters = Callable[[torch.Generator], Tensor]

SAMPLES, TEST, ORDER = 1, 2, 3
"""Purposes of a member's streams beside its start: samples to train on, to test, and their order in minibatches."""


def draw_members(seeds: Sequence[int], draw: DrawParameters, *purpose: int) -> Tensor:
    """Draw each of B members from its own seed and stack, `[B, *]` in float64: none depends on the others.

    Each call of `draw` gets the `stream` of one seed and the purpose, and makes a tensor `[*]`.
    """
    return torch.stack([draw(stream(seed, *purpose)) for seed in seeds]).double()


def uniform(bound: float, shape: tuple[int, ...], source: torch.Generator) -> Tensor:
    """Draw independent numbers of `U(-bound, bound)`, `[*shape]`."""
    return (torch.rand(shape, generator=source) * 2 - 1) * bound


def default(net: Mlp, source: torch.Generator) -> Tensor:
    """Initial parameters `[P]` as torch begins a linear layer: `U(-1, 1)/sqrt(fan_in)` for weights and biases."""
    layers = []
    for rows, columns in net.shapes:
        fan = columns - net.bias
        parts = [uniform(1 / sqrt(fan), (rows, fan), source)]
        parts += [uniform(1 / sqrt(fan), (rows, 1), source)] if net.bias else []
        layers.append(torch.cat(parts, 1))
    return net.join(layers)


def he(net: Mlp, source: torch.Generator) -> Tensor:
    """Initial parameters `[P]` of He et al. 2015: `N(0, 2/fan_in)` for weights, zero for biases."""
    layers = []
    for rows, columns in net.shapes:
        fan = columns - net.bias
        W = torch.randn(rows, fan, generator=source) * sqrt(2 / fan)
        layers.append(torch.cat([W, torch.zeros(rows, int(net.bias))], 1))
    return net.join(layers)
