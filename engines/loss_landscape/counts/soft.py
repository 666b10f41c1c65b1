"""Effective parameters at a finite loss: soft ranks of the quadratic loss with eigenvalues h in a Gaussian window.

    N_eff(b, gamma) = sum_i b h_i/(b h_i + gamma)        b times the mean loss, window N(w*, I/gamma)

It is `2 lambda(b) = -2 d log Z/d log b` exactly, and the rank as b -> infinity. Where the loss is not quadratic within
the window, zero modes that interact included, it is too small or too large.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engines.core.errors import ConfigError
from engines.core.lapack import eigvalsh
from engines.loss_landscape.counts.backward import Passes


def soft_rank(h: Tensor, b: Tensor | float, gamma: float = 1.0) -> Tensor:
    """`N_eff` for eigenvalues `h [..., P]` at every b: of shape `[...]`, or `[..., m]` for `b [m]`."""
    b = torch.as_tensor(b, dtype=h.dtype, device=h.device)
    scaled = b[..., None] * (h[..., None, :] if b.ndim else h)
    return (scaled / (scaled + gamma)).sum(-1)


def loss_at(h: Tensor, b: Tensor, gamma: float = 1.0) -> Tensor:
    """Mean loss at inverse temperature b, `eps(b) = (1/2) sum_i h_i/(gamma + b h_i)`; h `[..., P]`, b `[...]`."""
    return (h / (gamma + b[..., None] * h)).sum(-1) / 2


def inverse_temperature(h: Tensor, eps: Tensor | float, gamma: float = 1.0) -> Tensor:
    """Solve `eps(b) = eps` for b, `[...]`: then `2 b eps = N_eff(b)`. Bisection of log b, to rounding.

    h `[..., P]`, eps one number or `[...]`. Raises `ConfigError` where eps is not in (0, sum(h)/(2 gamma)), the mean
    loss of the window itself.
    """
    eps = torch.as_tensor(eps, dtype=h.dtype, device=h.device).expand(h.shape[:-1])
    most = h.sum(-1) / (2 * gamma)
    if not bool(((eps > 0) & (eps < most)).all()):
        raise ConfigError(f"eps = {eps.tolist()} must lie between 0 and the mean loss of the window, {most.tolist()}")
    # From h_i <= h_max and N_eff <= P.
    low = ((h.sum(-1) / (2 * eps) - gamma) / h.amax(-1)).log()
    high = (h.shape[-1] / (2 * eps)).log()
    for _ in range(100):
        middle = (low + high) / 2
        above = loss_at(h, middle.exp(), gamma) > eps
        low, high = torch.where(above, middle, low), torch.where(above, high, middle)
    return ((low + high) / 2).exp()


def factor_spectra(passes: Passes) -> list[tuple[Tensor, Tensor]]:
    """Eigenvalues of `A^lᵀ A^l/n` `[..., D_l]` and `sum_{x,o} G Gᵀ/n` `[..., d_{l+1}]`, layer by layer."""
    found = []
    for A, G in zip(passes.A, passes.G, strict=True):
        rows, n = G.flatten(-3, -2), A.shape[-2]
        found.append((eigvalsh(A.mT @ A / n).clamp_min(0), eigvalsh(rows.mT @ rows / n).clamp_min(0)))
    return found


def factored_soft_rank(spectra: list[tuple[Tensor, Tensor]], b: Tensor | float, gamma: float = 1.0) -> Tensor:
    """Soft rank of each layer as if its Hessian were `CA kron CG`, `sum_ij b mu_i nu_j/(gamma + b mu_i nu_j)`.

    No Jacobian is needed. `[..., L]`, `[..., L, m]` for `b [m]`. As b -> infinity `r_a r_g`; the sum over layers is
    above the count of the whole by the directions across layers, and gates that matter to few data go unseen.
    """
    products = [(mu[..., :, None] * nu[..., None, :]).flatten(-2) for mu, nu in spectra]
    layer = products[0].ndim - 1
    return torch.stack([soft_rank(h, b, gamma) for h in products], layer)
