"""A person's own model among the models of this lab: its samples are numbers of rows, which it looks up itself.

So a sample may be an image, a sequence of tokens or anything else, and all that a lab does with samples, to choose, to
split, to cast, it does with numbers of rows `[n, 1]`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import prod

import torch
from torch import Tensor

from engines.core.protocol.errors import ConfigError
from engines.core.subjects.adapter import split_minibatch
from engines.core.subjects.minibatches import Minibatch, join, map_tensors, size, take
from engines.core.subjects.subject import Subject
from engines.loss_landscape.models.model import Layout, Samples, Trainable, cross_entropy
from engines.loss_landscape.models.perceptron_reader import NotRead, ReadPerceptron, read_perceptron

MAX_ROWS = 20_000
"""Most samples of each kind that the lab takes."""

NUMBERS = 2**24
"""Numbers that one pass may keep for its gradient."""


FAINT = 1e-14
"""Share of the longest column of a Jacobian up to which one is rounding."""


@dataclass(frozen=True, eq=False)
class OwnModel:
    """Outputs `[*, n, k]` of a subject, all axes but the samples as one; its losses, where it is a loss alone."""

    subject: Subject
    rows: Minibatch
    """All samples, those of training first."""

    @property
    def P(self) -> int:
        """Number of parameters."""
        return self.subject.P

    @property
    def layout(self) -> Layout:
        """Order and shapes of the parameters."""
        return Layout(tuple(self.subject.shapes.values()))

    @property
    def loss_alone(self) -> bool:
        """Whether the model is a loss alone, without outputs."""
        return self.subject.outputs is None

    def minibatch(self, X: Tensor, like: Tensor) -> Minibatch:
        """Look up the samples with the numbers `X [n, 1]`, in the type and on the device of `like [*, P]`."""
        chosen = take(self.rows, X[:, 0].long())
        return map_tensors(chosen, lambda one: one.to(like) if one.is_floating_point() else one.to(like.device))

    def __call__(self, theta: Tensor, X: Tensor) -> Tensor:
        """Outputs `[*, n, k]` of `theta [*, P]` on the samples `X [*, n, 1]`; leading axes broadcast."""
        if X.ndim == 2:
            minibatch = self.minibatch(X, theta)
            return self.subject.mapped(lambda at: self._outputs(at, minibatch), theta)
        lead = torch.broadcast_shapes(theta.shape[:-1], X.shape[:-2])
        theta, X = theta.expand(*lead, -1), X.expand(*lead, -1, -1)
        return self.subject.mapped(lambda at, rows: self._outputs(at, self.minibatch(rows, at)), theta, X)

    def _outputs(self, theta: Tensor, minibatch: Minibatch) -> Tensor:
        made = self.subject.outputs or self.subject.loss
        return made(self.subject.split(theta), minibatch).reshape(size(minibatch), -1)

    def criterion(self, outputs: Tensor, X: Tensor) -> Tensor:
        """Mean loss `[*]` of outputs `[*, n, k]` on the samples `X [*, n, 1]`."""
        if self.loss_alone:
            return outputs[..., 0].mean(-1)
        _, criterion = self.subject.require_outputs()

        def mean(flat: Tensor, rows: Tensor) -> Tensor:
            minibatch = self.minibatch(rows, flat)
            return criterion(flat.reshape(size(minibatch), *self.shape), minibatch).mean()

        flat = outputs.flatten(-2)
        rows = X.expand(*outputs.shape[:-2], *X.shape[-2:])
        return self.subject.mapped(mean, flat, rows)

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample's output."""
        made, _ = self.subject.require_outputs()
        with torch.no_grad():
            return tuple(made(dict(self.subject.params), take(self.rows, slice(0, 1))).shape[1:])

    def perceptron(self, theta: Tensor, X: Tensor) -> tuple[ReadPerceptron, Tensor]:
        """Read it as a perceptron at `theta [P]`, with its inputs `[n, d_0]` of the samples `X [n, 1]`.

        Raises `NotRead` for another model, and for a subject that is no module.
        """
        module, minibatch = self.subject.module, self.minibatch(X, theta)
        if module is None:
            raise NotRead("it is a function, and no module that can be taken apart")
        if {name for name, _ in module.named_parameters()} != {*self.subject.params}:
            raise NotRead("some of its parameters are fixed")
        positional, named, _ = split_minibatch(minibatch)
        if len(positional) != 1 or named or not positional[0].is_floating_point():
            raise NotRead("its input is no single tensor of real numbers")
        with torch.no_grad():
            read = read_perceptron(module, self.subject.split(theta), positional[0], self(theta, X))
        return read, positional[0].flatten(1)

    def jacobian(self, theta: Tensor, X: Tensor) -> Tensor:
        """Jacobian `[n, k, P]` of the outputs at `theta [P]` on the samples `X [n, 1]`, a few samples at a time.

        Columns up to `FAINT` of the longest are zero: keys of an attention layer have a bias that nothing feels, and
        what is left of its derivatives is rounding.
        """
        k = prod(self.shape)
        few = max(1, int((NUMBERS / (k * self.subject.numbers)) ** 0.5))
        parts = []
        for part in X.split(few):
            with torch.enable_grad():
                at = theta.detach().requires_grad_()
                made = self(at, part).flatten()
                units = torch.eye(len(made), dtype=made.dtype, device=made.device)
                parts += torch.autograd.grad(made, at, units, is_grads_batched=True)
        J = torch.cat(parts)
        lengths = torch.linalg.vector_norm(J, dim=0)
        return (J * (lengths > FAINT * lengths.max())).unflatten(0, (-1, k))

    def parts(self, X: Tensor) -> Iterator[Tensor]:
        """Split samples `X [n, 1]` into as many as one pass may hold for eight vectors."""
        yield from X.split(max(1, NUMBERS // (8 * self.subject.numbers)))


class OwnModelSubject(Trainable):
    """Trainable network of a person's own loss, which looks at the samples themselves, not at labels only."""

    def loss_of(self, outputs: Tensor, samples: Samples) -> Tensor:
        """Mean loss `[*]` of outputs `[*, n, k]`."""
        assert isinstance(self.model, OwnModel)
        return self.model.criterion(outputs, samples.X)


def own_model_subject(own: Subject, seeds: tuple[int, ...]) -> OwnModelSubject:
    """Trainable network of as many members as seeds, all of which begin at the parameters that were brought.

    On the processor and in float64, until the lab moves them. Test samples are those of training where there are no
    others.
    """
    exact = own.to(torch.device("cpu")).precise
    kinds = [exact.train.rows(MAX_ROWS), *([] if exact.test is None else [exact.test.rows(MAX_ROWS)])]
    model = OwnModel(exact, join(kinds))
    numbers = torch.arange(sum(map(size, kinds)), dtype=torch.float64)[:, None].split([*map(size, kinds)])
    every = [Samples(X, _labels(exact, kind, model)) for X, kind in zip(numbers, kinds, strict=True)]
    start = exact.theta.expand(len(seeds), -1)
    return OwnModelSubject(model, every[0], every[-1], cross_entropy, start, seeds)


def _labels(own: Subject, rows: Minibatch, model: OwnModel) -> Tensor:
    """Classes `[n]` where outputs are one number a class, else zeros `[n, 1]`."""
    none = torch.zeros(size(rows), 1, dtype=torch.float64)
    if own.labels is None or model.loss_alone or len(model.shape) != 1:
        return none
    try:
        labels = own.labels(rows)
    except ConfigError:
        return none
    return labels if labels.ndim == 1 and int(labels.max()) < model.shape[0] and int(labels.min()) >= 0 else none
