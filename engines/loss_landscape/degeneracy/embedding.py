"""Degeneracy of all of `f = o relu(l E_a + r E_b)`, its embedding E included: three layers, the first one used twice.

Besides what the perceptron on top has, GL(e) is free between embedding and readers:

    dE = E N,   dl = -l Nᵀ,   dr = -r Nᵀ                       the tangent of E -> E M, l -> l M⁻ᵀ, r -> r M⁻ᵀ
"""

from __future__ import annotations

from functools import partial
from math import prod

import torch
from torch import Tensor

from engines.loss_landscape.degeneracy import closed_form, numerical_rank, synchronised_neurons
from engines.loss_landscape.degeneracy.count import DirectionCount, count_of_parts, distinct_samples
from engines.loss_landscape.degeneracy.jacobian import LayerPasses, by_layer, layer_passes, require_float64
from engines.loss_landscape.degeneracy.related_gates import related_gate_directions
from engines.loss_landscape.degeneracy.row_space import ChunkedJacobian, Factorisation, WithProgress, by_qr, run_to_end
from engines.loss_landscape.degeneracy.synchronised_neurons import blocks
from engines.loss_landscape.models.model import Layout
from engines.loss_landscape.models.modular_addition import Embedding


def passes(model: Embedding, theta: Tensor, X: Tensor) -> LayerPasses:
    """Passes through E, the readers and the readout; theta `[P]`, X `[n, 2 p]`.

    E takes 2 n single tokens `[2 n, p]`; the derivatives of the outputs are `G^0 l` and `G^0 r`, `[2 n, k, e]`.
    """
    require_float64(theta)
    above = layer_passes(*model.perceptron(theta, X))
    _, left, right, _ = model.layout.split(theta)
    tokens = torch.cat([X[:, : model.p], X[:, model.p :]])
    return LayerPasses([tokens, *above.A], above.gates, [torch.cat([above.G[0] @ left, above.G[0] @ right]), *above.G])


def jacobian(model: Embedding, theta: Tensor, X: Tensor) -> Tensor:
    """Jacobian `[n p, P]`, columns as in theta: `dE_a` and `dE_b` add up, the readers lie one after the other."""
    all_passes = passes(model, theta, X)
    first, readers, readout = by_layer(all_passes)
    E = first.view(2, -1, model.e, model.p).sum(0).mT.flatten(1)
    return torch.cat([E, _apart(model, readers), readout], -1)


def to_embedding(model: Embedding, theta: Tensor, weights: Tensor) -> Tensor:
    """Parameters or directions of the perceptron `[*, P - p e]` in the coordinates of theta `[*, P]`, E kept."""
    readers, readout = weights.split([2 * model.h * model.e, model.p * model.h], -1)
    E = theta[: model.p * model.e].expand(*weights.shape[:-1], -1)
    return torch.cat([E, _apart(model, readers), readout], -1)


def _apart(model: Embedding, readers: Tensor) -> Tensor:
    """Reorder readers `[.., h, (l, r), e]` as `[.., (l, r), h, e]`, both flat."""
    return readers.unflatten(-1, (model.h, 2, model.e)).transpose(-3, -2).flatten(-3)


def mixing_tangents(model: Embedding, theta: Tensor, N: Tensor) -> Tensor:
    """Tangents of GL(e) for `N [*, e, e]`, `[*, P]`: directions along which the function stays."""
    E, left, right, out = model.layout.split(theta)
    zero = torch.zeros_like(out).expand(*N.shape[:-2], -1, -1)
    return model.layout.join([E @ N, -left @ N.mT, -right @ N.mT, zero])


def mix(model: Embedding, theta: Tensor, N: Tensor) -> Tensor:
    """Move by `M = exp(N)` between embedding and readers, `N [*, e, e]`.

    Parameters `[*, P]` of the same function.
    """
    E, left, right, out = model.layout.split(theta)
    M, back = torch.linalg.matrix_exp(N), torch.linalg.matrix_exp(-N).mT
    return model.layout.join([E @ M, left @ back, right @ back, out.expand(*N.shape[:-2], -1, -1)])


def count(model: Embedding, theta: Tensor, X: Tensor, tau: float = numerical_rank.SINGULAR) -> DirectionCount:
    """Count and explain the free directions of E, (l, r) and o: theta `[P]`, X `[n, 2 p]`; see `count.count`.

    Raises `ConfigError` for float32.
    """
    return run_to_end(count_stages(model, theta, X, partial(by_qr, tau=tau)))


def count_stages(
    model: Embedding, theta: Tensor, X: Tensor, factorise: Factorisation = by_qr, dependent: bool = False
) -> WithProgress[DirectionCount]:
    """Count as `count`, stage by stage: theta `[P]`, X `[n, 2 p]`, J `[n p, P]` or its Gram matrix by `factorise`.

    dependent: whether to look for gates that depend on one another. Raises `ConfigError` for float32.
    """
    all_passes = passes(model, theta, X)
    layer_blocks = tuple(blocks(g) for g in all_passes.gates)
    net, weights, inputs = model.perceptron(theta, X)
    zero = torch.zeros_like(theta)
    units = to_embedding(model, zero, synchronised_neurons.generators(net, weights, layer_blocks))
    related = (
        to_embedding(model, zero, related_gate_directions(net, weights, layer_passes(net, weights, inputs)))
        if dependent
        else None
    )
    pairs = torch.eye(model.e**2, dtype=theta.dtype, device=theta.device).unflatten(-1, (model.e, model.e))
    directions = torch.cat([units, torch.nn.functional.normalize(mixing_tangents(model, theta, pairs), dim=-1)])
    layers = Layout(((model.e, model.p), (model.h, 2 * model.e), (model.p, model.h)))
    J = ChunkedJacobian(partial(jacobian, model, theta), X, model.p, [prod(shape) for shape in layers.shapes])
    return count_of_parts(
        layers, all_passes, layer_blocks, (yield from factorise(J)), directions, related, distinct_samples(X)
    )


def expected_nullity(count: DirectionCount, e: int, unseen: int) -> int:
    """Nullity `e² + h` in closed form, of the live units, with `N12` of the layers and the `unseen` input directions.

    Found empirically, for units of which no two are synchronised.
    """
    live = int((~count.blocks[0].dead).sum())
    return closed_form.modular_addition(e, live, unseen) + int(count.N12.sum())
