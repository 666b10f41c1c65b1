"""How fast the two traces change at one state of the flow, exactly."""

from __future__ import annotations

from torch import Tensor

from engines.neural_collapse.features import Knobs, Task, square


def traces(task: Task, H: Tensor, knobs: Knobs) -> tuple[Tensor, Tensor]:
    """`d Tr Sigma_W/dt` and `d Tr Sigma_B/dt`, each `[B]`.

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


def trace_ratio(task: Task, H: Tensor, knobs: Knobs) -> Tensor:
    """`d log(Tr Sigma_W/Tr Sigma_B)/dt`, `[B]`; never positive (Theorem 3.1)."""
    K = task.K
    within, between = traces(task, H, knobs)
    C = H[..., :K] - H[..., :K].mean(-1, keepdim=True)
    return within * K / square(H[..., K:]) - between * K / square(C)
