"""Chains that sample a loss inside a Gaussian window, and what a step carries from one point to the next.

Density `exp(-b L(w) - gamma |w - w*|^2/2)`; b multiplies the mean loss. Chains are leading axes: theta `[..., C, P]`
under a loss `[..., C, P] -> [..., C]`; b, gamma and step sizes are numbers or broadcast against `[..., C]`, so that
temperatures and step sizes are swept in one batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from engines.core.protocol.errors import ConfigError

Loss = Callable[[Tensor], Tensor]
"""Losses `[..., C]` of parameters `[..., C, P]`, each of its own chain alone."""


class Window(NamedTuple):
    """What besides the loss decides the density."""

    star: Tensor
    """Its centre w*, `[P]` or `[..., C, P]`."""
    b: Tensor
    """Inverse temperature of the mean loss, `[..., C]`."""
    gamma: Tensor
    """Precision of the window, `[..., C]`."""


class State(NamedTuple):
    """A point of each chain with what is known there, so that a step needs one gradient."""

    theta: Tensor
    """`[..., C, P]`."""
    loss: Tensor
    """`[..., C]`."""
    gradient: Tensor
    """Of the loss alone, `[..., C, P]`."""
    accepted: Tensor
    """1 where the last proposal was accepted, `[..., C]`."""


def window(star: Tensor, b: Tensor | float, gamma: Tensor | float = 1.0) -> Window:
    """A window, checked: raises `ConfigError` unless b and gamma are positive."""
    knobs = (torch.as_tensor(value, dtype=star.dtype, device=star.device) for value in (b, gamma))
    one = Window(star, *knobs)
    for name, value in (("b", one.b), ("gamma", one.gamma)):
        if not bool((value > 0).all()):
            raise ConfigError(f"{name} is {value.tolist()}; it must be positive")
    return one


def opened(loss: Loss, theta: Tensor) -> State:
    """The state at `theta [..., C, P]`."""
    at = theta.detach().requires_grad_()
    value = loss(at)
    (gradient,) = torch.autograd.grad(value.sum(), at)  # chains are independent: each gets the gradient of its own
    return State(at.detach(), value.detach(), gradient, torch.ones_like(value, requires_grad=False))


def force(state: State, w: Window) -> Tensor:
    """`grad U = b grad L + gamma (theta - w*)`, `[..., C, P]`."""
    return w.b[..., None] * state.gradient + w.gamma[..., None] * (state.theta - w.star)


def energy(state: State, w: Window) -> Tensor:
    """`U = b L + gamma |theta - w*|^2/2`, `[..., C]`."""
    return w.b * state.loss + w.gamma * (state.theta - w.star).square().sum(-1) / 2
