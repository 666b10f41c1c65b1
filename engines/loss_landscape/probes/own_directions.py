"""Free directions of a person's own model: as a perceptron where it is one, else layer by layer and as a whole."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor

from engines.core.protocol.errors import ConfigError
from engines.core.subjects.minibatches import size, tensors
from engines.loss_landscape.degeneracy.count import DirectionCount, count_of_parts, distinct_samples
from engines.loss_landscape.degeneracy.jacobian import LayerPasses
from engines.loss_landscape.degeneracy.linear_layers import LinearMaps, linear_maps
from engines.loss_landscape.degeneracy.row_space import ChunkedJacobian, Factorisation, WithProgress
from engines.loss_landscape.models.model import Layout, Samples
from engines.loss_landscape.models.network_at_step import NetworkAtStep
from engines.loss_landscape.models.own_model import OwnModel
from engines.loss_landscape.models.perceptron_reader import NotRead

MAX_LAYER_NUMBERS = 2e7
"""Most numbers of the derivatives of all layers; of more samples the first are taken for ranks by layer."""


MAX_JACOBIAN_NUMBERS = 2e8
"""Most numbers of a Jacobian."""


class ExplainableNetwork(NamedTuple):
    """A network as its directions can be explained, and what a reader has to know about that."""

    network: NetworkAtStep
    note: str


def as_perceptron(network: NetworkAtStep) -> ExplainableNetwork:
    """View a person's own model as a perceptron where it is one; any other network, and why it is none."""
    model = network.subject.model
    if not isinstance(model, OwnModel):
        return ExplainableNetwork(network, "")
    try:
        read, X = model.perceptron(network.theta, network.samples.X)
    except NotRead as reason:
        return ExplainableNetwork(
            network, f"not covered by the theory of perceptrons: {reason}; counted layer by layer"
        )
    subject = network.subject.of_model(read.net, read.theta, Samples(X, network.samples.y))
    note = ""
    if read.folded:
        note = (
            f"{read.folded} layers of batch normalisation are folded into those beside them: what is counted is the "
            f"folded network, of {read.net.P} parameters in place of {model.P}"
        )
    return ExplainableNetwork(network._replace(subject=subject, theta=read.theta, samples=subject.train), note)


def count_by_layer(network: NetworkAtStep, factorise: Factorisation) -> WithProgress[tuple[DirectionCount, list[str]]]:
    """Count the free directions of any own model, with the names of its layers: exactly, and a lower bound by layer.

    Linear layers and convolutions have ranks; of other tensors all that is known is what each leaves free by itself.
    Raises `ConfigError` for more derivatives than `MAX_JACOBIAN_NUMBERS`.
    """
    model, theta, X = network.subject.model, network.theta, network.samples.X
    assert isinstance(model, OwnModel)
    layers = network.layers()
    order = torch.cat([*layers.values()])
    k = prod(model.shape)
    if len(X) * k * model.P > MAX_JACOBIAN_NUMBERS:
        raise ConfigError(
            f"{len(X)} samples of {k} outputs by {model.P} parameters are {len(X) * k * model.P:.1e} derivatives; at "
            f"most {MAX_JACOBIAN_NUMBERS:.0e} are held: bring fewer samples"
        )
    rows = model.jacobian(theta, X)[..., order]
    widths = [len(places) for places in layers.values()]
    spaces = yield from factorise(ChunkedJacobian(lambda part: rows[part[:, 0].long()].flatten(0, 1), X, k, widths))
    shapes, passes = _ranked(model, theta, X, {name: len(places) for name, places in layers.items()})
    none = theta.new_zeros(0, model.P)
    count = count_of_parts(Layout(shapes), passes, (), spaces, none, None, _distinct(model))
    return count, list(layers)


def _distinct(model: OwnModel) -> int:
    """Number of samples of training that differ in their first tensor."""
    first = next(tensors(model.subject.train.rows(size(model.rows))))
    return distinct_samples(first.reshape(len(first), -1).double())


def _ranked(
    model: OwnModel, theta: Tensor, X: Tensor, sizes: dict[str, int]
) -> tuple[tuple[tuple[int, int], ...], LayerPasses]:
    """Shapes `(d, D)` and passes of the layers; one that is no linear map counts as a map of one input."""
    maps = _maps(model, theta, X)
    shapes, A, G = [], [], []
    for name, p in sizes.items():
        a, g = maps.A.get(name), maps.G.get(name)
        if a is None or g is None or a.shape[-1] * g.shape[-1] != p:
            a, g = theta.new_ones(1, 1), torch.eye(p, dtype=theta.dtype)[None]
        shapes.append((g.shape[-1], a.shape[-1]))
        A.append(a)
        G.append(g)
    return tuple(shapes), LayerPasses(A, [], G)


def _maps(model: OwnModel, theta: Tensor, X: Tensor) -> LinearMaps:
    """Linear maps of a module, of as many samples as can be held; none of a function."""
    module = model.subject.module
    if module is None:
        return LinearMaps({}, {})
    few = max(1, int(MAX_LAYER_NUMBERS / (model.subject.numbers * prod(model.shape))))
    at = theta.detach().requires_grad_()
    return linear_maps(module, partial(model, at, X[:few]))
