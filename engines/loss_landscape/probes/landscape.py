"""The loss that a probe differentiates or samples, with its point w* and the spectrum of its Hessian there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from engines.core.numerics import lapack
from engines.core.protocol.engine import RunData
from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.config import LossLandscape
from engines.loss_landscape.hessian import spectral_density
from engines.loss_landscape.hessian.dense import matrix
from engines.loss_landscape.hessian.lanczos import rademacher
from engines.loss_landscape.hessian.products import (
    Loss,
    Product,
    block,
    gauss_newton,
    metric_of,
    mlp_gauss_newton,
    mlp_hessian,
    over_parts,
    reverse_over_reverse,
    softmax_metric,
)
from engines.loss_landscape.hessian.spectral_density import RESOLVED, SoftCount, Spectrum
from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.models.model import Model, Samples, Trainable, cross_entropy
from engines.loss_landscape.models.network_at_step import NetworkAtStep, network_of_run
from engines.loss_landscape.models.own_model import OwnModel
from engines.loss_landscape.models.potentials import potential

TEMPERATURES = np.geomspace(1, 1e9, 91)
"""Inverse temperatures at which the soft count is drawn."""


Outputs = Callable[[Tensor], Tensor]
"""Map parameters `[*, P]` to outputs `[*, n, k]`."""


class Landscape(NamedTuple):
    """A loss `[*, P] -> [*]` around `star [P]`: of a network, or in closed form."""

    config: LossLandscape
    star: Tensor
    loss: Loss
    outputs: Outputs | None
    """Outputs f whose `(1/2n) sum_x ‖f - f*‖²` is the loss; its Hessian at w* is then `JᵀJ/n`, exactly.

    None for others.
    """
    n: int
    """Number of samples; 0 for a loss that has none."""
    scale: float = 1.0
    """Number by which outputs were divided."""
    labelled: bool = False
    """Whether samples have classes."""
    note: str = ""
    """Sentence for a reader, "" for none."""
    kept: int = 0
    """Numbers that one evaluation of the loss keeps for its gradient, where that is known."""
    by_hand: Callable[[], Product] | None = None
    """Makes the product with the Hessian at w* without derivatives, where that is known; several times quicker."""

    @property
    def P(self) -> int:
        """Number of parameters."""
        return len(self.star)

    @property
    def product(self) -> Product:
        """Product with the Hessian at w* for vectors `[m, P]`, by Gauss and Newton where that is exact."""
        if self.by_hand is not None:
            return self.by_hand()
        if self.outputs is not None:
            return gauss_newton(self.outputs, self.star)
        return reverse_over_reverse(self.loss, self.star)


Kind = Literal["gauss_newton", "hessian", "trained_gauss_newton"]
"""Loss whose Hessian is meant: how far outputs go from what they are, where Gauss and Newton's is exact; the one that
is trained; of that one what Gauss and Newton keep of its Hessian, `Jᵀ Lo J/n`, which has no negative eigenvalues."""


def landscape(run: RunData, member: int, step: int, kind: Kind) -> Landscape:
    """Landscape of a member at a step; a potential has one, whatever the kind.

    Raises `ConfigError` for parameters that are not finite.
    """
    config = run.config(member, int(run.steps[-1]) if step < 0 else step)
    if config.subject == "potential":
        closed_form = potential(config)
        return Landscape(config, closed_form.star, closed_form.loss, None, closed_form.n)
    return landscape_of_network(network_of_run(run, member, step), kind)


def landscape_of_network(network: NetworkAtStep, kind: Kind) -> Landscape:
    """Landscape of a network. Errors as `landscape`."""
    require_finite(network.theta)
    if kind == "gauss_newton":
        return behavioural_landscape(network)
    trained = trained_landscape(network)
    return trained if kind == "hessian" else trained._replace(by_hand=lambda: _trained_gauss_newton(network))


def behavioural_landscape(network: NetworkAtStep) -> Landscape:
    """Landscape of `L_B(w) = (1/2n) sum_x ‖f(x; w) - f(x; w*)‖²`, a classifier's outputs at unit standard deviation.

    Raises `ConfigError` for a model that is a loss alone.
    """
    model, X = network.subject.model, network.samples.X
    if isinstance(model, OwnModel):
        model.subject.require_outputs()
    scale = output_scale(network)

    def outputs(theta: Tensor) -> Tensor:
        return model(theta, X) / scale

    target = outputs(network.theta).detach()

    def distance(made: Tensor, target: Tensor) -> Tensor:
        return (made / scale - target).square().sum((-2, -1)) / (2 * len(X))

    loss = Trainable(model, Samples(X, target), network.samples, distance, network.theta[None], (0,))
    by_hand = _behavioural_product(model, network.theta, X, scale)
    return Landscape(
        network.config, network.theta, loss, outputs, len(X), scale, is_classifier(network), scale_note(scale),
        kept_numbers(network), by_hand,
    )  # fmt: skip


def _behavioural_product(model: Model, theta: Tensor, X: Tensor, scale: float) -> Callable[[], Product] | None:
    """Return what makes the product with the Hessian at theta `[P]` by hand, or in parts; None for other models."""
    if isinstance(model, Mlp):
        return lambda: mlp_gauss_newton(model, theta, X, lambda v: v / scale**2)
    if isinstance(model, OwnModel):
        return lambda: over_parts(
            lambda part: gauss_newton(lambda at: model(at, part) / scale, theta), [*model.parts(X)]
        )
    return None


def trained_landscape(network: NetworkAtStep) -> Landscape:
    """Landscape of the loss on labels or targets that training lowers."""
    subject, (X, y) = network.subject, network.samples
    loss = replace(subject, train=network.samples)

    def product() -> Product:
        assert isinstance(subject.model, OwnModel)
        subject.model.subject.require_twice_differentiable()
        return over_parts(lambda part: _product_on(subject, network.theta, part), [*subject.model.parts(X)])

    with torch.no_grad():
        own = isinstance(subject.model, OwnModel)
        rests = not own and y.is_floating_point() and float(subject.loss(subject.start, network.samples)) == 0
    note = "there are no labels and no targets: the loss that is trained is the behavioural one" if rests else ""
    return Landscape(
        network.config, network.theta, loss, None, len(X), labelled=is_classifier(network), note=note,
        kept=kept_numbers(network),
        by_hand=product if own else _classifier_product(subject, network.theta, network.samples),
    )  # fmt: skip


def _classifier_product(subject: Trainable, theta: Tensor, samples: Samples) -> Callable[[], Product] | None:
    """Return what makes the product with the Hessian of a perceptron's cross-entropy by hand; None for any other."""
    net, (X, y) = subject.model, samples
    if not isinstance(net, Mlp) or subject.criterion is not cross_entropy:
        return None

    def product() -> Product:
        logits = net(theta, X).detach()
        residual = logits.softmax(-1) - functional.one_hot(y, logits.shape[-1])
        return mlp_hessian(net, theta, X, softmax_metric(logits), residual)

    return product


def _product_on(subject: Trainable, theta: Tensor, X: Tensor) -> Product:
    """Product with the Hessian of a person's own loss on some samples `X [n, 1]`, which look up their targets."""
    return reverse_over_reverse(lambda at: subject.loss(at, Samples(X, X)), theta)


def _trained_gauss_newton(network: NetworkAtStep) -> Product:
    """Product with the Gauss-Newton matrix of the loss that is trained."""
    subject, samples = network.subject, network.samples
    model, theta = subject.model, network.theta

    def on(some: Samples) -> Product:
        metric = metric_of(lambda made: subject.loss_of(made, some), model(theta, some.X).detach())
        return gauss_newton(lambda at: model(at, some.X), theta, metric)

    if not isinstance(model, OwnModel):
        return on(samples)
    model.subject.require_outputs()
    return over_parts(lambda part: on(Samples(part, part)), [*model.parts(samples.X)])


def restricted(landscape: Landscape, places: Tensor) -> Landscape:
    """Landscape in some parameters only, by their places `[p]`; the others stay at w*."""
    star, P = landscape.star, landscape.P

    def whole(theta: Tensor) -> Tensor:
        return star.expand(*theta.shape[:-1], P).index_copy(-1, places, theta)

    return landscape._replace(
        star=star[places], loss=lambda theta: landscape.loss(whole(theta)), outputs=None,
        by_hand=lambda: block(landscape.product, places, P),
    )  # fmt: skip


def kept_numbers(network: NetworkAtStep) -> int:
    """Count the numbers that one evaluation of an own model's loss keeps for its gradient; 0 for other models."""
    model = network.subject.model
    return len(network.samples.X) * model.subject.numbers if isinstance(model, OwnModel) else 0


def scale_note(scale: float) -> str:
    """Sentence on what the scale of the outputs does to eigenvalues; "" where it is 1."""
    if scale == 1:
        return ""
    return (
        f"outputs were divided by their standard deviation {scale:.5g}, so that steps compare: eigenvalues of JᵀJ/n "
        f"are {scale**2:.5g} times those shown"
    )


@torch.no_grad()
def output_scale(network: NetworkAtStep) -> float:
    """Standard deviation of a classifier's outputs, so that checkpoints can be compared as logits grow; else 1."""
    return (
        float(network.subject.model(network.theta, network.samples.X).std()) or 1.0 if is_classifier(network) else 1.0
    )


def is_classifier(network: NetworkAtStep) -> bool:
    """Whether the subject is a classifier."""
    return not network.samples.y.is_floating_point()


def require_finite(theta: Tensor) -> None:
    """Raise `ConfigError` unless all parameters `theta [P]` are finite."""
    lost = int((~theta.isfinite()).sum())
    if lost:
        raise ConfigError(f"{lost} of {len(theta)} parameters are not finite at this step: look at an earlier one")


MAX_DENSE = 1500
"""Most parameters for which the matrix is made."""

MEMORY = 2e7
"""Numbers that the outputs of products made at once may take."""


class Eigenvalues(NamedTuple):
    """Spectrum of a Hessian: all eigenvalues of a dense matrix, or nodes of quadrature by Lanczos steps."""

    quadrature: Spectrum
    """Nodes and weights; of a dense matrix one probe with every eigenvalue."""
    vectors: Tensor | None
    """Eigenvectors `[P, P]` of a dense matrix."""

    @property
    def dense(self) -> bool:
        """Whether every eigenvalue is computed."""
        return self.vectors is not None

    @property
    def least(self) -> float:
        """Most negative eigenvalue; of Lanczos steps, an upper bound of it."""
        return float(self.quadrature.nodes.min())

    @property
    def largest(self) -> float:
        """Largest eigenvalue; of Lanczos steps, a lower bound of it."""
        return float(self.quadrature.top)

    def count(self, b: Tensor, gamma: float) -> SoftCount:
        """Soft count `N_eff` at temperatures `b [T]`; NaN where the steps are too few."""
        return spectral_density.soft_count(self.quadrature, b, gamma)

    def note(self, b: float, gamma: float) -> str:
        """Sentence on how far the count at a temperature can be trusted; "" where it can."""
        one = self.count(torch.tensor([b], dtype=torch.float64), gamma)
        few = f"{self.quadrature.nodes.shape[-1]} Lanczos steps are {float(one.ratio):.2g} of √(b h_max/γ)"
        if bool(one.refused):
            return f"{few}: too few to count parameters at b = {b:.3g}; {spectral_density.REFUSED} are the least"
        if not bool(one.coarse):
            return ""
        return (
            f"{few}, below {RESOLVED}: the count at b = {b:.3g} may be off by more than its error, which sees the "
            "random vectors alone; as a rule it is too large. Take more steps"
        )


def product_chunk(landscape: Landscape) -> int:
    """Number of products that are made at once."""
    outputs = landscape.star[None, None] if landscape.outputs is None else landscape.outputs(landscape.star)
    return max(1, min(64, int(MEMORY / (outputs.numel() + landscape.P))))


def hessian_spectrum(landscape: Landscape, steps: int, probes: int, generator: torch.Generator) -> Eigenvalues:
    """Spectrum of the Hessian at w*.

    Dense up to `MAX_DENSE` parameters, else by `steps` Lanczos steps of each probe.
    """
    if landscape.P <= MAX_DENSE:
        h, V = lapack.eigh(matrix(landscape.product, landscape.star, product_chunk(landscape)))
        return Eigenvalues(Spectrum(h[None], torch.full_like(h[None], 1 / landscape.P), landscape.P), V)
    starts = rademacher(generator, probes, landscape.P)
    return Eigenvalues(spectral_density.spectrum(landscape.product, starts, min(steps, landscape.P)), None)
