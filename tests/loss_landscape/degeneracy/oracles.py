"""Jacobians and orbits by the shortest way, against which the counts are tested."""

from __future__ import annotations

import torch
from torch import Tensor

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.degeneracy.jacobian import jacobian, jacobian_chunks, qr_of_parts
from engines.loss_landscape.degeneracy.synchronised_neurons import Blocks
from engines.loss_landscape.models.mlp import Mlp


def qr_triangle(net: Mlp, theta: Tensor, X: Tensor, chunk: int | None = None) -> Tensor:
    """Triangle R of `J = QR`, with J in chunks: `RᵀR = JᵀJ` in at most P rows, `[*, min(n k, P), P]`; theta `[*, P]`.

    R and its blocks of columns have the singular values and row spaces of J and its layers, at full precision: unlike a
    Gram matrix, which squares them and resolves nothing below 1e-8 of the largest.
    """
    return qr_of_parts(jacobian_chunks(net, theta, X, chunk))


def kernel(net: Mlp, theta: Tensor, X: Tensor) -> Tensor:
    """Tangent kernel `J Jᵀ/n`, `[*, n k, n k]`: the non-zero eigenvalues of `gram`, cheaper where n k < P."""
    J = jacobian(net, theta, X)
    return J @ J.mT / X.shape[-2]


def exchange_orbit(net: Mlp, theta: Tensor, layer: int, block: Blocks, N: Tensor) -> Tensor:
    """Move `W_in -> M W_in`, `W_out -> W_out M⁻¹` in hidden layer 1 .. L-1, `M = exp(N)` within its blocks, `[*, P]`.

    N `[*, d, d]` may be negative only on the diagonal: M then has no negative entry, synchronised neurons stay
    positive on the same data, no gate flips and the function is the same. Raises `ConfigError` otherwise, and where N
    mixes neurons that are not of one block.
    """
    off = N * (1 - torch.eye(N.shape[-1], dtype=N.dtype, device=N.device))
    if bool((off < 0).any()):
        raise ConfigError(f"an orbit's N must not be negative off the diagonal, its least entry is {off.min():g}")
    if bool((N * ~block.same != 0).any()):
        raise ConfigError("an orbit mixes neurons of one block only, N has entries between blocks")
    M, weights, d = torch.linalg.matrix_exp(N), list(net.split(theta)), N.shape[-1]
    weights[layer - 1] = M @ weights[layer - 1]
    moved = weights[layer][..., :d] @ torch.linalg.matrix_exp(-N)
    weights[layer] = torch.cat([moved, weights[layer][..., d:].expand(*moved.shape[:-1], -1)], -1)
    return net.join([W.expand(*moved.shape[:-2], *W.shape[-2:]) for W in weights])
