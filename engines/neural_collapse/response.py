"""First-order response of a layer, or of the flow, to a small perturbation of collapsed features; for every beta.

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

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from engines.core.numerics.collapse_metrics import TINY, frobenius_norm
from engines.core.protocol.errors import ConfigError
from engines.neural_collapse import draws
from engines.neural_collapse import problem as problems
from engines.neural_collapse.config import NeuralCollapse
from engines.neural_collapse.features import Knobs, square, wide
from engines.neural_collapse.problem import Problem

KINDS = 6
"""Kinds of direction."""

OUT_OF_SPAN = 1
"""The place of the directions within classes and out of the frame: what is damped by lambda_H alone."""


def rates(knobs: Knobs) -> Tensor:
    """Decay rates of the six kinds of direction, `[B, 6]`."""
    lambda_w, lambda_h = knobs["lambda_w"], knobs["lambda_h"]
    c, a, none = (lambda_w * lambda_h).sqrt(), (lambda_h / lambda_w).sqrt(), torch.zeros_like(lambda_w)
    return torch.stack([a, lambda_h, 4 * lambda_h * (1 - c).clamp_min(0), none, none, lambda_h], -1)


def layer_log_response(knobs: Knobs) -> Tensor:
    """Logarithms of what one proximal layer leaves, `[B, 6]`."""
    return -torch.log1p(rates(knobs) / knobs["beta"][:, None])


def flow_log_response(knobs: Knobs) -> Tensor:
    """Logarithms of what one step of the flow leaves, `[B, 6]`."""
    return -rates(knobs) * knobs["step_size"][:, None]


def build(configs: Sequence[NeuralCollapse], device: torch.device) -> Problem:
    """Draw and assemble the problem of a batch, the parts of its start among it."""
    made = problems.build(configs, device)
    begun = directions(made, made.H0)
    return replace(made, begun=tuple(begun), begun_sizes=_sizes(begun))


def _sizes(parts: Sequence[Tensor]) -> Tensor:
    """Frobenius norms of all parts `[B, m, n]`, `[B, 6]`."""
    return torch.stack([frobenius_norm(part) for part in parts], -1)


def directions(problem: Problem, H: Tensor) -> list[Tensor]:
    """The six parts of `H - H*`, two within the classes and four of their means, each `[B, d, *]`."""
    K, RT = problem.task.K, problem.RT
    dH = H - problem.minimiser
    C = problem.task.centred(dH)[..., :K]
    X = RT.mT @ C
    Y, inside, turned = dH[..., K:], RT @ X, RT @ (X - X.mT) / 2
    within = RT @ (RT.mT @ Y)
    return [within, Y - within, inside - turned, turned, C - inside, dH[..., :K] - C]


def survival(problem: Problem, parts: Sequence[Tensor]) -> Tensor:
    """Share of each of the six parts `[B, d, *]` that is left, `‖part of dH‖/‖part of dH0‖`, `[B, 6]`.

    NaN where a start has no such part, or is not near collapse.
    """
    now, begun = _sizes(parts), problem.begun_sizes
    assert begun is not None  # `build` filled it
    absent = (begun <= 1e-12 * begun.amax(-1, keepdim=True)) | ~problem.near_minimiser[:, None]
    return torch.where(absent, torch.nan, now / torch.where(absent, 1, begun))


def error(problem: Problem, now: Sequence[Tensor], logs: Tensor) -> Tensor:
    """Relative error of the linear response, `‖dH - F dH0‖/‖F dH0‖` `[B]`, with F from its logarithms `[B, 6]`.

    `now` are the six parts of dH, `[B, d, *]` each. NaN where the start is not near collapse.
    """
    begun = problem.begun
    foretold = [wide(left) * part for left, part in zip(logs.exp().unbind(-1), begun, strict=True)]
    off = torch.stack([square(one - other) for one, other in zip(now, foretold, strict=True)]).sum(0)
    whole = torch.stack([square(part) for part in foretold]).sum(0)
    return torch.where(problem.near_minimiser, (off / whole.clamp_min(TINY)).sqrt(), torch.nan)


# -- the response as a matrix, with every sample: small problems alone --------------------------------------------


LARGEST = 2000
"""Entries of the features up to which the matrix is formed, d N."""


def response_matrix(H: np.ndarray, classes: int, lambda_w: float, lambda_h: float, beta: float) -> np.ndarray:
    """The response as a matrix `[d, N, d, N]`: `dH = F dH0` to first order at the minimiser H `[d, N]`.

    `F = beta (HH - HW WW⁻¹ HWᵀ)⁻¹` (Tirer, Huang, Niles-Weed 2023, Theorem 4.1); exact for every beta.

    Blocks of the Hessian of f, with E = WH - Y and the classes one after another:
    `HH = (WᵀW + (lambda_H + beta) I_d) kron I_N`, `WW = I_K kron (H Hᵀ + n lambda_W I_d)`,
    `HW: dW -> dWᵀ E + Wᵀ dW H`.
    """
    d, N = H.shape
    n = N // classes
    Y = np.repeat(np.eye(classes), n, axis=1)
    A = H @ H.T + n * lambda_w * np.eye(d)
    W = np.linalg.solve(A, H @ Y.T).T
    E = W @ H - Y
    HW = np.einsum("ij,ks->iskj", np.eye(d), E) + np.einsum("ki,js->iskj", W, H)
    schur = np.einsum("ij,st->isjt", W.T @ W + (lambda_h + beta) * np.eye(d), np.eye(N)).reshape(d * N, d * N)
    solved = np.linalg.solve(A, HW.reshape(-1, d).T).T.reshape(d * N, classes * d)
    schur = schur - solved @ HW.reshape(d * N, classes * d).T
    return beta * np.linalg.inv(schur).reshape(d, N, d, N)


@lru_cache(maxsize=64)
def response_blocks(config: NeuralCollapse) -> tuple[np.ndarray, np.ndarray]:
    """Singular values of F_11 and of F_12 at the frame of a configuration, descending, `[d n]` each.

    Raises `ConfigError` where the frame is not that of the theorem, or the matrix would be too large.
    """
    size = config.features * config.classes * config.per_class
    if size > LARGEST:
        raise ConfigError(f"the response has {size} rows; shown are at most {LARGEST}: lower per_class")
    if not config.framed or config.scale or config.bias:
        raise ConfigError("the staircase is that of near_collapse or collapsed starts, without scale and bias")
    frame = draws.draw(config.replace(init="collapsed")).M
    H = np.repeat(frame, config.per_class, axis=1)
    F = response_matrix(H, config.classes, config.lambda_w, config.lambda_h, config.beta)
    n, d = config.per_class, config.features
    own, other = F[:, :n, :, :n], F[:, :n, :, n : 2 * n]
    return tuple(np.linalg.svd(block.reshape(d * n, d * n), compute_uv=False) for block in (own, other))  # type: ignore[return-value]
