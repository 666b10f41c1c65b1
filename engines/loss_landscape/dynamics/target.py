"""What chains sample: a loss around its minimum, with what is known of both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engines.loss_landscape import potentials, subjects
from engines.loss_landscape.config import LossLandscape
from engines.loss_landscape.curvature.dense import hessian
from engines.loss_landscape.potentials import DeepLinear, Regression
from engines.loss_landscape.training.starts import SAMPLES, stream

DENSE = 600
"""Parameters up to which the Hessian at the centre is made."""

NOISE = 1.0
"""Standard deviation of the noise in the data of a regression."""

SCALES = (1.0, 0.7, 0.5, 0.3, 0.2)
"""Standard deviations of its inputs, in turn."""

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


def target(configs: Configs) -> Target:
    """For members that share all `shape` knobs; float64 on the CPU."""
    return _potential(configs) if configs[0].subject == "potential" else _behaviour(configs)


def _behaviour(configs: Configs) -> Target:
    """The behavioural loss of a network around where it begins; of a linear map that of all inputs N(0, I)."""
    one = configs[0]
    if one.subject == "linear" and one.corner:
        model = DeepLinear(one.sizes, one.rank)
        return Target(model, model.star.expand(len(configs), -1))
    subject = subjects.build(configs)
    X = subject.train.X if subject.train.X.ndim == 2 else subject.train.X[:, None]
    with torch.no_grad():
        known = subject.model(subject.start[:, None], X)

    def loss(theta: Tensor) -> Tensor:
        return (subject.model(theta, X) - known).square().sum((-2, -1)) / (2 * X.shape[-2])

    return Target(loss, subject.start, n=X.shape[-2])


def _potential(configs: Configs) -> Target:
    one = configs[0]
    if one.potential == "regression":
        return _regression(configs)
    zero = torch.zeros(len(configs), 2 if one.potential == "crossing" else one.inputs, dtype=torch.float64)
    losses = {
        "quadratic": lambda: potentials.quadratic(curvatures(one)),
        "crossing": lambda: potentials.normal_crossing((1, 1)),
        "planes": lambda: potentials.crossing_planes(one.inputs // 2),
    }
    return Target(losses[one.potential](), zero)


def curvatures(config: LossLandscape) -> Tensor:
    """Of the quadratic: evenly spaced in the logarithm from .1 to 10, `[d]`."""
    return torch.logspace(-1, 1, config.inputs, dtype=torch.float64)


def regression(config: LossLandscape) -> Regression:
    """Data with inputs of unequal spread, true parameters N(0, 1) and unit noise."""
    source, d = stream(config.seed, SAMPLES), config.inputs
    scales = torch.tensor([SCALES[i % len(SCALES)] for i in range(d)], dtype=torch.float64)
    X = torch.randn(config.samples, d, dtype=torch.float64, generator=source) * scales
    truth = torch.randn(d, dtype=torch.float64, generator=source)
    return Regression(X, X @ truth + NOISE * torch.randn(config.samples, dtype=torch.float64, generator=source))


def _regression(configs: Configs) -> Target:
    found = [regression(config) for config in configs]
    X, y = torch.stack([one.X for one in found]), torch.stack([one.y for one in found])
    member = torch.arange(len(found))[:, None, None]

    def loss(theta: Tensor) -> Tensor:
        return (y[:, None] - theta @ X.mT).square().mean(-1) / 2

    def on(theta: Tensor, rows: Tensor) -> Tensor:
        made = (X[member, rows] @ theta[..., None])[..., 0]
        return (y[member, rows] - made).square().mean(-1) / 2

    return Target(loss, torch.stack([one.star for one in found]), on, X.shape[1])


def spectra(found: Target) -> Tensor | None:
    """Eigenvalues of the Hessian at the centre, largest first, `[B, P]`; None where there are too many parameters."""
    if found.star.shape[-1] > DENSE:
        return None
    with torch.enable_grad():
        H = hessian(lambda theta: found.loss(theta[:, None])[:, 0], found.star)
    return torch.linalg.eigvalsh(H).flip(-1)
