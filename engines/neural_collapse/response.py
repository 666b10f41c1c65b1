"""What a layer, or the flow, leaves of a small perturbation of collapsed features: exact to first order for every beta.

    H0 = H* + dH0,  dH = F dH0,  P the projector on the span of the frame R,  X = Rᵀ dM

F is diagonal in six kinds of direction, each with a rate: a layer leaves `beta/(beta + rate)` of it, the flow
`exp(-rate t)`.

    within the classes, P Y           a
    within the classes, (I - P) Y     lambda_H
    class means, P, X symmetric       4 lambda_H (1 - c)     scale and shape of the frame
    class means, P, X antisymmetric   0                      rotation in the span
    class means, I - P                0                      rotation out of the span
    global mean (with a bias)         lambda_H
"""

from __future__ import annotations

import torch
from torch import Tensor

from engines.neural_collapse.features import Knobs, square, wide
from engines.neural_collapse.metrics import TINY, size
from engines.neural_collapse.problem import Problem

KINDS = 6

PERPENDICULAR = 1
"""The place of the directions within classes and out of the frame: what is damped by lambda_H alone."""


def rates(knobs: Knobs) -> Tensor:
    """Rates of the six kinds of direction, `[B, 6]`."""
    lambda_w, lambda_h = knobs["lambda_w"], knobs["lambda_h"]
    c, a, none = (lambda_w * lambda_h).sqrt(), (lambda_h / lambda_w).sqrt(), torch.zeros_like(lambda_w)
    return torch.stack([a, lambda_h, 4 * lambda_h * (1 - c).clamp_min(0), none, none, lambda_h], -1)


def layer(knobs: Knobs) -> Tensor:
    """Logarithms of what one proximal layer leaves, `[B, 6]`."""
    return -torch.log1p(rates(knobs) / knobs["beta"][:, None])


def flow(knobs: Knobs) -> Tensor:
    """Logarithms of what one step of the flow leaves, `[B, 6]`."""
    return -rates(knobs) * knobs["step_size"][:, None]


def directions(problem: Problem, H: Tensor) -> list[Tensor]:
    """The six parts of `H - H*`, two within the classes and four of their means, each `[B, d, .]`."""
    K, RT = problem.task.K, problem.RT
    dH = H - problem.star
    C = problem.task.centred(dH)[..., :K]
    X = RT.mT @ C
    Y, inside, turned = dH[..., K:], RT @ X, RT @ (X - X.mT) / 2
    within = RT @ (RT.mT @ Y)
    return [within, Y - within, inside - turned, turned, C - inside, dH[..., :K] - C]


def survival(problem: Problem, H: Tensor) -> Tensor:
    """`‖part of dH‖/‖part of dH0‖`, `[B, 6]`; NaN where a start has no such part, or is not near collapse."""
    now, begun = (torch.stack([size(part) for part in directions(problem, at)], -1) for at in (H, problem.H0))
    absent = (begun <= 1e-12 * begun.amax(-1, keepdim=True)) | ~problem.near[:, None]
    return torch.where(absent, torch.nan, now / torch.where(absent, 1, begun))


def error(problem: Problem, H: Tensor, logs: Tensor) -> Tensor:
    """`‖dH - F dH0‖/‖F dH0‖` with F from its logarithms `[B, 6]`; NaN where the start is not near collapse, `[B]`."""
    now, begun = directions(problem, H), directions(problem, problem.H0)
    foretold = [wide(left) * part for left, part in zip(logs.exp().unbind(-1), begun, strict=True)]
    off = torch.stack([square(one - other) for one, other in zip(now, foretold, strict=True)]).sum(0)
    whole = torch.stack([square(part) for part in foretold]).sum(0)
    return torch.where(problem.near, (off / whole.clamp_min(TINY)).sqrt(), torch.nan)
