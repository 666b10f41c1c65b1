"""A ReLU network on its data as matrices alone: biases are weights of a constant coordinate, the last of each layer.

    z^{l+1} = W^l at^l,   at^{l+1} = gate * z^{l+1},   d at^{l+1}/d at^l = diag(gate) W^l   exactly, sample by sample

The constant passes through by a last row (0 .. 0 1) of W and a gate that is open; so do the outputs.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.models.mlp import Mlp


class Folded(NamedTuple):
    """Widths `w_l = d_l + 1`, l = 0 .. L, outputs included."""

    weights: list[Tensor]
    """`[..., w_{l+1}, w_l]`, L of them."""
    nodes: list[Tensor]
    """`at^l`, `[..., n, w_l]`, L + 1 of them."""
    gates: list[Tensor]
    """`[..., n, w_{l+1}]`, 0 or 1, L of them."""
    bent: bool
    """Whether hidden layers have ReLUs; else all is linear."""

    @property
    def outputs(self) -> Tensor:
        """`f`, `[..., n, k]`."""
        return self.nodes[-1][..., :-1]

    def bend(self, section: int, z: Tensor) -> Tensor:
        """The node after a section, `[..., n, w_{l+1}]`, of any `z = at Wᵀ`; the constant passes as it is."""
        if section == len(self.weights) - 1 or not self.bent:
            return z
        return torch.cat([torch.relu(z[..., :-1]), z[..., -1:]], -1)

    def finish(self, layer: int, at: Tensor) -> Tensor:
        """The outputs `[..., n, k]` if the node `layer` had the values `at [..., n, w_l]`."""
        for section in range(layer, len(self.weights)):
            at = self.bend(section, at @ self.weights[section].mT)
        return at[..., :-1]


def fold(net: Mlp, theta: Tensor, X: Tensor) -> Folded:
    """The network with parameters `theta [..., P]` on samples `X [..., n, d_0]`, in float64: ranks will be counted.

    Raises `ConfigError` for an activation other than relu and linear, which have no exact gates.
    """
    if net.activation not in ("relu", "linear"):
        raise ConfigError(f"activation={net.activation!r} has no gates: the interaction basis needs relu or linear")
    theta, X = theta.double(), X.double()
    bent, last = net.activation == "relu", len(net.shapes) - 1
    at = constant(X.expand(*torch.broadcast_shapes(theta.shape[:-1], X.shape[:-2]), *X.shape[-2:]))
    weights, nodes, gates = [], [at], []
    for layer, W in enumerate(net.split(theta)):
        weights.append(_extended(W, net.bias))
        z = at @ weights[-1].mT
        gate = torch.ones_like(z)
        if bent and layer < last:
            gate[..., :-1] = (z[..., :-1] > 0).to(z.dtype)
        at = gate * z
        nodes.append(at)
        gates.append(gate)
    return Folded(weights, nodes, gates, bent)


def constant(a: Tensor) -> Tensor:
    """`[a, 1]`, `[..., n, d + 1]`."""
    return torch.cat([a, a.new_ones(*a.shape[:-1], 1)], -1)


def _extended(W: Tensor, bias: bool) -> Tensor:
    """W with a column for the bias and the row of the constant, `[..., d_{l+1} + 1, d_l + 1]`."""
    whole = W if bias else torch.cat([W, W.new_zeros(*W.shape[:-1], 1)], -1)
    row = torch.zeros_like(whole[..., :1, :])
    row[..., -1] = 1
    return torch.cat([whole, row], -2)
