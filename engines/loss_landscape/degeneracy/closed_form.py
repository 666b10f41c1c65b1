"""Ranks of layers, and nullities in closed form: counts of free directions without a Jacobian."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from engines.core.numerics.lapack import svd
from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.degeneracy.jacobian import LayerPasses
from engines.loss_landscape.degeneracy.numerical_rank import SINGULAR, rank, unit_columns
from engines.loss_landscape.degeneracy.synchronised_neurons import Blocks
from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.models.model import Layout


def layer_ranks(passes: LayerPasses, tau: float = SINGULAR) -> tuple[Tensor, Tensor]:
    """Ranks `r_a = rank(A^l)` and `r_g = rank(G^l)` of each layer, with rows (x, o) of G; integers `[*, L]` each."""
    r_a = torch.stack([rank(unit_columns(A)[0], tau) for A in passes.A], -1)
    return r_a, torch.stack([rank(unit_columns(G.flatten(-3, -2))[0], tau) for G in passes.G], -1)


def by_type(net: Mlp | Layout, r_a: Tensor, r_g: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Free directions of type 1 `d (D - r_a)`, of type 2 `(d - r_g) D`, and of either, `d D - r_g r_a`, `[*, L]`.

    d = d_{l+1} and D = D_l of each layer. The two types overlap: their sum counts `(d - r_g)(D - r_a)` twice.
    """
    d, D = torch.tensor(net.shapes, device=r_a.device).unbind(-1)
    return d * (D - r_a), (d - r_g) * D, d * D - r_g * r_a


def block_ranks(W: Tensor, block: Blocks, constant: Tensor | None = None, tau: float = SINGULAR) -> Tensor:
    """Rank of the rows S of W `[*, d, D]` for the block S of each first neuron, 0 elsewhere; `[*, d]`.

    A constant `[*, D]` is one more row of a block that is always on. Rows are scaled to length one.
    """
    W = unit_columns(W.mT)[0].mT
    rows = W[..., None, :, :] * (block.live & block.first[..., None])[..., None]
    if constant is not None:
        constant = torch.nn.functional.normalize(constant, dim=-1)
        more = constant[..., None, :] * (block.on & block.first)[..., None]
        rows = torch.cat([rows, more[..., None, :]], -2)
    return rank(rows, tau, scale=1.0)


def one_hidden_layer(net: Mlp, theta: Tensor, passes: LayerPasses, block: Blocks, tau: float = SINGULAR) -> Tensor:
    """Nullity of the Hessian of a net with one hidden layer, integer `[*]`.

        sum_l (d_{l+1} D_l - r_g r_a) + sum_{live S} r_in(S) r_out(S)

    `r_in(S) = rank(W_in[S] V_a)`, V_a spanning the rows of A^0, for a block that is always on with the constant as one
    more row of W_in[S], if there are biases; `r_out(S) = rank(W_out[:, S])`. theta `[*, P]`. Holds where the distinct
    gates and the constant 1 are linearly independent functions on the data, and those of each firing set span the
    inputs; otherwise the nullity is larger. Raises `ConfigError` for other depths.
    """
    if len(net.sizes) != 3:
        raise ConfigError(f"the closed form is that of one hidden layer, the net has {len(net.sizes) - 2}")
    W_in, W_out = net.split(theta)
    scaled, lengths = unit_columns(passes.A[0])
    _, values, V = svd(scaled)
    V = V * (values > tau * values[..., :1])[..., None]
    r_in = block_ranks((W_in * lengths[..., None, :]) @ V.mT, block, V[..., -1] if net.bias else None, tau)
    r_out = block_ranks(W_out[..., : net.sizes[1]].mT, block, tau=tau)
    _, _, either = by_type(net, *layer_ranks(passes, tau))
    return either.sum(-1) + (r_in * r_out).sum(-1)


def unseen_inputs(inputs: Tensor, gates: Tensor, tau: float = SINGULAR) -> Tensor:
    """Directions of each unit's in-weights that no datum on which it fires can see, `rank(A) - rank(A[g_i])`.

    inputs `[*, n, D]`, gates bool `[*, n, d]`; integer `[*, d]`.
    """
    visible = unit_columns(inputs[..., None, :, :] * gates.mT[..., None])[0]
    return rank(unit_columns(inputs)[0], tau)[..., None] - rank(visible, tau)


def modular_addition(embedding: int, units: int, unseen: int = 0) -> int:
    """Nullity `e² + h` of `f = o relu(l E_a + r E_b)` without biases: GL(e) of the embedding, ReLU rescalings.

    Plus `unseen`, what units do not see of their inputs `[E_a; E_b]`, of rank 2e, summed: none in nets with p well
    above 2e, but some at random weights of p = 17, e = 12. Holds if E has rank e, no unit is dead or always on and n k
    > P; found empirically, not proven.
    """
    return embedding**2 + units + unseen


def deep_linear(sizes: tuple[int, ...]) -> int:
    """Nullity `P - r (H_0 + H_L - r)`, r the least width, of a linear net without biases and full-rank factors.

    Holds at generic parameters, for data that span the inputs. Examples: 4-3-4 has 9, 5-2-6-3-4 has 38.

    >>> deep_linear((4, 3, 4)), deep_linear((5, 2, 6, 3, 4))
    (9, 38)
    """
    r = min(sizes)
    return sum(a * b for a, b in pairwise(sizes)) - r * (sizes[0] + sizes[-1] - r)
