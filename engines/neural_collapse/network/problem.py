"""Constants of a batch of networks, and where they begin.

A network is `x_0 = x`, `x_l = ReLU(gain_l * norm(x_{l-1} W_l) + shift_l)` for l = 1..L, `logits = x_L W + b`. Without
batch-norm `norm` is the identity and the gain is 1. Samples are rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from engines.core.compute.batching import flags
from engines.neural_collapse.config import NeuralCollapse
from engines.neural_collapse.network import draws
from engines.neural_collapse.network.data import Data, load

BATCH = 64
"""Samples of one step; what is left of an epoch is dropped."""

REAL = torch.float32
"""Arithmetic of the training: half the cost of float64. Metrics are formed in float64."""


class State(NamedTuple):
    """What evolves; `h` is the width, `D` the size of a sample."""

    first: Tensor
    """W_1 `[B, D, h]`."""
    inner: Tensor
    """W_2 .. W_L `[B, L-1, h, h]`."""
    last: Tensor
    """W `[B, h, K]`."""
    gain: Tensor
    """`[B, L, h]`."""
    shift: Tensor
    """`[B, L, h]`."""
    bias: Tensor
    """b `[B, K]`; stays 0 where a member has none."""
    first_v: Tensor
    """Momentum of each parameter, as they come."""
    inner_v: Tensor
    last_v: Tensor
    gain_v: Tensor
    shift_v: Tensor
    bias_v: Tensor
    mean: Tensor
    """Running mean and variance of `x_{l-1} W_l`, `[B, L, h]`."""
    var: Tensor
    t: Tensor
    """Steps taken, `[B]`."""


@dataclass(frozen=True)
class Problem:
    """`B` networks that share their sizes, their data and how they are trained."""

    X: Tensor
    """Training samples `[N, D]`, class after class."""
    y: Tensor
    """`[N]`."""
    targets: Tensor
    """Unit vectors `[N, K]`."""
    share: Tensor
    """What each sample counts in the mean of its class, `[N, K]`, float64."""
    all: Tensor
    """These, and behind them those of the test, `[N + N_test, D]`."""
    y_test: Tensor
    orders: Tensor
    """Samples in the order in which they are shown, epoch after epoch, `[B, EPOCHS N]`."""
    batch: int
    """Samples of one step."""
    per_epoch: int
    """Steps of an epoch."""
    batch_norm: bool
    greedy: bool
    """Whether layers are added and trained one at a time."""
    entropic: Tensor
    """Whether a member minimises the cross-entropy, `[B]`."""
    biased: Tensor
    """Whether it has a bias on its last layer, `[B]`."""
    shown: Tensor
    """Samples that are drawn, `[P]`."""
    fresh: Tensor
    """What the last layer begins with when layer l is added, `[B, L, h, K]`; one for all of them unless greedy."""
    begun: State
    input: Mapping[str, Tensor]
    """What is told of the samples as they come in, each `[1]`; both filled by `model`."""
    start: Mapping[str, Tensor]
    """Channels of the networks at step 0 that later ones are compared with, `[B]`."""

    def part(self, members: Tensor | slice) -> Problem:
        """The problem of some members."""
        own = ("orders", "entropic", "biased", "fresh")
        chosen = {name: getattr(self, name)[members] for name in own}
        start = {name: value[members] for name, value in self.start.items()}
        return replace(self, **chosen, begun=State(*(value[members] for value in self.begun)), start=start)


def build(configs: Sequence[NeuralCollapse], device: torch.device) -> Problem:
    """Load the samples and draw the networks."""
    one, data = configs[0], load(configs[0].data)
    batch = min(BATCH, len(data.X))
    y = torch.as_tensor(data.y, device=device)
    drawn = [draws.network(config, data.X.shape[1], data.classes) for config in configs]
    first, inner, fresh = (_real(values, device) for values in zip(*drawn, strict=True))
    return Problem(
        X=_real(data.X, device),
        y=y,
        targets=_real(np.eye(data.classes)[data.y], device),
        share=torch.as_tensor(_share(data), device=device),
        all=_real(np.concatenate([data.X, data.X_test]), device),
        y_test=torch.as_tensor(data.y_test, device=device),
        orders=torch.as_tensor(np.stack([draws.orders(config, len(data.X)) for config in configs]), device=device),
        batch=batch,
        per_epoch=len(data.X) // batch,
        batch_norm=one.batch_norm,
        greedy=one.greedy,
        entropic=flags([config.loss == "ce" for config in configs], device),
        biased=flags([config.bias for config in configs], device),
        shown=torch.as_tensor(_shown(data), device=device),
        fresh=fresh,
        begun=_begin(first, inner, fresh[:, 0]),
        input={},
        start={},
    )


def begin(configs: Sequence[NeuralCollapse], problem: Problem) -> State:
    """The networks at step 0."""
    return problem.begun


def nbytes(configs: Sequence[NeuralCollapse]) -> int:
    """Weights with their momentum before and after a step, orders, and the features of one member at a time."""
    one, data = configs[0], load(configs[0].data)
    D, N, h, L, K = data.X.shape[1], len(data.X), one.width, one.depth, data.classes
    weights = 4 * (D * h + (L - 1) * h * h + h * K * (L if one.greedy else 1))
    active = 3 * 4 * BATCH * h * L
    return len(configs) * (5 * weights + active + 4 * draws.EPOCHS * N) + 8 * N * (2 * D + h * (L + 2))


def _real(values: object, device: torch.device) -> Tensor:
    return torch.as_tensor(np.asarray(values), dtype=REAL, device=device)


def _begin(first: Tensor, inner: Tensor, last: Tensor) -> State:
    B, L, h = len(first), inner.shape[1] + 1, first.shape[-1]
    zero, bias = first.new_zeros(B, L, h), first.new_zeros(B, last.shape[-1])
    weights = (first, inner, last, torch.ones_like(zero), zero, bias)
    still = [torch.zeros_like(value) for value in weights]
    t = torch.zeros(B, dtype=torch.long, device=first.device)
    return State._make([*weights, *still, zero, torch.ones_like(zero), t])


def _share(data: Data) -> np.ndarray:
    member = np.eye(data.classes)[data.y]
    return member / member.sum(0)


def _shown(data: Data) -> np.ndarray:
    """The first samples of each class: as many of each, so that an axis has one length."""
    count = min(SHOWN, max(1, POINTS // data.classes), int(np.bincount(data.y).min()))
    return np.concatenate([np.flatnonzero(data.y == k)[:count] for k in range(data.classes)])


SHOWN, POINTS = 40, 600
"""At most so many samples of each class are drawn, and of all."""
