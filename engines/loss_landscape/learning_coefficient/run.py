"""Many steps, and what is recorded of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.learning_coefficient.kernels import mala, sgld
from engines.loss_landscape.learning_coefficient.state import Loss, State, Window

Step = Callable[[State], State]


class Trace(NamedTuple):
    """Of T recorded points."""

    losses: Tensor
    """`[T, ..., C]`."""
    distances: Tensor
    """`|theta - w*|^2`, `[T, ..., C]`."""
    acceptance: Tensor
    """Share of all steps that were accepted, `[..., C]`."""


def langevin(loss: Loss, w: Window, eta: Tensor | float, generator: torch.Generator) -> Step:
    """Steps of `sgld` with noise from a generator."""
    size = torch.as_tensor(eta, dtype=w.b.dtype, device=w.b.device)
    return lambda state: sgld(loss, w, size, state, normal(state.theta, generator))


def metropolis(loss: Loss, w: Window, eta: Tensor | float, generator: torch.Generator) -> Step:
    """Steps of `mala` with noise from a generator."""
    size = torch.as_tensor(eta, dtype=w.b.dtype, device=w.b.device)

    def step(state: State) -> State:
        uniform = torch.rand(state.loss.shape, generator=generator, dtype=w.b.dtype, device=w.b.device)
        return mala(loss, w, size, state, normal(state.theta, generator), uniform)

    return step


def minibatches(
    loss: Callable[[Tensor, Tensor], Tensor], n: int, size: int, generator: torch.Generator
) -> Loss:  # fmt: skip
    """A loss `[..., C]` that draws `size` of n rows with replacement for each chain, anew at every call.

    `loss(theta [..., C, P], rows [..., C, size])`.
    """

    def fresh(theta: Tensor) -> Tensor:
        shape = (*theta.shape[:-1], size)
        return loss(theta, torch.randint(n, shape, generator=generator, device=theta.device))

    return fresh


def normal(like: Tensor, generator: torch.Generator) -> Tensor:
    """Standard normals."""
    return torch.randn(like.shape, generator=generator, dtype=like.dtype, device=like.device)


def run(step: Step, state: State, steps: int, star: Tensor, every: int = 1) -> tuple[State, Trace]:
    """So many steps from a state; the point after each `every`-th is recorded.

    Raises `ConfigError` unless 1 <= every <= steps.
    """
    if not 1 <= every <= steps:
        raise ConfigError(f"every {every}-th of {steps} steps was to be recorded; it may be 1 to the number of steps")
    losses, distances, accepted = [], [], torch.zeros_like(state.loss)
    for done in range(1, steps + 1):
        state = step(state)
        accepted += state.accepted
        if done % every == 0:
            losses.append(state.loss)
            distances.append((state.theta - star).square().sum(-1))
    return state, Trace(torch.stack(losses), torch.stack(distances), accepted / steps)
