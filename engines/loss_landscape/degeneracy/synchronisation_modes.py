"""Free directions of type 3: what a block of synchronised neurons hands on from its in- to its out-weights.

    E_ij:   dW_in[i, :] = W_in[j, :],   dW_out[:, j] = -W_out[:, i]          i, j in one live block
    shift:  dW_in[i, bias] = 1,         d(bias of the next layer) = -W_out[:, i]       i always on

Tangents of `W_in[S] -> M W_in[S]`, `W_out[:, S] -> W_out[:, S] M⁻¹`; `i = j` is the rescaling of every live ReLU.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from engines.loss_landscape.degeneracy.synchronised_neurons import Blocks
from engines.loss_landscape.models.mlp import Mlp


def exchanges(W_in: Tensor, W_out: Tensor, paired: Tensor) -> tuple[Tensor, Tensor]:
    """`E_ij` of every pair that any member has, zero where a member has it not.

    W_in `[..., d, D]`, W_out `[..., d', D']`, paired bool `[..., d, d]`; `[..., q, d, D]` and `[..., q, d', D']`.
    """
    i, j = paired.reshape(-1, *paired.shape[-2:]).any(0).nonzero().unbind(-1)
    into = one_hot(i, W_in.shape[-2])[:, :, None] * W_in[..., j, None, :]
    out = -W_out[..., i].mT[..., None] * one_hot(j, W_out.shape[-1])[:, None, :]
    here = paired[..., i, j, None, None]
    return into * here, out * here


def shifts(W_in: Tensor, W_out: Tensor, on: Tensor) -> tuple[Tensor, Tensor]:
    """The shift of every unit that is always on in any member, zero where it is not; on bool `[..., d]`."""
    i = on.reshape(-1, on.shape[-1]).any(0).nonzero()[:, 0]
    last_in, last_out = (one_hot(W.new_tensor(W.shape[-1] - 1).long(), W.shape[-1]) for W in (W_in, W_out))
    here = on[..., i, None, None].to(W_in.dtype)
    into = one_hot(i, W_in.shape[-2])[:, :, None] * last_in * here
    return into, -W_out[..., i].mT[..., None] * last_out * here


def tangents(net: Mlp, theta: Tensor, layer: int, paired: Tensor, on: Tensor) -> Tensor:
    """`E_ij` of all pairs of hidden layer 1 .. L-1 and shifts, in the coordinates of theta, `[..., q, P]`.

    paired bool `[..., d, d]`, on bool `[..., d]`: those of the layer's `Blocks`, or neurons that are nearly so.
    """
    W_in, W_out = net.split(theta)[layer - 1 : layer + 1]
    found = [exchanges(W_in, W_out, paired)]
    if net.bias:
        found.append(shifts(W_in, W_out, on))
    into, out = (torch.cat(parts, -3) for parts in zip(*found, strict=True))
    directions = theta.new_zeros(*into.shape[:-2], net.P)
    weights = net.split(directions)
    weights[layer - 1].copy_(into)
    weights[layer].copy_(out)
    return directions


def generators(net: Mlp, theta: Tensor, found: Sequence[Blocks]) -> Tensor:
    """Directions of all hidden layers, of unit length or zero, `[..., q, P]`; `J u = 0` for each.

    theta `[..., P]`, one `Blocks` a hidden layer. They may be dependent, on each other and on those of types 1 and 2.
    """
    if not found:
        return theta.new_zeros(*theta.shape[:-1], 0, net.P)
    parts = [tangents(net, theta, layer, block.live, block.on) for layer, block in enumerate(found, 1)]
    every = torch.cat(parts, -2)
    length = torch.linalg.vector_norm(every, dim=-1, keepdim=True)
    return every / torch.where(length > 0, length, 1)
