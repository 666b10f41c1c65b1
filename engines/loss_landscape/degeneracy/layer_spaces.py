"""What a network's layers see of the data and what its outputs see of the layers."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.models.mlp import ACTIVATIONS, Mlp


class Passes(NamedTuple):
    """One entry a layer l = 0 .. L-1; gates one a hidden layer."""

    A: list[Tensor]
    """`at^l(x)`, `[..., n, D_l]`."""
    gates: list[Tensor]
    """`z^l(x) > 0` of the hidden layers 1 .. L-1, bool `[..., n, d_l]`."""
    G: list[Tensor]
    """`df/dz^{l+1}`, `[..., n, k, d_{l+1}]`."""


def double(*tensors: Tensor) -> None:
    """Raise `ConfigError` unless every tensor is float64: float32 counts zero modes that are not there."""
    for tensor in tensors:
        if tensor.dtype != torch.float64:
            raise ConfigError(f"counts need float64, given was {tensor.dtype}: in float32 they are wrong")


def slope(activation: str, z: Tensor) -> Tensor:
    """`phi'(z)`, of the shape of z; for a ReLU `z > 0`."""
    with torch.enable_grad():
        z = z.detach().requires_grad_()
        return torch.autograd.grad(ACTIVATIONS[activation](z).sum(), z)[0]


def gate(activation: str, z: Tensor) -> Tensor:
    """`z > 0`, bool; linear units always fire. Raises `ConfigError` for an activation that has no gates."""
    if activation == "linear":
        return torch.ones_like(z, dtype=torch.bool)
    if activation != "relu":
        raise ConfigError(f"activation {activation!r} has no gates; relu and linear have")
    return z > 0


def backward(net: Mlp, theta: Tensor, X: Tensor) -> Passes:
    """`G^{L-1} = I_k`, `G^{l-1} = (G^l W^l[:, :-1]) * phi'(z^l)` for all data and outputs at once.

    theta `[..., P]`, X `[n, d_0]` or `[..., n, d_0]`. Raises `ConfigError` for anything but float64, and for
    activations other than relu and linear.
    """
    double(theta, X)
    A, Z = net.layers(theta, X)
    eye = torch.eye(net.sizes[-1], dtype=theta.dtype, device=theta.device)
    G = [eye.expand(*Z[-1].shape[:-1], *eye.shape)]
    for W, z in zip(net.split(theta)[:0:-1], Z[-2::-1], strict=True):
        behind = (G[0].flatten(-3, -2) @ W[..., : z.shape[-1]]).unflatten(-2, G[0].shape[-3:-1])
        G.insert(0, behind * slope(net.activation, z)[..., None, :])
    return Passes(A, [gate(net.activation, z) for z in Z[:-1]], G)
