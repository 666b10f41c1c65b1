"""Steps of AdamW and gradient descent over a batch of members, minibatches of samples, and the training loop.

Each member has its own learning rate and weight decay. Steps are pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from engines.core.numerics.noise import stream
from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.models.initialisation import ORDER
from engines.loss_landscape.models.model import Samples, Trainable


class AdamState(NamedTuple):
    """State of AdamW: parameters and running means."""

    theta: Tensor
    """`[B, P]`."""
    first: Tensor
    """Running mean of the gradient, `[B, P]`."""
    second: Tensor
    """Running mean of the squared gradient, `[B, P]`."""
    step: Tensor
    """Number of steps so far, whole numbers `[B]`."""


def init_moments(theta: Tensor) -> AdamState:
    """State of AdamW before its first step, at theta `[B, P]`."""
    return AdamState(
        theta, torch.zeros_like(theta), torch.zeros_like(theta), torch.zeros_like(theta[:, 0], dtype=torch.long)
    )


def adamw(
    state: AdamState, gradient: Tensor, lr: Tensor, wd: Tensor, betas: tuple[float, float] = (0.9, 0.999)
) -> AdamState:
    """AdamW step `theta <- (1 - lr wd) theta - lr mh/(sqrt vh + 1e-8)`; lr and wd `[B]`, gradient `[B, P]`.

    Adam for wd = 0. `mh = m/(1 - beta1^t)`, `vh = v/(1 - beta2^t)` of the running means m, v. Loshchilov and Hutter
    2019.
    """
    (beta1, beta2), step, rate = betas, state.step + 1, lr[:, None]
    t = step[:, None].to(state.theta.dtype)
    first = torch.lerp(state.first, gradient, 1 - beta1)
    second = torch.addcmul(beta2 * state.second, gradient, gradient, value=1 - beta2)
    size = (second / (1 - beta2**t)).sqrt() + 1e-8
    theta = state.theta * (1 - rate * wd[:, None]) - rate / (1 - beta1**t) * first / size
    return AdamState(theta, first, second, step)


def sgd(theta: Tensor, gradient: Tensor, lr: Tensor, wd: Tensor) -> Tensor:
    """Gradient step `theta - lr (gradient + wd theta)`, `[B, P]`; lr and wd `[B]`."""
    return theta - lr[:, None] * (gradient + wd[:, None] * theta)


def minibatch(n: int, size: int, step: int, seeds: Sequence[int]) -> Tensor:
    """Numbers of the samples of one step, `[B, size]`: a new order every `n // size` steps, a function of the step.

    Raises `ConfigError` where the minibatch is larger than the data.
    """
    if size > n:
        raise ConfigError(f"a minibatch of {size} samples is more than the {n} that there are")
    epoch, place = divmod(step, n // size)
    orders = [torch.randperm(n, generator=stream(seed, ORDER, epoch)) for seed in seeds]
    return torch.stack(orders)[:, place * size : (place + 1) * size]


def train(
    subject: Trainable,
    steps: int,
    lr: Tensor | float,
    wd: Tensor | float = 0.0,
    betas: tuple[float, float] = (0.9, 0.999),
    every: int = 100,
    size: int | None = None,
) -> Iterator[tuple[int, Tensor]]:
    """Train by AdamW on all samples, or on `size` of them at a time in an order of each member's own.

    lr and wd are numbers or `[B]`. Yields the step and the parameters `[B, P]` at 0, after every `every` steps, and at
    the end. Raises `ConfigError` where the minibatch is larger than the data.
    """
    lr, wd = (torch.as_tensor(knob, dtype=subject.start.dtype).expand(len(subject.start)) for knob in (lr, wd))
    state, n = init_moments(subject.start), subject.train.X.shape[-2]
    yield 0, state.theta
    for step in range(steps):
        samples: Samples | None = None
        if size is not None:
            samples = subject.train.take(minibatch(n, size, step, subject.seeds))
        state = adamw(state, subject.gradient(state.theta, samples), lr, wd, betas)
        if (step + 1) % every == 0 or step + 1 == steps:
            yield step + 1, state.theta
