"""A direction in which synchronised neurons leave a network free."""

from __future__ import annotations

import torch
from torch import Tensor

from engines.loss_landscape.degeneracy.orbits import behavioural_loss
from engines.loss_landscape.degeneracy.synchronisation_modes import generators
from engines.loss_landscape.degeneracy.synchronised_neurons import blocks
from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.models.modular_addition import Embedding
from engines.loss_landscape.models.network_at_step import Specimen

LARGEST = 2**24
"""Numbers in all generators: an eighth of a gigabyte."""


def generator(found: Specimen) -> Tensor | None:
    """A unit vector `[P]` of type 3 along which the outputs change least at distance 1; None where there is none.

    Exchanges within a block and shifts are exactly straight, rescalings are not: the flattest is one of the former
    where there are any. None as well for a network without gates, and for one that is too large.
    """
    model = found.subject.model
    if not isinstance(model, Mlp | Embedding):
        return None
    net, theta, X = found.perceptron()
    if net.activation != "relu" or sum(net.sizes[1:-1]) * net.P > LARGEST:
        return None
    gates = [z > 0 for z in net.layers(theta, X)[1][:-1]]
    every = generators(net, theta, [blocks(gate) for gate in gates])
    every = every[every.any(-1)][: LARGEST // net.P]
    if not len(every):
        return None
    return _home(model, every[int(_heights(net, theta, X, every).argmin())])


def _heights(net: Mlp, theta: Tensor, X: Tensor, every: Tensor) -> Tensor:
    """The higher of the losses at distance 1 to both sides, `[q]`."""
    sides = [torch.stack([behavioural_loss(net, theta + sign * u, theta, X) for u in every]) for sign in (-1, 1)]
    return torch.maximum(*sides)


def _home(model: Mlp | Embedding, direction: Tensor) -> Tensor:
    """In the parameters of the subject; an embedding is held still."""
    if isinstance(model, Mlp):
        return direction
    W, out = Mlp((2 * model.e, model.h, model.p), bias=False).split(direction)
    return model.layout.join([direction.new_zeros(model.p, model.e), W[:, : model.e], W[:, model.e :], out])
