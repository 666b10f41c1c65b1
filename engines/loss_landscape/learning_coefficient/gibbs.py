"""Gibbs sampling of deep linear networks, without a step size: each layer given the others is Gaussian.

Density `exp(-b L(W) - gamma |W - W*|^2/2)` with the loss of `deep_linear.DeepLinear`. With the products Lf of the
layers above and Rt of those below, layer W has precision `b (Lf^T Lf kron Rt Rt^T) + gamma` and linear term
`b Lf^T T Rt^T + gamma W*`; both are diagonal in the eigenbases of `Lf^T Lf` and `Rt Rt^T`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engines.core.numerics import lapack
from engines.loss_landscape.models.deep_linear import DeepLinear, product_of_layers


def draw_layer(
    W: Tensor, above: Tensor, below: Tensor, target: Tensor, star: Tensor, b: Tensor, gamma: float
) -> Tensor:
    """Draw one layer given the others, `[C, o, i]`, from standard normals `W [C, o, i]`.

    above `[C, H_L, o]` and below `[C, i, H_0]` are the products of the other layers, target `[H_L, H_0]`, star
    `[o, i]`, b `[C]`.
    """
    a, U = lapack.eigh(above.mT @ above)
    c, V = lapack.eigh(below @ below.mT)
    b = b[:, None, None]
    precision = b * a.clamp_min(0)[..., None] * c.clamp_min(0)[..., None, :] + gamma
    linear = U.mT @ (b * above.mT @ target @ below.mT + gamma * star) @ V
    return U @ (linear / precision + W / precision.sqrt()) @ V.mT


def gibbs_sweep(model: DeepLinear, layers: list[Tensor], b: Tensor, gamma: float, noise: list[Tensor]) -> list[Tensor]:
    """Draw every layer once, the first one first, `[C, H_{l+1}, H_l]` each; noise: standard normals of the same shapes.

    Layers `[C, H_{l+1}, H_l]`, b `[C]`.
    """
    layers, stars, T, C = list(layers), model.layers, model.target, len(layers[0])
    for k, normals in enumerate(noise):
        below = product_of_layers([torch.eye(model.widths[0], dtype=T.dtype).expand(C, -1, -1), *layers[:k]])
        above = product_of_layers([torch.eye(model.widths[k + 1], dtype=T.dtype).expand(C, -1, -1), *layers[k + 1 :]])
        layers[k] = draw_layer(normals, above, below, T, stars[k], b, gamma)
    return layers
