"""Steps of gradient methods over a batch of members, each with its own learning rate and weight decay. Pure."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Moments(NamedTuple):
    """What AdamW carries."""

    theta: Tensor
    """`[B, P]`."""
    first: Tensor
    """Running mean of the gradient, `[B, P]`."""
    second: Tensor
    """And of its square."""
    step: Tensor
    """Steps so far, whole numbers `[B]`."""


def begin(theta: Tensor) -> Moments:
    """AdamW before its first step."""
    return Moments(
        theta, torch.zeros_like(theta), torch.zeros_like(theta), torch.zeros_like(theta[:, 0], dtype=torch.long)
    )


def adamw(
    state: Moments, gradient: Tensor, lr: Tensor, wd: Tensor, betas: tuple[float, float] = (0.9, 0.999)
) -> Moments:
    """`theta <- (1 - lr wd) theta - lr mh/(sqrt vh + 1e-8)`; lr and wd `[B]`; Adam where wd = 0.

    `mh = m/(1 - beta1^t)`, `vh = v/(1 - beta2^t)` of the running means m, v. Loshchilov and Hutter 2019.
    """
    (beta1, beta2), step, rate = betas, state.step + 1, lr[:, None]
    t = step[:, None].to(state.theta.dtype)
    first = torch.lerp(state.first, gradient, 1 - beta1)
    second = torch.addcmul(beta2 * state.second, gradient, gradient, value=1 - beta2)
    size = (second / (1 - beta2**t)).sqrt() + 1e-8
    theta = state.theta * (1 - rate * wd[:, None]) - rate / (1 - beta1**t) * first / size
    return Moments(theta, first, second, step)


def sgd(theta: Tensor, gradient: Tensor, lr: Tensor, wd: Tensor) -> Tensor:
    """`theta - lr (gradient + wd theta)`, `[B, P]`; lr and wd `[B]`."""
    return theta - lr[:, None] * (gradient + wd[:, None] * theta)
