"""A network with gates taken apart: its count, its blocks, what nearly agrees, and ways out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import torch
from torch import Tensor

from engines.loss_landscape.degeneracy import closed_form as forms
from engines.loss_landscape.degeneracy import embedding, near_synchronised
from engines.loss_landscape.degeneracy.count import Count, counting
from engines.loss_landscape.degeneracy.layer_spaces import Passes, backward
from engines.loss_landscape.degeneracy.numerical_rank import rank, unit_columns
from engines.loss_landscape.degeneracy.progress import Stages
from engines.loss_landscape.degeneracy.row_space import Look
from engines.loss_landscape.degeneracy.synchronised_neurons import agreement
from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.models.modular_addition import Embedding
from engines.loss_landscape.models.network_at_step import Specimen
from engines.loss_landscape.probes.paths import Net, Way, ways

PAIRS = 64
"""Pairs of a layer that nearly agree, at most."""

MIXINGS = 6
"""Ways of an embedding."""


class Apart(NamedTuple):
    """The perceptron of a specimen, and the count of the whole."""

    net: Mlp
    theta: Tensor
    """Of the perceptron."""
    passes: Passes
    """Of the perceptron."""
    near: Sequence[Tensor]
    """Pairs of neurons that nearly agree, bool `[d, d]` a hidden layer."""
    count: Count
    ways: list[Way]
    """In the coordinates of the whole."""


def apart(one: Specimen, look: Look, delta: float) -> Stages[Apart]:
    """Of a perceptron, or of an embedding with the perceptron above it, stage by stage."""
    net, theta, X = one.perceptron()
    passes = backward(net, theta, X)
    close = [near_synchronised.pairs(near_synchronised.clusters(g, delta)) & _live(g) for g in passes.gates]
    model = one.subject.model
    if isinstance(model, Embedding):
        found = yield from embedding.counting(model, one.theta, one.samples.X, look, dependent=True)
        return Apart(
            net, theta, passes, close, found,
            [*islice(mixings(model, one.theta), MIXINGS),
             *(_lifted(model, one.theta, way) for way in ways(Net(net, theta, passes, found.blocks, close)))],
        )  # fmt: skip
    found = yield from counting(net, theta, X, look, dependent=True)
    every = ways(Net(net, theta, passes, found.blocks, close))
    return Apart(net, theta, passes, close, found, every)


def _live(gates: Tensor) -> Tensor:
    fires = gates.any(0)
    return fires[:, None] & fires


def _lifted(model: Embedding, theta: Tensor, way: Way) -> Way:
    return way._replace(path=lambda t: embedding.lifted(model, theta, way.path(t)))


def mixings(model: Embedding, theta: Tensor) -> Iterator[Way]:
    """GL(e) between embedding and readers, one coordinate into another."""
    for i in range(model.e - 1):
        N = torch.zeros(model.e, model.e, dtype=theta.dtype)
        N[i, i + 1] = 1
        name = f"mix embedding coordinate {i + 1} into {i + 2}"
        yield Way(name, (0, i), lambda t, N=N: embedding.mixed(model, theta, t[:, None, None] * N))


def curvature(one: Apart, u: Tensor) -> Tensor:
    """`q = ‖J u‖²/(n ‖u‖²)` of directions `u [q, P]` of the perceptron: `J u = sum_l G^l dW^l at^l`, `[q]`."""
    layers = zip(one.passes.G, one.net.split(u), one.passes.A, strict=True)
    Ju = sum(torch.einsum("nkd,qdD,nD->qnk", G, W, A) for G, W, A in layers)
    return torch.as_tensor(Ju).square().sum((-2, -1)) / (len(one.passes.A[0]) * u.square().sum(-1))


def closest(pairs: Tensor, gates: Tensor) -> Tensor:
    """The `PAIRS` pairs that agree most, bool `[d, d]`."""
    score = torch.where(pairs, agreement(gates), -1).flatten()
    kept = torch.zeros_like(score, dtype=torch.bool)
    kept[score.topk(min(PAIRS, len(score))).indices] = True
    return kept.view(pairs.shape) & pairs


def closed_form(one: Apart) -> dict[str, Any]:
    """The nullity in closed form with what live units do not see, and how far it is from the count; {} without one."""
    expected = _expected(one)
    if expected is None:
        return {}
    return {"unseen": unseen(one), "closed_form": expected, "closed_form_gap": int(one.count.nullity) - expected}


def _expected(one: Apart) -> int | None:
    if one.count.P > one.net.P:
        e = one.net.sizes[0] // 2
        return embedding.expected(one.count, e, unseen(one)) if not one.count.blocks[0].on.any() else None
    if one.net.activation == "linear":
        full = all(int(rank(unit_columns(W)[0])) == min(W.shape) for W in one.net.split(one.theta))
        return forms.deep_linear(one.net.sizes) if full and not one.net.bias else None
    if len(one.net.sizes) != 3:
        return None
    return int(forms.one_hidden_layer(one.net, one.theta, one.passes, one.count.blocks[0])) + unseen(one)


def unseen(one: Apart) -> int:
    """Directions of in-weights that no datum sees on which the unit fires, of all live units of the first layer."""
    gates = one.passes.gates[0][:, ~one.count.blocks[0].dead]
    return sum(int(forms.unseen(one.passes.A[0], part).sum()) for part in gates.split(8, -1))
