"""The Jacobian by linear regions, an oracle of counts: data of one joint gate pattern share one linear network.

Within a region `at^l = M^l at^0`, `G` is constant and `sum_x at^0 at^0ᵀ = V S² Vᵀ`, so that the region's data can be
replaced by the rows of `S Vᵀ`, at most D_0, and `JᵀJ` is what it was.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from engines.core.numerics.lapack import svdvals
from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.degeneracy.jacobian import LayerPasses, by_layer, layer_passes
from engines.loss_landscape.degeneracy.numerical_rank import unit_columns
from engines.loss_landscape.models.mlp import Mlp

FAINT = 1e-10
"""Share of a region's largest singular value below which a direction of its inputs, in units of all, is rounding."""


class Regions(NamedTuple):
    """Data by their joint pattern of gates."""

    of: Tensor
    """Region of each datum, `[n]`."""
    member: Tensor
    """One datum of each region, `[R]`."""


def regions(gates: list[Tensor]) -> Regions:
    """Group data by the gates `[n, d_l]` of all hidden layers; exact, by their bits."""
    bits = np.packbits(torch.cat(gates, -1).cpu().numpy(), axis=-1)
    _, member, of = np.unique(bits, axis=0, return_index=True, return_inverse=True)
    return Regions(torch.as_tensor(of.ravel()), torch.as_tensor(member))


def region_inputs(A: Tensor, groups: Regions) -> tuple[Tensor, Tensor]:
    """Inputs `S Vᵀ [m, D_0]` that stand for the data `A [n, D_0]` of all regions, and the region of each row `[m]`."""
    A, lengths = unit_columns(A)
    rows, of = [], []
    for region in range(len(groups.member)):
        _, values, V = torch.linalg.svd(A[groups.of == region], full_matrices=False)
        kept = values > FAINT * values[0]
        rows.append(values[kept, None] * V[kept] * lengths)
        of.append(torch.full((len(rows[-1]),), region))
    return torch.cat(rows), torch.cat(of)


def jacobian_by_regions(net: Mlp, theta: Tensor, X: Tensor) -> Tensor:
    """Rows whose `JᵀJ`, hence rank and spectrum, is that of J, `[m k, P]`: `m = sum_regions rank(inputs)`.

    theta `[P]`, X `[n, d_0]`, errors as `layer_passes`; `ConfigError` for more than one net.
    """
    if theta.ndim > 1:
        raise ConfigError(f"regions differ from net to net: theta has shape {tuple(theta.shape)}, one net has one axis")
    passes = layer_passes(net, theta, X)
    groups = regions(passes.gates or [torch.ones(len(X), 1, dtype=torch.bool)])
    at, of = region_inputs(passes.A[0], groups)
    datum = groups.member[of]
    inputs = [at]
    for W, g in zip(net.split(theta), passes.gates, strict=False):
        a = inputs[-1] @ W.mT * g[datum]
        # The constant coordinate of a row that is no datum is carried along.
        inputs.append(torch.cat([a, at[:, -1:]], -1) if net.bias else a)
    return torch.cat(by_layer(LayerPasses(inputs, passes.gates, [G[datum] for G in passes.G])), -1)


def hessian_eigenvalues(J: Tensor, n: int) -> Tensor:
    """Eigenvalues h of the Hessian `[..., P]`, descending, from J or a factor of JᵀJ: squares, hence never negative."""
    h = svdvals(J).square() / n
    return torch.nn.functional.pad(h, (0, J.shape[-1] - h.shape[-1]))
