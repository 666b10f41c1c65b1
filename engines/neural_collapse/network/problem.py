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
from engines.neural_collapse.network.data import Data, load

BATCH_SIZE = 64
"""Samples of one step; what is left of an epoch is dropped."""

REAL = torch.float32
"""Arithmetic of the training: half the cost of float64. Metrics are formed in float64."""


class State(NamedTuple):
    """Parameters, momentum and running statistics of `B` networks; `h` is the width, `D` the size of a sample."""

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
    """Momentum of the parameters, in their order and of their shapes."""
    inner_v: Tensor
    last_v: Tensor
    gain_v: Tensor
    shift_v: Tensor
    bias_v: Tensor
    mean: Tensor
    """Running mean of `x_{l-1} W_l`, `[B, L, h]`."""
    var: Tensor
    """`[B, L, h]`."""
    t: Tensor
    """Steps taken, `[B]`."""


@dataclass(frozen=True)
class Problem:
    """`B` networks that share their sizes, their data and how they are trained."""

    X: Tensor
    """Training samples `[N, D]`, class after class."""
    y: Tensor
    """Classes of the training samples, `[N]`."""
    targets: Tensor
    """Unit vectors `[N, K]`."""
    averaging: Tensor
    """Weight of each sample in the mean of its class, `[N, K]`, float64."""
    X_all: Tensor
    """Training samples, and behind them those of the test, `[N + N_test, D]`."""
    y_test: Tensor
    """`[N_test]`."""
    orders: Tensor
    """Samples in the order in which they are shown, epoch after epoch, `[B, EPOCHS N]`."""
    batch_size: int
    """Samples of one step."""
    per_epoch: int
    """Steps of an epoch."""
    batch_norm: bool
    greedy: bool
    """Whether layers are added and trained one at a time."""
    uses_cross_entropy: Tensor
    """Whether a member minimises the cross-entropy, `[B]`."""
    any_cross_entropy: bool
    """Whether any member does."""
    has_bias: Tensor
    """Whether a member has a bias on its last layer, `[B]`."""
    plotted: Tensor
    """Samples that are drawn, `[P]`."""
    new_heads: Tensor
    """Initial last layer of each stage of greedy training, `[B, L, h, K]`; else a single one, `[B, 1, h, K]`."""
    initial: State
    input_channels: Mapping[str, Tensor]
    """Channels of layers of the samples as they come in, each `[1]`; both filled by `dynamics`."""
    initial_channels: Mapping[str, Tensor]
    """Channels of the networks at step 0 that later ones are compared with, `[B]`."""

    def select(self, members: Tensor | slice) -> Problem:
        """The problem of some members, given by their places `[b]`."""
        own = ("orders", "uses_cross_entropy", "has_bias", "new_heads")
        chosen = {name: getattr(self, name)[members] for name in own}
        channels = {name: value[members] for name, value in self.initial_channels.items()}
        initial = State(*(value[members] for value in self.initial))
        return replace(self, **chosen, initial=initial, initial_channels=channels)


def build(configs: Sequence[NeuralCollapse], device: torch.device) -> Problem:
    """Load the samples and draw the networks."""
    one, data = configs[0], load(configs[0].data)
    batch_size = min(BATCH_SIZE, len(data.X))
    y = torch.as_tensor(data.y, device=device)
    drawn = [initial_weights(config, data.X.shape[1], data.classes) for config in configs]
    first, inner, new_heads = (_real(values, device) for values in zip(*drawn, strict=True))
    return Problem(
        X=_real(data.X, device),
        y=y,
        targets=_real(np.eye(data.classes)[data.y], device),
        averaging=torch.as_tensor(_share(data), device=device),
        X_all=_real(np.concatenate([data.X, data.X_test]), device),
        y_test=torch.as_tensor(data.y_test, device=device),
        orders=torch.as_tensor(np.stack([sample_orders(config, len(data.X)) for config in configs]), device=device),
        batch_size=batch_size,
        per_epoch=len(data.X) // batch_size,
        batch_norm=one.batch_norm,
        greedy=one.greedy,
        uses_cross_entropy=flags([config.loss == "ce" for config in configs], device),
        any_cross_entropy=any(config.loss == "ce" for config in configs),
        has_bias=flags([config.bias for config in configs], device),
        plotted=torch.as_tensor(_plotted(data), device=device),
        new_heads=new_heads,
        initial=_initial(first, inner, new_heads[:, 0]),
        input_channels={},
        initial_channels={},
    )


def init(configs: Sequence[NeuralCollapse], problem: Problem) -> State:
    """The networks as they are drawn."""
    return problem.initial


def nbytes(configs: Sequence[NeuralCollapse]) -> int:
    """Estimate the memory of a batch in bytes.

    Weights with their momentum before and after a step, orders, and the features of one member at a time.
    """
    one, data = configs[0], load(configs[0].data)
    D, N, h, L, K = data.X.shape[1], len(data.X), one.width, one.depth, data.classes
    weights = 4 * (D * h + (L - 1) * h * h + h * K * (L if one.greedy else 1))
    active = 3 * 4 * BATCH_SIZE * h * L
    return len(configs) * (5 * weights + active + 4 * EPOCHS * N) + 8 * N * (2 * D + h * (L + 2))


def _real(values: object, device: torch.device) -> Tensor:
    return torch.as_tensor(np.asarray(values), dtype=REAL, device=device)


def _initial(first: Tensor, inner: Tensor, last: Tensor) -> State:
    B, L, h = len(first), inner.shape[1] + 1, first.shape[-1]
    zero, bias = first.new_zeros(B, L, h), first.new_zeros(B, last.shape[-1])
    weights = (first, inner, last, torch.ones_like(zero), zero, bias)
    still = [torch.zeros_like(value) for value in weights]
    t = torch.zeros(B, dtype=torch.long, device=first.device)
    return State._make([*weights, *still, zero, torch.ones_like(zero), t])


def _share(data: Data) -> np.ndarray:
    member = np.eye(data.classes)[data.y]
    return member / member.sum(0)


def _plotted(data: Data) -> np.ndarray:
    """Places `[P]` of the first samples of each class: as many of each, so that an axis has one length."""
    count = min(PLOTTED, max(1, POINTS // data.classes), int(np.bincount(data.y).min()))
    return np.concatenate([np.flatnonzero(data.y == k)[:count] for k in range(data.classes)])


PLOTTED, POINTS = 40, 600
"""Most samples of each class that are plotted, and of all classes together."""


# -- what is random: numpy streams on the CPU, one for each purpose ------------------------------------------------


EPOCHS = 128
"""Epochs with an order of samples of their own; then the orders come again."""

ORDER = 100
"""Number that is added to a seed s for the stream of orders; weights come from s, of greedy training `100 s + l`."""


def initial_weights(config: NeuralCollapse, inputs: int, classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw W_1 `[D, h]`, the other hidden weights `[L-1, h, h]`, last layers `[L or 1, h, K]`.

    Uniform on `(-1, 1)/sqrt(fan in)`, hidden layers times sqrt 6 without batch-norm. Greedy training draws layer l and
    the last layer that comes with it from a stream of their own, of seed `100 s + l`.
    """
    h, L = config.width, config.depth
    one = np.random.default_rng(config.seed)
    streams = [np.random.default_rng(100 * config.seed + layer) if config.greedy else one for layer in range(L)]
    gain = 1.0 if config.batch_norm else np.sqrt(6)
    hidden = [gain * _uniform(stream, h if layer else inputs, h) for layer, stream in enumerate(streams)]
    last = [_uniform(stream, h, classes) for stream in (streams if config.greedy else [one])]
    inner = np.stack(hidden[1:]) if L > 1 else np.zeros((0, h, h))
    return hidden[0], inner, np.stack(last)


def sample_orders(config: NeuralCollapse, samples: int) -> np.ndarray:
    """Draw the orders of all epochs, one after another, `[EPOCHS N]`."""
    stream = np.random.default_rng(ORDER + config.seed)
    return np.concatenate([stream.permutation(samples) for _ in range(EPOCHS)]).astype(np.int32)


def _uniform(stream: np.random.Generator, inputs: int, outputs: int) -> np.ndarray:
    return stream.uniform(-1, 1, (inputs, outputs)) / np.sqrt(inputs)
