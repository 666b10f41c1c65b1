"""The function that a probe differentiates or samples, with its point w*: of a network, or in closed form."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from engines.core.protocol.engine import RunData
from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.config import LossLandscape
from engines.loss_landscape.hessian.products import Loss, Product, gauss_newton, reverse_over_reverse
from engines.loss_landscape.models.network_at_step import Specimen, specimen
from engines.loss_landscape.models.potential_loss import closed

Outputs = Callable[[Tensor], Tensor]
"""Of parameters `[..., P]`, `[..., n, k]`."""


class Landscape(NamedTuple):
    """A loss `[..., P] -> [...]` around `star [P]`."""

    config: LossLandscape
    star: Tensor
    loss: Loss
    outputs: Outputs | None
    """Where the loss is `(1/2n) sum_x ‖f - f*‖²` of these; its Hessian at w* is then `JᵀJ/n`, exactly."""
    n: int
    """Samples; 0 for a loss that has none."""
    scale: float = 1.0
    """Outputs were divided by it."""
    labelled: bool = False
    """Whether samples have classes."""
    note: str = ""
    """What a reader has to know of it, "" where nothing."""

    @property
    def P(self) -> int:
        """Parameters."""
        return len(self.star)

    @property
    def product(self) -> Product:
        """With the Hessian at w*, by Gauss and Newton where that is exact."""
        if self.outputs is not None:
            return gauss_newton(self.outputs, self.star)
        return reverse_over_reverse(self.loss, self.star)


def landscape(run: RunData, member: int, step: int, trained: bool) -> Landscape:
    """Of one member at a step: the loss that is trained, or the behavioural one; a potential is both.

    Raises `ConfigError` for parameters that are not finite.
    """
    config = run.config(member, int(run.steps[-1]) if step < 0 else step)
    if config.subject == "potential":
        found = closed(config)
        return Landscape(config, found.star, found.loss, None, found.n)
    one = specimen(run, member, step)
    finite(one.theta)
    return of_training(one) if trained else behavioural(one)


def behavioural(one: Specimen) -> Landscape:
    """`L_B(w) = (1/2n) sum_x ‖f(x; w) - f(x; w*)‖²`, of a classifier's outputs at unit standard deviation."""
    scale, X = unit(one), one.samples.X

    def outputs(theta: Tensor) -> Tensor:
        return one.subject.model(theta, X) / scale

    target = outputs(one.theta).detach()

    def loss(theta: Tensor) -> Tensor:
        return (outputs(theta) - target).square().sum((-2, -1)) / (2 * len(X))

    return Landscape(one.config, one.theta, loss, outputs, len(X), scale, labelled(one), divided(scale))


def of_training(one: Specimen) -> Landscape:
    """The loss on labels or targets that training lowers."""

    def loss(theta: Tensor) -> Tensor:
        return one.subject.loss(theta, one.samples)

    with torch.no_grad():
        rests = not labelled(one) and float(one.subject.loss(one.subject.start, one.samples)) == 0
    note = "there are no labels and no targets: the loss that is trained is the behavioural one" if rests else ""
    return Landscape(one.config, one.theta, loss, None, len(one.samples.X), labelled=labelled(one), note=note)


def divided(scale: float) -> str:
    """Say what the scale of the outputs does to eigenvalues."""
    if scale == 1:
        return ""
    return (
        f"outputs were divided by their standard deviation {scale:.5g}, so that steps compare: eigenvalues of JᵀJ/n "
        f"are {scale**2:.5g} times those shown"
    )


@torch.no_grad()
def unit(one: Specimen) -> float:
    """Standard deviation of a classifier's outputs, so that checkpoints can be compared as logits grow; else 1."""
    return float(one.subject.model(one.theta, one.samples.X).std()) or 1.0 if labelled(one) else 1.0


def labelled(one: Specimen) -> bool:
    """Whether the subject is a classifier."""
    return not one.samples.y.is_floating_point()


def finite(theta: Tensor) -> None:
    """Raise `ConfigError` for parameters of which some are not finite numbers."""
    lost = int((~theta.isfinite()).sum())
    if lost:
        raise ConfigError(f"{lost} of {len(theta)} parameters are not finite at this step: look at an earlier one")
