"""The central flow of RMSProp: parameters and averaged squares together, at the edge of their own metric.

With `P = sqrt nu + eps`: `dw/dt = -eta P⁻¹ [g + ½ grad <Sigma, H>]` and `dnu/dt = (1-beta2)/beta2 (E g² - nu)`, where
hops add to the squares: `E g² = g² + 4 P² diag(Sigma)/eta²`. Sigma lies in the span of the directions whose curvature
in the metric P is at `2/eta`, such that none of them rises beyond (Cohen, Damian, Talwalkar, Kolter, Lee 2024). It is
found as that of gradient descent is, and runs meet it (`tests/optimizer_dynamics/test_edge.py`). No bias correction.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from engines.optimizer_dynamics.scenes.central_flow import DIRECTIONS, NEAR, SUBSTEPS, curvature_slope, curvatures
from engines.optimizer_dynamics.scenes.small_models import SmallModel


class Metric(NamedTuple):
    """Numbers of RMSProp that stay the same at every step."""

    eta: float
    beta2: float
    eps: float


class FlowState(NamedTuple):
    """The place of a flow: parameters and squares `[1, P]`, directions `[1, k, P]`, and the trace of Sigma now."""

    w: Tensor
    squares: Tensor
    basis: Tensor
    variance: float


def pull_of_hops(
    model: SmallModel, flow: FlowState, gradient: Tensor, knobs: Metric, dt: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return `½ grad <Sigma, H>` and the diagonal of Sigma, `[P]` each, and the directions; gradient is `[P]`.

    Sigma makes the curvatures of the held directions go to `2/eta` within five substeps. A direction u has
    `uᵀ P u = 1`; its curvature rises with w, and falls as P rises.
    """
    root = flow.squares[0].sqrt()
    metric, edge = root + knobs.eps, 2 / knobs.eta
    scale = metric**-0.5
    values, basis = curvatures(model, flow.w, flow.basis, scale[None])
    held = (values[:DIRECTIONS] > NEAR * edge).nonzero()[:, 0]
    if not len(held):
        return torch.zeros_like(gradient), torch.zeros_like(gradient), basis
    u, (a, b) = scale * basis[0, held], torch.triu_indices(len(held), len(held))
    slopes = torch.stack([curvature_slope(model, flow.w, u[i, None], u[j, None])[0] for i, j in zip(a, b, strict=True)])
    products, twice = u[a] * u[b], torch.where(a == b, 1.0, 2.0).to(u.dtype)
    drift = (1 - knobs.beta2) / knobs.beta2 / (2 * root)  # rise of the metric by E g² - nu
    hops = 4 / knobs.eta**2 * metric.square() * products  # E g² by an entry of Sigma
    alone = -knobs.eta * slopes @ (gradient / metric) - edge * products @ (drift * (gradient.square() - root.square()))
    each = -knobs.eta / 2 * slopes @ (slopes / metric).mT - edge * products @ (drift * hops).mT
    wanted = torch.where(a == b, (edge - values[held[a]]) / (5 * dt), 0.0)
    X = torch.linalg.lstsq(each * twice, (wanted - alone)[:, None]).solution[:, 0]
    Sigma = u.new_zeros(len(held), len(held))
    Sigma[a, b] = Sigma[b, a] = X
    own, vectors = torch.linalg.eigh(Sigma)
    weights = ((vectors * own.clamp_min(0)) @ vectors.mT)[a, b] * twice
    return 0.5 * weights @ slopes, weights @ products, basis


def step(model: SmallModel, flow: FlowState, knobs: Metric, central: bool = True) -> FlowState:
    """Advance by one step of RMSProp: along its central flow, or along the flow without hops."""
    dt, forget = 1 / SUBSTEPS, (1 - knobs.beta2) / knobs.beta2
    for _ in range(SUBSTEPS):
        gradient = model.loss_and_gradient(flow.w)[1][0]
        pull, spread, basis = torch.zeros_like(gradient), torch.zeros_like(gradient), flow.basis
        if central:
            pull, spread, basis = pull_of_hops(model, flow, gradient, knobs, dt)
        metric = flow.squares[0].sqrt() + knobs.eps
        fresh = gradient.square() + 4 / knobs.eta**2 * metric.square() * spread
        w = flow.w - knobs.eta * dt * (gradient + pull) / metric
        flow = FlowState(w, flow.squares + dt * forget * (fresh - flow.squares), basis, float(spread.sum()))
    return flow
