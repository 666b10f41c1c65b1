"""The losses of a perceptron on a plane, several times faster than point by point.

The first layer is linear in the parameters, so all its products with the data are made once: at the origin and along
both directions. Samples come last, `[C, d, n]`: networks here are narrow, their data is not.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from engines.loss_landscape.loss_surface.surface import Plane
from engines.loss_landscape.models.mlp import ACTIVATIONS, Mlp
from engines.loss_landscape.models.model import Samples


def on_plane(net: Mlp, plane: Plane, samples: Samples) -> Callable[[Tensor], Tensor]:
    """`L(origin + a d_1 + b d_2) [C]` as a function of coordinates `[C, 2]`; samples `[n, d]`.

    Cross-entropy of labels `[n]`, half the squared error of targets `[n, k]`.
    """
    first, n = _first(net, plane, samples.X), len(samples.X)
    criterion = _criterion(samples.y)

    def losses(coordinates: Tensor) -> Tensor:
        coordinates = coordinates.to(first)
        one = torch.ones_like(coordinates[:, :1])
        z = (torch.cat([one, coordinates], -1) @ first).unflatten(-1, (-1, n))
        for W in _above(net, plane.at(coordinates)):
            z = W @ _bent(net, z)
        return criterion(z)

    return losses


def _first(net: Mlp, plane: Plane, X: Tensor) -> Tensor:
    """What the first layer makes at the origin and along the directions, `[3, (d_1 + 1) n]`, the constant with it."""
    data = net.extended(X).mT
    made = torch.stack([net.split(one)[0] @ data for one in (plane.origin, *plane.directions)])
    if net.bias and len(net.shapes) > 1:
        made = functional.pad(made, (0, 0, 0, 1))
    return made.flatten(1)


def _above(net: Mlp, theta: Tensor) -> list[Tensor]:
    """Weights `[C, d', D]` of the other layers; all but the last have a row for the constant, which `_bent` fills."""
    weights = net.split(theta)[1:]
    if net.bias:
        weights[:-1] = [functional.pad(W, (0, 0, 0, 1)) for W in weights[:-1]]
    return weights


def _bent(net: Mlp, z: Tensor) -> Tensor:
    """`[phi(z); 1]`."""
    made = ACTIVATIONS[net.activation](z)
    if net.bias:
        made[:, -1] = 1
    return made


def _criterion(y: Tensor) -> Callable[[Tensor], Tensor]:
    """`[C]` of outputs `[C, k, n]`."""
    if y.is_floating_point():
        return lambda outputs: (outputs - y.mT).square().sum(-2).mean(-1) / 2
    own = y * len(y) + torch.arange(len(y))  # torch's own cross-entropy takes twice as long with samples last
    return lambda outputs: -outputs.log_softmax(-2).flatten(1).index_select(1, own).mean(-1)
