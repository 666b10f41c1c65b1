"""Second moments of what each layer sees and of what is seen of it."""

from __future__ import annotations

import torch
from torch import Tensor

from engines.core.lapack import eigvalsh
from engines.loss_landscape.counts.backward import slope
from engines.loss_landscape.mlp import Mlp


def factor_spectra(net: Mlp, theta: Tensor, X: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Eigenvalues of `AᵀA/n` and `GᵀG/n` of each layer."""
    A, Z = net.layers(theta, X)
    n, weights = X.shape[-2], net.split(theta)
    eye = torch.eye(net.sizes[-1], dtype=theta.dtype, device=theta.device)
    grams = [eye.expand(*theta.shape[:-1], -1, -1)]
    G = None
    for W, z in zip(weights[:0:-1], Z[-2::-1], strict=True):
        s, inner = slope(net.activation, z), W[..., : z.shape[-1]]
        if G is None:
            grams.insert(0, (inner.mT @ inner) * (s.mT @ s) / n)
            G = inner[..., None, :, :] * s[..., None, :]
        else:
            G = (G @ inner[..., None, :, :]) * s[..., None, :]
            rows = G.flatten(-3, -2)
            grams.insert(0, rows.mT @ rows / n)
    return [(eigvalsh(a.mT @ a / n).clamp_min(0), eigvalsh(g).clamp_min(0)) for a, g in zip(A, grams, strict=True)]
