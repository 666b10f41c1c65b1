"""The loss between two minima: on the straight line, and on a curve that is trained to be low."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from engines.loss_landscape.training.train import adamw, init_moments

Gradient = Callable[[Tensor], Tensor]
"""Map parameters `[B, P]` to gradients `[B, P]`."""


def line(w0: Tensor, w1: Tensor, t: Tensor) -> Tensor:
    """Points `(1 - t) w0 + t w1`, `[T, *, P]`, of ends `[*, P]` and t `[T]`."""
    return torch.lerp(w0, w1, t.reshape(-1, *[1] * w0.ndim))


def bezier(w0: Tensor, middle: Tensor, w1: Tensor, t: Tensor) -> Tensor:
    """Points `(1 - t)² w0 + 2 t (1 - t) middle + t² w1`, `[T, *, P]`. Garipov et al. 2018, arXiv 1802.10026."""
    t = t.reshape(-1, *[1] * w0.ndim)
    return (1 - t) ** 2 * w0 + 2 * t * (1 - t) * middle + t**2 * w1


def barrier(losses: Tensor, t: Tensor) -> Tensor:
    """Barrier `max_t (L(w(t)) - (1 - t) L_0 - t L_1)`, `[*]`, of losses `[T, *]` on a curve from end to end."""
    share = t.reshape(-1, *[1] * (losses.ndim - 1))
    return (losses - (1 - share) * losses[0] - share * losses[-1]).amax(0)


def train_bezier_steps(
    gradient: Gradient, w0: Tensor, w1: Tensor, steps: int = 600, lr: float = 1e-2, seed: int = 0
) -> Iterator[Tensor]:
    """Train the middle of a Bezier curve by Adam, from the middle of the line; yields it, `[B, P]`.

    `gradient` maps `[B, P]` to `[B, P]`; one t ~ U(0, 1) a step, shared by the pairs. By the chain rule the gradient of
    the middle is `2 t (1 - t)` times that of the loss at the point.
    """
    source = torch.Generator().manual_seed(seed)
    times = torch.rand(steps, generator=source, dtype=torch.float64).to(w0)
    state, rate = init_moments((w0 + w1) / 2), torch.full_like(w0[:, 0], lr)
    for t in times:
        slope = 2 * t * (1 - t) * gradient(bezier(w0, state.theta, w1, t)[0])
        state = adamw(state, slope, rate, torch.zeros_like(rate))
        yield state.theta
