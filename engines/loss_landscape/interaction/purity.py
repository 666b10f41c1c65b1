"""Whether features keep to the modules that a network was planted with. Batched over members."""

from __future__ import annotations

import torch
from torch import Tensor

from engines.loss_landscape.interaction.basis import Basis

TINY = 1e-300


def purity(at: Tensor, basis: Basis, parts: Tensor) -> Tensor:
    """`max_m var F_m / sum_m var F_m` of each feature, averaged with weights var fh, `[...]`; 1 where none mixes.

    `F_m = at P_m C` is what a feature has of module m. at `[..., n, w]`, parts `[..., modules, w, w]` the projectors
    P_m. With correlated modules var fh is not the sum of var F_m; the weights are still var fh.
    """
    centred = at - at.mean(-2, keepdim=True)
    features = (centred @ basis.C).square().mean(-2)
    of_modules = (centred[..., None, :, :] @ parts @ basis.C[..., None, :, :]).square().mean(-2)  # [..., modules, r]
    share = of_modules.amax(-2) / of_modules.sum(-2).clamp_min(TINY)
    return (share * features).sum(-1) / torch.clamp_min(features.sum(-1), TINY)
