"""Finite moves of the parameters: along orbits that leave the function as it is, and elsewhere for comparison."""

from __future__ import annotations

import torch
from torch import Tensor

from engines.core.numerics.lapack import svd
from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.degeneracy.numerical_rank import SINGULAR
from engines.loss_landscape.models.mlp import Mlp


def behavioural_loss(net: Mlp, theta: Tensor, star: Tensor, X: Tensor) -> Tensor:
    """Behavioural loss `(1/2n) sum_x ‖f(x; theta) - f(x; star)‖²`, `[*]`; theta `[*, P]`, star broadcasts to it."""
    return (net(theta, X) - net(star.expand(theta.shape), X)).square().sum((-2, -1)) / (2 * X.shape[-2])


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
