"""Effective dimension: the number of parameters that a loss level sees, from the eigenvalues h of a Hessian.

    N_eff(b, gamma) = sum_i b h_i/(b h_i + gamma)        b times the mean loss, window N(w*, I/gamma)

For a quadratic loss it is `2 lambda(b) = -2 d log Z/d log b` exactly, and the rank as b -> infinity. Where the loss is
not quadratic within the window, zero modes that interact included, it is too small or too large. Negative eigenvalues,
which a least loss has by rounding only, count as zero. h `[*, P]`; all that goes with it, `[*]`, broadcasts against
its leading axes.
"""

from __future__ import annotations

import torch
from torch import Tensor


def soft_rank(h: Tensor, b: Tensor | float, gamma: Tensor | float = 1.0) -> Tensor:
    """Effective dimension `N_eff(b, gamma)`, `[*]`: also the degrees of freedom of ridge regression."""
    b, gamma = (torch.as_tensor(value, dtype=h.dtype, device=h.device)[..., None] for value in (b, gamma))
    scaled = b * h.clamp_min(0)
    return (scaled / (scaled + gamma)).sum(-1)
