"""Gram matrix of Jacobians by autograd, the oracle of every product with it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from engines.loss_landscape.hessian.dense import jacobian, require_small


def gram(f: Callable[[Tensor, Tensor], Tensor], theta: Tensor, X: Tensor, chunk: int = 256) -> Tensor:
    """Gram matrix `J^T J/n [P, P]` of one member, summed in float64 over chunks of samples; never holds J as a whole.

    The Hessian of `1/(2n) sum_x |f(x; w) - f(x; w*)|^2` at w*. Raises `ConfigError` beyond `LARGEST` parameters.
    """
    P = require_small(theta.shape[-1])
    total = torch.zeros(P, P, dtype=torch.float64, device=theta.device)
    for part in X.split(chunk):
        J = jacobian(f, theta, part).double()
        total.addmm_(J.mT, J)
    return total / len(X)
