"""The central flow of gradient descent: what its iterates do at the edge without their oscillation.

`dw/dt = -eta [grad L + ½ grad <Sigma, H>]`, Sigma in the span of the directions whose curvature is at `2/eta`, such
that none of them rises beyond (Cohen, Damian, Talwalkar, Kolter, Lee 2024). Sigma is found by least squares with its
negative part cut, which is right for one or two directions. One step of gradient descent is one unit of time.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from engines.core.numerics.lapack import eigh
from engines.optimizer_dynamics.scenes.small_models import SmallModel

SUBSTEPS = 2
DIRECTIONS = 3
"""Most directions that are held at the edge."""

NEAR = 0.98
"""Share of the edge from which on a direction is held."""

APART = 1e-3
"""Distance of the points whose gradients give the slope of a curvature."""


class FlowState(NamedTuple):
    """The place of a flow: parameters `[1, P]`, directions `[1, k, P]`, and the trace of Sigma now."""

    w: Tensor
    basis: Tensor
    variance: float


def curvature_slope(model: SmallModel, w: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """Compute `grad (uᵀ H v)` `[1, P]` by second differences of the gradient along u + v and u - v, `[1, P]` each."""

    def second(d: Tensor) -> Tensor:
        size = d.norm()
        if float(size) == 0:
            return torch.zeros_like(w)
        step = APART * d / size
        points = [model.loss_and_gradient(x)[1] for x in (w + step, w, w - step)]
        return (points[0] - 2 * points[1] + points[2]) / APART**2 * size**2

    return (second(u + v) - second(u - v)) / 4


def curvatures(model: SmallModel, w: Tensor, basis: Tensor, scale: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Take a step of subspace iteration; return Ritz values `[k]`, largest first, and directions `[1, k, P]`.

    Of `D H D` with the diagonal D = `scale` `[1, P]`, where there is one.
    """

    def image(v: Tensor) -> Tensor:
        return model.curvature(w, v) if scale is None else scale * model.curvature(w, scale * v)

    Q = torch.linalg.qr(image(basis).mT)[0].mT
    small = Q @ image(Q).mT
    values, vectors = eigh((small + small.mT) / 2)
    return values[0].flip(0), vectors.mT.flip(1) @ Q


def variance(model: SmallModel, w: Tensor, basis: Tensor, eta: float, dt: float) -> tuple[Tensor, Tensor, float]:
    """Return the pull `½ grad <Sigma, H>` `[1, P]`, the directions, and the trace of Sigma.

    Sigma makes the curvatures of the held directions go to `2/eta` within five substeps.
    """
    values, basis = curvatures(model, w, basis)
    edge = 2 / eta
    at_edge = [i for i in range(min(DIRECTIONS, len(values))) if float(values[i]) > NEAR * edge]
    if not at_edge:
        return torch.zeros_like(w), basis, 0.0
    gradient = model.loss_and_gradient(w)[1][0]
    pairs = [(i, j) for i in at_edge for j in at_edge if i <= j]
    slopes = torch.stack([curvature_slope(model, w, basis[:, i], basis[:, j])[0] for i, j in pairs])
    wanted = torch.tensor([(edge - float(values[i])) / (5 * dt * eta) if i == j else 0.0 for i, j in pairs])
    twice = torch.tensor([1.0 if i == j else 2.0 for i, j in pairs], dtype=w.dtype)
    right = -(slopes @ gradient) - wanted.to(w.dtype)
    X = torch.linalg.lstsq(0.5 * (slopes @ slopes.mT) * twice, right[:, None]).solution[:, 0]
    Sigma = w.new_zeros(len(at_edge), len(at_edge))
    for value, (i, j) in zip(X, pairs, strict=True):
        Sigma[at_edge.index(i), at_edge.index(j)] = Sigma[at_edge.index(j), at_edge.index(i)] = value
    own, vectors = torch.linalg.eigh(Sigma)
    Sigma = (vectors * own.clamp_min(0)) @ vectors.mT
    weights = torch.stack([Sigma[at_edge.index(i), at_edge.index(j)] for i, j in pairs]) * twice
    return 0.5 * (weights @ slopes)[None], basis, float(Sigma.trace())


def step(model: SmallModel, flow: FlowState, eta: float, central: bool = True) -> FlowState:
    """Advance by one unit of time: along the central flow, or along the gradient flow alone."""
    w, basis, trace, dt = flow.w, flow.basis, 0.0, 1 / SUBSTEPS
    for _ in range(SUBSTEPS):
        pull, basis, trace = variance(model, w, basis, eta, dt) if central else (0.0, basis, 0.0)
        w = w - eta * dt * (model.loss_and_gradient(w)[1] + pull)
    return FlowState(w, basis, trace)
