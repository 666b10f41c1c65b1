"""Synchronised neurons, whose ReLUs fire on the same data: blocks, the free directions they make, and near ones.

A block hands its in-weights on to its out-weights, which leaves free directions of type 3:

    E_ij:   dW_in[i, :] = W_in[j, :],   dW_out[:, j] = -W_out[:, i]          i, j in one live block
    shift:  dW_in[i, bias] = 1,         d(bias of the next layer) = -W_out[:, i]       i always on

Tangents of `W_in[S] -> M W_in[S]`, `W_out[:, S] -> W_out[:, S] M⁻¹`; `i = j` is the rescaling of every live ReLU.
Neurons that nearly agree have the same directions almost free.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from torch import Tensor
from torch.nn.functional import one_hot

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.models.mlp import Mlp


class Blocks(NamedTuple):
    """Classes of neurons with identical columns of gates."""

    same: Tensor
    """Whether neurons i and j are in one block, bool `[*, d, d]`."""
    dead: Tensor
    """Whether a neuron never fires, bool `[*, d]`."""
    on: Tensor
    """Whether a neuron always fires, bool `[*, d]`."""

    @property
    def first(self) -> Tensor:
        """Whether a neuron is the first of its block, bool `[*, d]`."""
        return ~self.same.tril(-1).any(-1)

    @property
    def number(self) -> Tensor:
        """Blocks of the layer, `[*]`; the dead neurons are one."""
        return self.first.sum(-1)

    @property
    def live(self) -> Tensor:
        """Whether both neurons are in one block that fires at all, bool `[*, d, d]`."""
        return self.same & ~self.dead[..., None]

    @property
    def sizes(self) -> Tensor:
        """Neurons of the block that a neuron is the first of, 0 where it is not; integer `[*, d]`."""
        return self.same.sum(-1) * self.first


def agreement(gates: Tensor) -> Tensor:
    """Share of the data on which two neurons agree, `(gᵀg + (1-g)ᵀ(1-g))/n`: gates `[*, n, d]`, `[*, d, d]`.

    One product; counts up to 2^53 are exact, so that 1 says identical and no hash can collide.
    """
    g = gates.double()
    return (g.mT @ g + (1 - g).mT @ (1 - g)) / gates.shape[-2]


def blocks(gates: Tensor) -> Blocks:
    """Find the blocks of a hidden layer with gates `[*, n, d]`, bool."""
    return Blocks(agreement(gates) == 1, ~gates.any(-2), gates.all(-2))


def exchanges(W_in: Tensor, W_out: Tensor, paired: Tensor) -> tuple[Tensor, Tensor]:
    """Exchanges `E_ij` of every pair that any member has, zero where a member has it not.

    W_in `[*, d, D]`, W_out `[*, d', D']`, paired bool `[*, d, d]`; `[*, q, d, D]` and `[*, q, d', D']`.
    """
    i, j = paired.reshape(-1, *paired.shape[-2:]).any(0).nonzero().unbind(-1)
    into = one_hot(i, W_in.shape[-2])[:, :, None] * W_in[..., j, None, :]
    out = -W_out[..., i].mT[..., None] * one_hot(j, W_out.shape[-1])[:, None, :]
    here = paired[..., i, j, None, None]
    return into * here, out * here


def shifts(W_in: Tensor, W_out: Tensor, on: Tensor) -> tuple[Tensor, Tensor]:
    """Bias shifts of every unit that is always on in any member, zero where it is not; on bool `[*, d]`.

    W_in `[*, d, D]`, W_out `[*, d', D']`; `[*, q, d, D]` and `[*, q, d', D']`.
    """
    i = on.reshape(-1, on.shape[-1]).any(0).nonzero()[:, 0]
    last_in, last_out = (one_hot(W.new_tensor(W.shape[-1] - 1).long(), W.shape[-1]) for W in (W_in, W_out))
    here = on[..., i, None, None].to(W_in.dtype)
    into = one_hot(i, W_in.shape[-2])[:, :, None] * last_in * here
    return into, -W_out[..., i].mT[..., None] * last_out * here


def tangents(net: Mlp, theta: Tensor, layer: int, paired: Tensor, on: Tensor) -> Tensor:
    """Exchanges of all pairs of hidden layer 1 .. L-1, and shifts, in the coordinates of theta, `[*, q, P]`.

    paired bool `[*, d, d]`, on bool `[*, d]`: those of the layer's `Blocks`, or neurons that are nearly so.
    """
    W_in, W_out = net.split(theta)[layer - 1 : layer + 1]
    moves = [exchanges(W_in, W_out, paired)]
    if net.bias:
        moves.append(shifts(W_in, W_out, on))
    into, out = (torch.cat(parts, -3) for parts in zip(*moves, strict=True))
    directions = theta.new_zeros(*into.shape[:-2], net.P)
    weights = net.split(directions)
    weights[layer - 1].copy_(into)
    weights[layer].copy_(out)
    return directions


def generators(net: Mlp, theta: Tensor, layer_blocks: Sequence[Blocks]) -> Tensor:
    """Directions of type 3 of all hidden layers, of unit length or zero, `[*, q, P]`; `J u = 0` for each.

    theta `[*, P]`, one `Blocks` a hidden layer. They may be dependent, on each other and on those of types 1 and 2.
    """
    if not layer_blocks:
        return theta.new_zeros(*theta.shape[:-1], 0, net.P)
    parts = [tangents(net, theta, layer, block.live, block.on) for layer, block in enumerate(layer_blocks, 1)]
    every = torch.cat(parts, -2)
    length = torch.linalg.vector_norm(every, dim=-1, keepdim=True)
    return every / torch.where(length > 0, length, 1)


def near_clusters(gates: Tensor, delta: float) -> np.ndarray:
    """Group neurons so that any two of a group disagree on at most a share delta of the data; labels `[d]` from 0.

    Complete linkage of `1 - agreement`, gates `[n, d]`; delta = 0 gives the exact blocks. Raises `ConfigError` unless 0
    <= delta < 1.
    """
    if not 0 <= delta < 1:
        raise ConfigError(f"delta = {delta} must be a share of the data, at least 0 and below 1")
    if gates.shape[-1] == 1:
        return np.zeros(1, dtype=int)
    # Whole numbers of data, so that no rounding moves a pair across the threshold.
    n = gates.shape[-2]
    apart = ((1 - agreement(gates)) * n).round().cpu().numpy()
    labels = fcluster(linkage(squareform(apart, checks=False), "complete"), delta * n * (1 + 1e-12), "distance")
    return np.unique(labels, return_inverse=True)[1]


def curvature_along(J: Tensor, directions: Tensor, n: int) -> Tensor:
    """Curvature `q = ‖J u‖²/(n ‖u‖²)` along u `[*, q, P]`, from J or a factor of JᵀJ `[*, p, P]`; `[*, q]`.

    About cubic in the angle between two near-synchronised neurons.
    """
    return (directions @ J.mT).square().sum(-1) / (n * directions.square().sum(-1))


def freedom(q: Tensor, b: float, gamma: float = 1.0) -> Tensor:
    """Freedom `[*]` of directions of curvature `q [*]` at inverse temperature b, `1 - b q/(b q + gamma)`, in [0, 1]."""
    return gamma / (b * q + gamma)


def same_cluster(labels: np.ndarray) -> Tensor:
    """Whether two neurons have the same label, bool `[d, d]`: less those of one block, pairs for `tangents`."""
    return torch.as_tensor(labels[:, None] == labels[None, :])
