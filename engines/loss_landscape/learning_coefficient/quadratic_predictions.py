"""Predictions of what a sampler estimates on a quadratic loss, exact, from the eigenvalues h `[*, P]` of its Hessian.

b, gamma and eta `[*]`; `kappa_i = b h_i + gamma`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engines.loss_landscape.hessian.effective_dimension import soft_rank


def quadratic(h: Tensor, b: Tensor | float, gamma: Tensor | float = 1.0) -> Tensor:
    """Coefficient of the density itself, which MALA samples: `lambda = 1/2 sum_i b h_i/kappa_i = N_eff/2`, `[*]`."""
    return soft_rank(h, b, gamma) / 2


def euler(
    h: Tensor, b: Tensor | float, gamma: Tensor | float, eta: Tensor | float,
    variances: Tensor | None = None, batch_size: int = 1,
) -> Tensor:  # fmt: skip
    """Coefficient that SGLD finds at a finite step size eta, `[*]`.

    `lambda_eta = 1/2 sum_i b h_i/(kappa_i (1 - eta kappa_i/4)) (1 + eta b^2 s_i/(4 B))`.

    With the variances s_i `[*, P]` of the gradients of single samples along the modes, for minibatches of B drawn
    with replacement; without them, of all samples. Infinite where `eta kappa_max >= 4`. The minibatch factor takes s
    at w*: where residuals grow on the way through the window there is more noise than that.
    """
    b, gamma, eta = (torch.as_tensor(value, dtype=h.dtype, device=h.device)[..., None] for value in (b, gamma, eta))
    h = h.clamp_min(0)
    kappa = b * h + gamma
    terms = b * h / (kappa * (1 - eta * kappa / 4))
    if variances is not None:
        terms = terms * (1 + eta * b.square() * variances / (4 * batch_size))
    return torch.where((eta * kappa >= 4).any(-1), torch.inf, terms.sum(-1) / 2)
