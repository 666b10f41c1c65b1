"""A subject: a model, its samples, its loss and where each member begins. Everything batched over members."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.models.mlp import Mlp


@dataclass(frozen=True)
class Layout:
    """Order and shapes of the tensors in a flat vector, for models that are no perceptrons."""

    shapes: tuple[tuple[int, ...], ...]

    @property
    def P(self) -> int:
        """Number of parameters."""
        return sum(map(prod, self.shapes))

    def split(self, theta: Tensor) -> list[Tensor]:
        """Views `[*, *shape]` of parameters `theta [*, P]`."""
        parts = theta.split(list(map(prod, self.shapes)), -1)
        return [part.unflatten(-1, shape) for part, shape in zip(parts, self.shapes, strict=True)]

    def join(self, tensors: list[Tensor]) -> Tensor:
        """Flatten tensors `[*, *shape]` into `[*, P]`, the inverse of `split`."""
        flat = [one.flatten(-len(shape)) for one, shape in zip(tensors, self.shapes, strict=True)]
        return torch.cat(flat, -1)


Criterion = Callable[[Tensor, Tensor], Tensor]
"""Mean loss `[*]` of outputs `[*, n, k]` on labels or targets."""


class Model(Protocol):
    """Outputs as a function of a flat vector of parameters."""

    @property
    def P(self) -> int:
        """Number of parameters P."""
        ...

    def __call__(self, theta: Tensor, X: Tensor) -> Tensor:
        """Outputs `[*, n, k]` of parameters `[*, P]` on samples `[*, n, d]`; leading axes broadcast."""
        ...


class Samples(NamedTuple):
    """Inputs with labels or targets, shared by the members or with their axis in front."""

    X: Tensor
    """`[n, d]` or `[B, n, d]`."""
    y: Tensor
    """Labels `[n]` or `[B, n]`, or targets `[n, k]` or `[B, n, k]`."""

    def take(self, chosen: Tensor) -> Samples:
        """Take the samples with the numbers `chosen [B, b]`, member by member."""
        if self.X.ndim == 2:
            return Samples(self.X[chosen], self.y[chosen])
        member = torch.arange(len(chosen), device=chosen.device)[:, None]
        return Samples(self.X[member, chosen], self.y[member, chosen])


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy `mean_x (log sum_c exp f_c - f_y)`, `[*]`, of logits `[*, n, k]` and labels `[*, n]`."""
    labels, (n, k) = labels.expand(logits.shape[:-1]), logits.shape[-2:]
    # Classes before samples, as perceptrons make them: several times quicker than sample by sample.
    each = functional.cross_entropy(logits.mT.reshape(-1, k, n), labels.reshape(-1, n), reduction="none")
    return each.view(labels.shape).mean(-1)


def squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """Squared error `mean_x ‖f - y‖²`, `[*]`: summed over outputs `[*, n, k]`, no 1/2."""
    return (outputs - targets).square().sum(-1).mean(-1)


def half_squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """Half the squared error, `mean_x ‖f - y‖²/2`, `[*]`, of outputs `[*, n, k]`."""
    return squared_error(outputs, targets) / 2


NEAR = 2**23
"""Bytes that the layers of the members make which go through a backward pass together: a cache keeps them."""


@dataclass(frozen=True)
class Trainable:
    """A network that can be trained; its members differ in where they begin, and may differ in their samples."""

    model: Model
    train: Samples
    test: Samples
    criterion: Criterion
    start: Tensor
    """Parameters at step 0, `[B, P]`."""
    seeds: tuple[int, ...]
    """Seeds, one a member: of where it begins, of samples of its own, and of the order of minibatches."""

    def __call__(self, theta: Tensor) -> Tensor:
        """Loss `[*]` of parameters `[*, P]` on the training samples; differentiable."""
        return self.loss(theta)

    def loss(self, theta: Tensor, samples: Samples | None = None) -> Tensor:
        """Loss `[*]` of parameters `[*, P]` on the training samples, or on others; differentiable."""
        samples = samples or self.train
        return self.loss_of(self.model(theta, samples.X), samples)

    def loss_of(self, outputs: Tensor, samples: Samples) -> Tensor:
        """Loss `[*]` of outputs `[*, n, k]` that the model makes of some samples."""
        return self.criterion(outputs, samples.y)

    @torch.no_grad()
    def of_model(self, model: Model, theta: Tensor, samples: Samples) -> Trainable:
        """Return another model that computes the same at `theta [P]`, at rest there: its targets are its outputs.

        Labels stay, where the samples have them.
        """
        y = model(theta, samples.X) if samples.y.is_floating_point() else samples.y
        criterion = half_squared_error if y.is_floating_point() else cross_entropy
        train = Samples(samples.X, y)
        return Trainable(model, train, train, criterion, theta[None], self.seeds[:1])

    @torch.no_grad()
    def behavioural(self, theta: Tensor) -> Trainable:
        """Trainable network whose loss is half the squared distance of the outputs from those at `theta [P]`."""
        X = self.train.X
        train = Samples(X, self.model(theta, X))
        return Trainable(self.model, train, self.test, half_squared_error, self.start, self.seeds)

    def gradient(self, theta: Tensor, samples: Samples | None = None) -> Tensor:
        """Gradient `[*, P]` of the loss by one backward pass: no member's loss depends on another's parameters."""
        return self.loss_and_gradient(theta, samples)[1]

    def loss_and_gradient(self, theta: Tensor, samples: Samples | None = None) -> tuple[Tensor, Tensor]:
        """Loss `[*]` of parameters `[*, P]`, and its gradient `[*, P]`, by one backward pass."""
        if isinstance(self.model, Mlp) and self.model.activation == "relu":
            return self._by_hand(self.model, theta.detach(), samples or self.train)
        with torch.enable_grad():
            point = theta.detach().requires_grad_()
            loss = self.loss(point, samples)
            return loss.detach(), torch.autograd.grad(loss.sum(), point)[0]

    def _by_hand(self, model: Mlp, theta: Tensor, samples: Samples) -> tuple[Tensor, Tensor]:
        """Loss and gradient by derivatives of the loss in the outputs alone, some members at a time."""
        each = max(1, NEAR // (samples.X.shape[-2] * sum(model.sizes[1:]) * theta.element_size()))
        if theta.ndim == 2 and samples.X.ndim == 2 and not theta.is_cuda and each < len(theta):
            parts = [self._by_hand(model, some, samples) for some in theta.split(each)]
            loss, gradient = (torch.cat(values) for values in zip(*parts, strict=True))
            return loss, gradient
        with torch.no_grad():
            outputs, pull = model.pullback(theta, samples.X)
        with torch.enable_grad():
            loss = self.loss_of(outputs.requires_grad_(), samples)
            (slope,) = torch.autograd.grad(loss.sum(), outputs)
        with torch.no_grad():
            return loss.detach(), pull(slope)

    @torch.no_grad()
    def accuracy(self, theta: Tensor, samples: Samples | None = None) -> Tensor:
        """Share of samples `[*]` whose largest output is their label's; on the test samples, or on others.

        theta `[*, P]`. Raises `ConfigError` for a subject that has no labels.
        """
        X, y = samples or self.test
        if y.is_floating_point():
            raise ConfigError(f"accuracy needs integer labels, not targets of type {y.dtype}")
        return (self.model(theta, X).argmax(-1) == y).to(theta.dtype).mean(-1)

    def to(self, dtype: torch.dtype) -> Trainable:
        """Convert to another precision: float32 trains faster, float64 is for counting."""

        def cast(samples: Samples) -> Samples:
            X, y = samples
            return Samples(X.to(dtype), y.to(dtype) if y.is_floating_point() else y)

        return replace(self, train=cast(self.train), test=cast(self.test), start=self.start.to(dtype))

    def on(self, device: torch.device) -> Trainable:
        """Move to another device."""
        train, test = (Samples(X.to(device), y.to(device)) for X, y in (self.train, self.test))
        return replace(self, train=train, test=test, start=self.start.to(device))
