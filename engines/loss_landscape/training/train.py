"""Steps of AdamW and gradient descent over a batch of members, and the minibatches of samples that they take.

Each member has its own learning rate and weight decay. Steps are pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from engines.core.numerics.noise import stream
from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.models.initialisation import ORDER


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
    second = (beta2 * state.second).addcmul_(gradient, gradient, value=1 - beta2)
    size = (second / (1 - beta2**t)).sqrt_().add_(1e-8)
    theta = (state.theta * (1 - rate * wd[:, None])).sub_((rate / (1 - beta1**t) * first).div_(size))
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
