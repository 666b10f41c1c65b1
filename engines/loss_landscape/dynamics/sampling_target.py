"""What chains sample: a loss around its minimum, with what is known of both.

What is known of the minimum that chains sample: spectrum, zero modes and their reasons, a plane to look at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from engines.core.numerics import lapack
from engines.loss_landscape.channels import B_GRID
from engines.loss_landscape.degeneracy.count import Count, count
from engines.loss_landscape.degeneracy.jacobian import gram, jacobian
from engines.loss_landscape.degeneracy.synchronised_neurons import curvature_along, exchanges
from engines.loss_landscape.dynamics.protocol import Configs, Knobs
from engines.loss_landscape.hessian.dense import hessian
from engines.loss_landscape.hessian.effective_dimension import soft_rank
from engines.loss_landscape.models import factory, potentials
from engines.loss_landscape.models.deep_linear import DeepLinear
from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.models.model import Subject

DENSE = 600
"""Parameters up to which the Hessian at the centre is made."""


@dataclass(frozen=True)
class SamplingTarget:
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


def target_of(configs: Configs) -> SamplingTarget:
    """For members that share all `shape` knobs; float64 on the CPU."""
    return _potential(configs) if configs[0].subject == "potential" else _behaviour(configs)


def _behaviour(configs: Configs) -> SamplingTarget:
    """The behavioural loss of a network around where it begins; of a linear map that of all inputs N(0, I)."""
    one = configs[0]
    if one.subject == "linear" and one.corner:
        model = DeepLinear(one.sizes, one.rank, one.scale)
        return SamplingTarget(model, model.star.expand(len(configs), -1))
    subject = factory.build(configs)
    X = subject.train.X if subject.train.X.ndim == 2 else subject.train.X[:, None]
    with torch.no_grad():
        outputs = subject.model(subject.start[:, None], X)

    def loss(theta: Tensor) -> Tensor:
        return (subject.model(theta, X) - outputs).square().sum((-2, -1)) / (2 * X.shape[-2])

    model = subject.model
    known = (model, subject.train.X) if isinstance(model, Mlp) and model.activation in ("relu", "linear") else None
    return SamplingTarget(loss, subject.start, n=X.shape[-2], perceptron=known, accuracies=_accuracies(subject))


def _accuracies(subject: Subject) -> dict[str, Tensor]:
    """Accuracies where members begin; {} without labels."""
    if subject.train.y.is_floating_point():
        return {}
    both = {"accuracy": subject.train, "test_accuracy": subject.test}
    return {name: subject.accuracy(subject.start, samples) for name, samples in both.items()}


def _potential(configs: Configs) -> SamplingTarget:
    one = configs[0]
    if one.potential == "regression":
        return _regression(configs)
    found = potentials.potential(one)
    return SamplingTarget(found.loss, found.star.expand(len(configs), -1))


def _regression(configs: Configs) -> SamplingTarget:
    found = [potentials.draw_regression(config) for config in configs]
    X, y = torch.stack([one.X for one in found]), torch.stack([one.y for one in found])
    member = torch.arange(len(found))[:, None, None]

    def loss(theta: Tensor) -> Tensor:
        return (y[:, None] - theta @ X.mT).square().mean(-1) / 2

    def on(theta: Tensor, rows: Tensor) -> Tensor:
        made = (X[member, rows] @ theta[..., None])[..., 0]
        return (y[member, rows] - made).square().mean(-1) / 2

    return SamplingTarget(loss, torch.stack([one.star for one in found]), on, X.shape[1])


class Eigenmodes(NamedTuple):
    """Of the Hessian at the centre, largest first."""

    values: Tensor
    """`[B, P]`."""
    vectors: Tensor
    """Columns, `[B, P, P]`."""


def eigenmodes(found: SamplingTarget) -> Eigenmodes | None:
    """None where there are too many parameters."""
    if found.star.shape[-1] > DENSE:
        return None
    values, vectors = lapack.eigh(_hessian(found))
    return Eigenmodes(values.flip(-1), vectors.flip(-1))


def _hessian(found: SamplingTarget) -> Tensor:
    """`[B, P, P]`: of a perceptron with gates `JᵀJ/n`, which is exact, of anything else by derivatives."""
    if found.perceptron is not None:
        net, X = found.perceptron
        return gram(net, found.star, X)
    with torch.enable_grad():
        return hessian(lambda theta: found.loss(theta[:, None])[:, 0], found.star)


ROUNDING = 1e-20
"""Of the largest eigenvalue: what is below cannot be told from zero, and is put there."""


def display_axes(found: SamplingTarget, seen: Eigenmodes | None) -> Tensor:
    """The steepest direction and the flattest one, `[B, 2, P]`; the first two parameters where all are flat or many."""
    P = found.star.shape[-1]
    plain = torch.eye(2, P, dtype=torch.float64).expand(len(found.star), -1, -1)
    if seen is None or P < 3:
        return plain
    flat = (seen.values.abs().amax(-1) == 0)[:, None, None]
    return torch.where(flat, plain, torch.stack([seen.vectors[..., 0], seen.vectors[..., -1]], -2))


def centre_channels(configs: Configs, seen: Eigenmodes | None) -> dict[str, Tensor]:
    """Channels that stay as they are, for members that share all `shape` knobs."""
    found = {} if seen is None else {"spectrum": floor_eigenvalues(seen.values)}
    if configs[0].subject in ("potential", "superposition", "transformer", "addition"):
        return found
    subject = factory.build(configs)
    model = subject.model
    if not isinstance(model, Mlp) or model.activation not in ("relu", "linear") or model.P > DENSE:
        return found
    return found | count_channels(model, subject) | near_curvature_channel(configs, model, subject)


def floor_eigenvalues(h: Tensor) -> Tensor:
    """Eigenvalues `[B, P]`, largest first, none below rounding."""
    return torch.maximum(h, ROUNDING * h[:, :1])


def count_channels(net: Mlp, subject: Subject) -> dict[str, Tensor]:
    """Zero modes with their reasons, ranks and blocks."""
    found: Count = count(net, subject.start, subject.train.X)
    reasons = [found.N12.sum(-1), found.excess.sum(-1), found.cross, found.residual]
    numbers = {"synchronised_blocks": torch.stack([block.number for block in found.blocks], -1)} if found.blocks else {}
    h = found.values.square() / subject.train.X.shape[-2]
    whole = torch.nn.functional.pad(h, (0, net.P - h.shape[-1]))
    return numbers | {
        "spectrum": floor_eigenvalues(whole),
        "free_directions": torch.stack(reasons, -1),
        "nullity": found.nullity,
        "explained": found.explained,
        "rank_activations": found.r_a,
        "rank_gradients": found.r_g,
    }


def near_curvature_channel(configs: Configs, net: Mlp, subject: Subject) -> dict[str, Tensor]:
    """The curvature along the exchange of neurons 0 and 1, where these were planted to nearly agree."""
    if configs[0].planted != "near":
        return {}
    theta, X = subject.start, subject.train.X
    W_in, W_out = net.split(theta)
    pair = torch.zeros(net.sizes[1], net.sizes[1], dtype=torch.bool)
    pair[0, 1] = True
    direction = torch.cat([part.flatten(-2) for part in exchanges(W_in, W_out, pair.expand(len(theta), -1, -1))], -1)
    return {"near_curvature": curvature_along(jacobian(net, theta, X), direction, X.shape[-2])[:, 0]}


def with_effective_parameters(found: dict[str, Tensor], knobs: Knobs) -> dict[str, Tensor]:
    """With the effective parameters at the temperature of each member."""
    if "spectrum" not in found:
        return found
    h, gamma = found["spectrum"], knobs["gamma"]
    grid = torch.tensor(B_GRID, dtype=h.dtype)
    curve = torch.stack([soft_rank(h, b, gamma) for b in grid], -1)
    return found | {"effective_parameters": soft_rank(h, knobs["n_beta"], gamma), "soft_count": curve}
