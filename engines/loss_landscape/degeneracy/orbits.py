"""Finite moves of the parameters: along orbits that leave the function as it is, and elsewhere for comparison."""

from __future__ import annotations

import torch
from torch import Tensor

from engines.core.numerics.lapack import svd
from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.degeneracy.numerical_rank import SINGULAR
from engines.loss_landscape.degeneracy.synchronised_neurons import Blocks
from engines.loss_landscape.models.mlp import Mlp


def behavioural_loss(net: Mlp, theta: Tensor, star: Tensor, X: Tensor) -> Tensor:
    """Behavioural loss `(1/2n) sum_x ‖f(x; theta) - f(x; star)‖²`, `[*]`; theta `[*, P]`, star broadcasts to it."""
    return (net(theta, X) - net(star.expand(theta.shape), X)).square().sum((-2, -1)) / (2 * X.shape[-2])


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


def bias_shift(net: Mlp, theta: Tensor, layer: int, c: Tensor) -> Tensor:
    """Add `c [*, d]` to the biases of hidden layer 1 .. L-1 and take `W_out c` from the next ones, `[*, P]`.

    The function is the same as long as every unit with c != 0 stays on for all data. Raises `ConfigError` without
    biases.
    """
    if not net.bias:
        raise ConfigError("a bias shift needs biases, the net has none")
    weights = [W.clone() for W in net.split(theta)]
    d = net.sizes[layer]
    weights[layer - 1][..., -1] += c
    weights[layer][..., -1] -= (weights[layer][..., :d] @ c[..., None])[..., 0]
    return net.join(weights)


def null_space(J: Tensor, tau: float = SINGULAR) -> Tensor:
    """Orthonormal rows that span the null space of J `[*, p, P]`, others zero, `[*, P, P]`.

    Straight moves along them raise the loss from fourth order on only; along those of types 1 and 2 not at all.
    """
    square = torch.nn.functional.pad(J, (0, 0, 0, max(0, J.shape[-1] - J.shape[-2])))
    _, values, V = svd(square)
    return V * (values <= tau * values[..., :1])[..., None]


def random_direction_like(move: Tensor, stream: torch.Generator) -> Tensor:
    """Draw a Gaussian direction as long as `move [*, P]` for each member."""
    drawn = torch.randn(move.shape, dtype=move.dtype, generator=stream).to(move.device)
    norm = torch.linalg.vector_norm
    return drawn * (norm(move, dim=-1, keepdim=True) / norm(drawn, dim=-1, keepdim=True))
