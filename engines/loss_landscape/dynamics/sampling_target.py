"""The loss that chains sample around its minimum, and what is computed once of that minimum.

Spectrum, zero modes and their reasons, and a plane to draw the chains in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from engines.core.numerics import lapack
from engines.loss_landscape.channels import B_GRID
from engines.loss_landscape.degeneracy.count import DirectionCount, count
from engines.loss_landscape.degeneracy.jacobian import gram, jacobian
from engines.loss_landscape.degeneracy.synchronised_neurons import curvature_along, exchanges
from engines.loss_landscape.dynamics.protocol import Configs, Knobs
from engines.loss_landscape.hessian.dense import hessian
from engines.loss_landscape.hessian.effective_dimension import soft_rank
from engines.loss_landscape.models import factory, potentials
from engines.loss_landscape.models.deep_linear import DeepLinear
from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.models.model import Samples, Trainable
from engines.loss_landscape.models.own_model import OwnModel

DENSE = 600
"""Most parameters for which the Hessian at the centre is made."""


@dataclass(frozen=True)
class SamplingTarget:
    """Loss and centre of the members of one batch."""

    loss: Callable[[Tensor], Tensor]
    """Map `[B, C, P]` to losses `[B, C]` on all data."""
    star: Tensor
    """Centre of the window, `[B, P]`."""
    on: Callable[[Tensor, Tensor], Tensor] | None = None
    """Loss on rows `[B, C, b]` of the data, where it has minibatches."""
    n: int = 1
    """Number of data."""
    perceptron: tuple[Mlp, Tensor] | None = None
    """Network and its inputs, where it is a perceptron."""
    accuracies: Mapping[str, Tensor] = field(default_factory=dict)
    """Accuracies at the centre, of training and of test samples that have labels, `[B]` each."""


def target_of(configs: Configs) -> SamplingTarget:
    """Target of members that share all `shape` knobs; float64 on the CPU."""
    return _potential(configs) if configs[0].subject == "potential" else _behaviour(configs)


def _behaviour(configs: Configs) -> SamplingTarget:
    """Behavioural loss of a network around where it begins; of a linear map that of all inputs N(0, I)."""
    one = configs[0]
    if one.subject == "linear" and one.corner:
        model = DeepLinear(one.sizes, one.rank, one.scale)
        return SamplingTarget(model, model.star.expand(len(configs), -1))
    subject = factory.build(configs)
    if isinstance(subject.model, OwnModel) and subject.model.loss_alone:
        return SamplingTarget(subject.loss, subject.start, n=len(subject.train.X))
    X = subject.train.X if subject.train.X.ndim == 2 else subject.train.X[:, None]
    with torch.no_grad():
        outputs = subject.model(subject.start[:, None], X)

    def distance(made: Tensor, outputs: Tensor) -> Tensor:
        return (made - outputs).square().sum((-2, -1)) / (2 * X.shape[-2])

    model = subject.model
    loss = Trainable(model, Samples(X, outputs), subject.test, distance, subject.start, subject.seeds)
    perceptron = (model, subject.train.X) if isinstance(model, Mlp) else None
    return SamplingTarget(loss, subject.start, n=X.shape[-2], perceptron=perceptron, accuracies=_accuracies(subject))


def _accuracies(subject: Trainable) -> dict[str, Tensor]:
    """Accuracies where members begin; {} without labels."""
    if subject.train.y.is_floating_point():
        return {}
    both = {"accuracy": subject.train, "test_accuracy": subject.test}
    return {name: subject.accuracy(subject.start, samples) for name, samples in both.items()}


def _potential(configs: Configs) -> SamplingTarget:
    one = configs[0]
    if one.potential == "regression":
        return _regression(configs)
    potential = potentials.potential(one)
    return SamplingTarget(potential.loss, potential.star.expand(len(configs), -1))


def _regression(configs: Configs) -> SamplingTarget:
    draws = [potentials.draw_regression(config) for config in configs]
    X, y = torch.stack([one.X for one in draws]), torch.stack([one.y for one in draws])
    member = torch.arange(len(draws))[:, None, None]

    def loss(theta: Tensor) -> Tensor:
        return (y[:, None] - theta @ X.mT).square().mean(-1) / 2

    def on(theta: Tensor, rows: Tensor) -> Tensor:
        made = (X[member, rows] @ theta[..., None])[..., 0]
        return (y[member, rows] - made).square().mean(-1) / 2

    return SamplingTarget(loss, torch.stack([one.star for one in draws]), on, X.shape[1])


class Eigenmodes(NamedTuple):
    """Eigenvalues and eigenvectors of the Hessian at the centre, largest first."""

    values: Tensor
    """`[B, P]`."""
    vectors: Tensor
    """Eigenvectors as columns, `[B, P, P]`."""


def eigenmodes(target: SamplingTarget) -> Eigenmodes | None:
    """Eigenmodes at the centre; None where there are too many parameters."""
    if target.star.shape[-1] > DENSE:
        return None
    values, vectors = lapack.eigh(_hessian(target))
    return Eigenmodes(values.flip(-1), vectors.flip(-1))


def _hessian(target: SamplingTarget) -> Tensor:
    """Hessian `[B, P, P]`: of a perceptron `JᵀJ/n`, which is exact at its centre, of anything else by derivatives."""
    if target.perceptron is not None:
        net, X = target.perceptron
        return gram(net, target.star, X)
    with torch.enable_grad():
        return hessian(lambda theta: target.loss(theta[:, None])[:, 0], target.star)


ROUNDING = 1e-20
"""Share of the largest eigenvalue to which smaller ones are raised: below it none can be told from zero."""


def display_axes(target: SamplingTarget, modes: Eigenmodes | None) -> Tensor:
    """Steepest direction and flattest one, `[B, 2, P]`; the first two parameters where all are flat or many."""
    P = target.star.shape[-1]
    plain = torch.eye(2, P, dtype=torch.float64).expand(len(target.star), -1, -1)
    if modes is None or P < 3:
        return plain
    flat = (modes.values.abs().amax(-1) == 0)[:, None, None]
    return torch.where(flat, plain, torch.stack([modes.vectors[..., 0], modes.vectors[..., -1]], -2))


def centre_channels(configs: Configs, modes: Eigenmodes | None) -> dict[str, Tensor]:
    """Channels of the centre that never change, `[B, *dims]` each, for B members that share all `shape` knobs.

    `spectrum [B, P]` from the modes if there are any; of perceptrons of at most `DENSE` parameters those of
    `count_channels` and `near_curvature_channel` too.
    """
    spectrum = {} if modes is None else {"spectrum": floor_eigenvalues(modes.values)}
    if configs[0].subject in ("potential", "own_model", "superposition", "transformer", "addition"):
        return spectrum
    subject = factory.build(configs)
    model = subject.model
    if not isinstance(model, Mlp) or model.P > DENSE:
        return spectrum
    return spectrum | count_channels(model, subject) | near_curvature_channel(configs, model, subject)


def floor_eigenvalues(h: Tensor) -> Tensor:
    """Raise eigenvalues `[B, P]`, largest first, to at least rounding."""
    return torch.maximum(h, ROUNDING * h[:, :1])


def count_channels(net: Mlp, subject: Trainable) -> dict[str, Tensor]:
    """Channels of zero modes with their reasons, ranks and blocks, of a perceptron of L layers.

    `nullity` and `explained` `[B]`, `free_directions [B, 4]` by reason, `rank_activations` and `rank_gradients`
    `[B, L]`, `synchronised_blocks [B, L - 1]` where there are hidden layers, and `spectrum [B, P]`, largest first.
    """
    counted: DirectionCount = count(net, subject.start, subject.train.X)
    reasons = [counted.N12.sum(-1), counted.excess.sum(-1), counted.cross, counted.residual]
    numbers = (
        {"synchronised_blocks": torch.stack([block.number for block in counted.blocks], -1)} if counted.blocks else {}
    )
    h = counted.values.square() / subject.train.X.shape[-2]
    whole = torch.nn.functional.pad(h, (0, net.P - h.shape[-1]))
    return numbers | {
        "spectrum": floor_eigenvalues(whole),
        "free_directions": torch.stack(reasons, -1),
        "nullity": counted.nullity,
        "explained": counted.explained,
        "rank_activations": counted.r_a,
        "rank_gradients": counted.r_g,
    }


def near_curvature_channel(configs: Configs, net: Mlp, subject: Trainable) -> dict[str, Tensor]:
    """Curvature `near_curvature [B]` along the exchange of neurons 0 and 1; {} unless planted to nearly agree.

    `q = ‖J u‖²/(n ‖u‖²)`, see `synchronised_neurons.curvature_along`.
    """
    if configs[0].planted != "near":
        return {}
    theta, X = subject.start, subject.train.X
    W_in, W_out = net.split(theta)
    pair = torch.zeros(net.sizes[1], net.sizes[1], dtype=torch.bool)
    pair[0, 1] = True
    direction = torch.cat([part.flatten(-2) for part in exchanges(W_in, W_out, pair.expand(len(theta), -1, -1))], -1)
    return {"near_curvature": curvature_along(jacobian(net, theta, X), direction, X.shape[-2])[:, 0]}


def with_effective_parameters(channels: dict[str, Tensor], knobs: Knobs) -> dict[str, Tensor]:
    """Add the soft rank of `spectrum [B, P]`, if there is one: `sum_i b h_i/(b h_i + gamma)`.

    `effective_parameters [B]` at the inverse temperature of each member, `soft_count [B, len(B_GRID)]` at all of the
    grid; knobs `n_beta` and `gamma` are `[B]`.
    """
    if "spectrum" not in channels:
        return channels
    h, gamma = channels["spectrum"], knobs["gamma"]
    grid = torch.tensor(B_GRID, dtype=h.dtype)
    curve = torch.stack([soft_rank(h, b, gamma) for b in grid], -1)
    return channels | {"effective_parameters": soft_rank(h, knobs["n_beta"], gamma), "soft_count": curve}
