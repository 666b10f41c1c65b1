"""Where a member is in its training: which layer greedy training is at, how long, and with which step size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from engines.neural_collapse.network.problem import Problem, State

Knobs = Mapping[str, Tensor]

DROP = 0.1
"""What the step size is multiplied by at a drop."""

JOINT, GREEDY = ((1, 3), (2, 3)), ((1, 2), (3, 4))
"""Drops, as fractions of the epochs: of all layers trained together, and of each layer that is added."""


class Place(NamedTuple):
    """Each member's place, `[B]`."""

    layer: Tensor
    """The layer that greedy training adds, from 0 on; L - 1 where all layers are trained together."""
    since: Tensor
    """Steps since the epochs began to count: of this layer, or of the whole training."""
    rate: Tensor


def place(problem: Problem, state: State, knobs: Knobs) -> Place:
    """Greedy training spends all its epochs on each layer in turn, and stays with the last."""
    length = knobs["epochs"].long() * problem.per_epoch
    top = torch.full_like(state.t, state.gain.shape[1] - 1)
    layer = torch.minimum(state.t // length, top) if problem.greedy else top
    since = state.t - layer * length if problem.greedy else state.t
    shares = GREEDY if problem.greedy else JOINT
    drops = torch.stack([parts * since >= part * length for part, parts in shares]).sum(0)
    return Place(layer, since, knobs["learning_rate"] * DROP ** drops.to(knobs["learning_rate"].dtype))


class Head(NamedTuple):
    """The last layer and its momentum."""

    last: Tensor
    last_v: Tensor
    bias: Tensor
    bias_v: Tensor


def head(problem: Problem, state: State, now: Place) -> Head:
    """The last layer as it enters a step: drawn afresh where greedy training adds a layer."""
    own = Head(state.last, state.last_v, state.bias, state.bias_v)
    if not problem.greedy:
        return own
    drawn = problem.fresh[torch.arange(len(now.layer), device=now.layer.device), now.layer]
    new = Head(drawn, torch.zeros_like(drawn), torch.zeros_like(own.bias), torch.zeros_like(own.bias))
    begins = now.since == 0
    chosen = (torch.where(begins.view(-1, *[1] * (a.dim() - 1)), a, b) for a, b in zip(new, own, strict=True))
    return Head(*chosen)
