"""Chains that are run from end to end, for comparison with what theory says of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.learning_coefficient.gibbs import gibbs_sweep
from engines.loss_landscape.learning_coefficient.samplers import Loss
from engines.loss_landscape.models.deep_linear import DeepLinear, product_of_layers


class GibbsSamples(NamedTuple):
    """The last layers of C chains, and the loss after each sweep."""

    layers: list[Tensor]
    """`W^l [C, H_{l+1}, H_l]`."""
    losses: Tensor
    """Losses after each sweep, `[T, C]`."""


def sample(
    model: DeepLinear, b: Tensor, sweeps: int, generator: torch.Generator, layers: list[Tensor] | None = None,
    gamma: float = 1.0,
) -> GibbsSamples:  # fmt: skip
    """Run `sweeps` sweeps of a chain for each entry of `b [C]`, from the true layers unless others are given; float64.

    Raises `ConfigError` unless b and gamma are positive.
    """
    if not (gamma > 0 and bool((b > 0).all())):
        raise ConfigError(f"b = {b.tolist()} and gamma = {gamma}; both must be positive")
    layers = layers or [W.expand(len(b), -1, -1) for W in model.layers]
    losses = []
    for _ in range(sweeps):
        noise = [torch.randn(W.shape, generator=generator, dtype=torch.float64) for W in layers]
        layers = gibbs_sweep(model, layers, b, gamma, noise)
        losses.append((product_of_layers(layers) - model.target).square().sum((-2, -1)) / 2)
    return GibbsSamples(layers, torch.stack(losses))


def minibatches(
    loss: Callable[[Tensor, Tensor], Tensor], n: int, size: int, generator: torch.Generator
) -> Loss:  # fmt: skip
    """Make a loss `[*, C]` that draws `size` of n rows with replacement for each chain, anew at every call.

    The given loss is `loss(theta [*, C, P], rows [*, C, size]) -> [*, C]`.
    """

    def fresh(theta: Tensor) -> Tensor:
        shape = (*theta.shape[:-1], size)
        return loss(theta, torch.randint(n, shape, generator=generator, device=theta.device))

    return fresh
