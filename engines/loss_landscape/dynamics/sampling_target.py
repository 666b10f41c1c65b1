"""What chains sample: a loss around its minimum, with what is known of both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from engines.core.numerics import lapack
from engines.loss_landscape.config import LossLandscape
from engines.loss_landscape.degeneracy.jacobian import gram
from engines.loss_landscape.hessian.dense import hessian
from engines.loss_landscape.models import factory, potential_loss
from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.models.model import Subject
from engines.loss_landscape.models.potentials import DeepLinear

DENSE = 600
"""Parameters up to which the Hessian at the centre is made."""

Configs = Sequence[LossLandscape]


@dataclass(frozen=True)
class Target:
    """Of the members of one batch."""

    loss: Callable[[Tensor], Tensor]
    """`[B, C, P] -> [B, C]`, on all data."""
    star: Tensor
    """Centre of the window, `[B, P]`."""
    on: Callable[[Tensor, Tensor], Tensor] | None = None
    """The loss on rows `[B, C, b]` of the data, where it has minibatches."""
    n: int = 1
    """Data."""
    perceptron: tuple[Mlp, Tensor] | None = None
    """The network and its inputs, where it is a perceptron with gates or a linear one."""
    accuracies: Mapping[str, Tensor] = field(default_factory=dict)
    """At the centre, of training and of test samples that have labels, `[B]` each."""


def target(configs: Configs) -> Target:
    """For members that share all `shape` knobs; float64 on the CPU."""
    return _potential(configs) if configs[0].subject == "potential" else _behaviour(configs)


def _behaviour(configs: Configs) -> Target:
    """The behavioural loss of a network around where it begins; of a linear map that of all inputs N(0, I)."""
    one = configs[0]
    if one.subject == "linear" and one.corner:
        model = DeepLinear(one.sizes, one.rank, one.scale)
        return Target(model, model.star.expand(len(configs), -1))
    subject = factory.build(configs)
    X = subject.train.X if subject.train.X.ndim == 2 else subject.train.X[:, None]
    with torch.no_grad():
        outputs = subject.model(subject.start[:, None], X)

    def loss(theta: Tensor) -> Tensor:
        return (subject.model(theta, X) - outputs).square().sum((-2, -1)) / (2 * X.shape[-2])

    model = subject.model
    known = (model, subject.train.X) if isinstance(model, Mlp) and model.activation in ("relu", "linear") else None
    return Target(loss, subject.start, n=X.shape[-2], perceptron=known, accuracies=_accuracies(subject))


def _accuracies(subject: Subject) -> dict[str, Tensor]:
    """Accuracies where members begin; {} without labels."""
    if subject.train.y.is_floating_point():
        return {}
    both = {"accuracy": subject.train, "test_accuracy": subject.test}
    return {name: subject.accuracy(subject.start, samples) for name, samples in both.items()}


def _potential(configs: Configs) -> Target:
    one = configs[0]
    if one.potential == "regression":
        return _regression(configs)
    found = potential_loss.closed(one)
    return Target(found.loss, found.star.expand(len(configs), -1))


def _regression(configs: Configs) -> Target:
    found = [potential_loss.regression(config) for config in configs]
    X, y = torch.stack([one.X for one in found]), torch.stack([one.y for one in found])
    member = torch.arange(len(found))[:, None, None]

    def loss(theta: Tensor) -> Tensor:
        return (y[:, None] - theta @ X.mT).square().mean(-1) / 2

    def on(theta: Tensor, rows: Tensor) -> Tensor:
        made = (X[member, rows] @ theta[..., None])[..., 0]
        return (y[member, rows] - made).square().mean(-1) / 2

    return Target(loss, torch.stack([one.star for one in found]), on, X.shape[1])


class Modes(NamedTuple):
    """Of the Hessian at the centre, largest first."""

    values: Tensor
    """`[B, P]`."""
    vectors: Tensor
    """Columns, `[B, P, P]`."""


def modes(found: Target) -> Modes | None:
    """None where there are too many parameters."""
    if found.star.shape[-1] > DENSE:
        return None
    values, vectors = lapack.eigh(_hessian(found))
    return Modes(values.flip(-1), vectors.flip(-1))


def _hessian(found: Target) -> Tensor:
    """`[B, P, P]`: of a perceptron with gates `JᵀJ/n`, which is exact, of anything else by derivatives."""
    if found.perceptron is not None:
        net, X = found.perceptron
        return gram(net, found.star, X)
    with torch.enable_grad():
        return hessian(lambda theta: found.loss(theta[:, None])[:, 0], found.star)
