"""The central path: gradient flow of the features with the best classifier at every moment.

    dH/dt = -Wᵀ (WC - P) - lambda_H H,   W the ridge classifier of H

It is the limit beta -> infinity of proximal layers, a layer taking the time 1/beta.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from engines.core.numerics.collapse_metrics import frobenius_norm
from engines.neural_collapse import response
from engines.neural_collapse.config import NeuralCollapse
from engines.neural_collapse.diagnostics import Readout
from engines.neural_collapse.features import FeatureTargets, Knobs, square, wide
from engines.neural_collapse.problem import Problem


class CentralState(NamedTuple):
    """Features, and what the linear response leaves of a perturbation."""

    H: Tensor
    """Reduced features, `[B, d, K + r]`."""
    log_response: Tensor
    """Logarithms of what the linear response leaves of each kind of direction, `[B, 6]`."""


def init(configs: Sequence[NeuralCollapse], problem: Problem) -> CentralState:
    """The drawn features."""
    return CentralState(problem.H0, problem.H0.new_zeros(len(configs), response.KINDS))


def steps(problem: Problem, state: CentralState, knobs: Knobs, count: int) -> CentralState:
    """Take `count` steps of the classical Runge-Kutta method, of order 4, on features `[B, d, K + r]`."""
    (H, logs), h = state, wide(knobs["step_size"])
    half, sixth, left = h / 2, h / 6, response.flow_log_response(knobs)
    resistance = problem.task.resistance(H, knobs)
    for _ in range(count):
        k1 = resistance(H)
        k2 = resistance(H - half * k1)
        k3 = resistance(H - half * k2)
        k4 = resistance(H - h * k3)
        H, logs = H - sixth * (torch.add(k1, k2 + k3, alpha=2) + k4), logs + left
    return CentralState(H, logs)


def step(problem: Problem, state: CentralState, knobs: Knobs) -> CentralState:
    """Take one step on features `[B, d, K + r]`, see `steps`."""
    return steps(problem, state, knobs, 1)


def readout(problem: Problem, state: CentralState, knobs: Knobs) -> Readout:
    """Features `[B, d, K + r]`, classifier `[B, K, d]` and speed `[B]`, from which the channels are computed."""
    H, logs = state
    W = problem.task.ridge(H, knobs)
    speed = frobenius_norm(problem.task.velocity(H, knobs)) / frobenius_norm(H)
    return Readout(H, W, logs, -2 * logs[:, response.OUT_OF_SPAN], problem.task.loss(W, H, knobs), speed)


def trace_rates(task: FeatureTargets, H: Tensor, knobs: Knobs) -> tuple[Tensor, Tensor]:
    """Rates of both traces at features `H [B, d, K + r]`: `d Tr Sigma_W/dt` and `d Tr Sigma_B/dt`, each `[B]`.

    `-2 Tr(W Sigma_W Wᵀ) - 2 lambda_H Tr Sigma_W` and `(2/K) <C, Wᵀ (I - WM)> - 2 lambda_H Tr Sigma_B`, W the ridge
    classifier. The terms in lambda_H cancel in the rate of the ratio: at one state it does not depend on lambda_H.
    """
    K, W = task.K, task.ridge(H, knobs)
    M, Y, lambda_h = H[..., :K], H[..., K:], knobs["lambda_h"]
    C = M - M.mean(-1, keepdim=True)
    pull = W.mT @ (task.P - W @ task.centred(H))[..., :K]
    within = -2 * square(W @ Y) / K - 2 * lambda_h * square(Y) / K
    between = 2 * (C * pull).sum((-2, -1)) / K - 2 * lambda_h * square(C) / K
    return within, between


def trace_ratio_rate(task: FeatureTargets, H: Tensor, knobs: Knobs) -> Tensor:
    """Rate of the trace ratio, `d log(Tr Sigma_W/Tr Sigma_B)/dt`, `[B]`.

    Never positive (Tirer, Huang, Niles-Weed 2023, Theorem 3.1).
    """
    K = task.K
    within, between = trace_rates(task, H, knobs)
    C = H[..., :K] - H[..., :K].mean(-1, keepdim=True)
    return within * K / square(H[..., K:]) - between * K / square(C)
