"""The Jacobian by linear regions: data with one joint gate pattern share one linear network. One net, not a batch.

Within a region `at^l = M^l at^0`, `G` is constant and `sum_x at^0 at^0ᵀ = V S² Vᵀ`: the region's data can be replaced
by the rows of `S Vᵀ`, at most D_0, and `JᵀJ` is what it was. Worth it where patterns repeat, as in planted nets; in
trained ones nearly every datum has a pattern of its own.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.degeneracy.jacobian import by_layer
from engines.loss_landscape.degeneracy.layer_spaces import Passes, backward
from engines.loss_landscape.degeneracy.numerical_rank import unit_columns
from engines.loss_landscape.models.mlp import Mlp

FAINT = 1e-10
"""Below this share of the region's largest singular value a direction of its inputs, in units of all, is rounding."""


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


def inputs(A: Tensor, found: Regions) -> tuple[Tensor, Tensor]:
    """`S Vᵀ` of the inputs `[n, D_0]` of every region, stacked `[m, D_0]`, and the region of each row `[m]`."""
    A, lengths = unit_columns(A)
    rows, of = [], []
    for region in range(len(found.member)):
        _, values, V = torch.linalg.svd(A[found.of == region], full_matrices=False)
        kept = values > FAINT * values[0]
        rows.append(values[kept, None] * V[kept] * lengths)
        of.append(torch.full((len(rows[-1]),), region))
    return torch.cat(rows), torch.cat(of)


def atoms(net: Mlp, theta: Tensor, X: Tensor) -> Tensor:
    """Rows whose `JᵀJ`, hence rank and spectrum, is that of J, `[m k, P]`: `m = sum_regions rank(inputs)`.

    theta `[P]`, X `[n, d_0]`, errors as `backward`; `ConfigError` for more than one net.
    """
    if theta.ndim > 1:
        raise ConfigError(f"regions differ from net to net: theta has shape {tuple(theta.shape)}, one net has one axis")
    passes = backward(net, theta, X)
    found = regions(passes.gates or [torch.ones(len(X), 1, dtype=torch.bool)])
    at, of = inputs(passes.A[0], found)
    datum = found.member[of]
    seen = [at]
    for W, g in zip(net.split(theta), passes.gates, strict=False):
        a = seen[-1] @ W.mT * g[datum]
        # The constant coordinate of a row that is no datum is carried along.
        seen.append(torch.cat([a, at[:, -1:]], -1) if net.bias else a)
    return torch.cat(by_layer(Passes(seen, passes.gates, [G[datum] for G in passes.G])), -1)
