"""Paths out of where a network is, along which its function stays or nearly does, and the loss along them.

A path is parametrised by `t` in [-1, 1], 0 where the network is. Neurons are named from 1, layers as in the counts:
hidden layers from 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import torch
from torch import Tensor

from engines.loss_landscape.degeneracy.jacobian import LayerPasses
from engines.loss_landscape.degeneracy.numerical_rank import SINGULAR, unit_columns
from engines.loss_landscape.degeneracy.orbits import bias_shift, null_space, random_direction_like
from engines.loss_landscape.degeneracy.synchronised_neurons import Blocks
from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.probes.landscape import Landscape

PathFunction = Callable[[Tensor], Tensor]
"""Map `t [T]` to parameters `[T, P]`."""

MAX_PATHS = 80
"""Most paths in all; the numbers below are those of each kind."""

EXCHANGES, SHIFTS, ACTIVATIONS, GRADIENTS, NEAR = 24, 8, 10, 10, 8
"""Most paths of each kind."""


class NeuronPath(NamedTuple):
    """A path with its name and the neuron that it belongs to."""

    name: str
    neuron: tuple[int, int]
    """Layer and neuron, from 0."""
    curve: PathFunction
    free: bool = True
    """Whether the function is to stay the same: such a path is shortened to where it does."""


class PathContext(NamedTuple):
    """A perceptron with the passes and blocks from which paths are made."""

    net: Mlp
    theta: Tensor
    passes: LayerPasses
    blocks: Sequence[Blocks]
    near: Sequence[Tensor]
    """Pairs of neurons that nearly agree, bool `[d, d]` a hidden layer."""


def elementary_orbit(net: Mlp, theta: Tensor, layer: int, i: int, j: int, t: Tensor) -> Tensor:
    """Orbit of `exp(t E_ij)`, t >= 0 unless i = j: a single entry of an exchange within a block, `[T, P]`.

    `W_in[i] += t W_in[j]`, `W_out[:, j] -= t W_out[:, i]`; for i = j `W_in[i] *= e^t`, `W_out[:, i] *= e^-t`.
    """
    moved = theta.expand(len(t), -1).clone()
    W_in, W_out = net.split(moved)[layer - 1 : layer + 1]
    if i == j:
        W_in[:, i] *= t.exp()[:, None]
        W_out[..., i] *= (-t).exp()[:, None]
    else:
        W_in[:, i] += t[:, None] * W_in[:, j]
        W_out[..., j] -= t[:, None] * W_out[..., i]
    return moved


def all_paths(context: PathContext) -> list[NeuronPath]:
    """A few paths of each kind, rescalings last; without gates those of single layers only."""
    by_layers = (activation_paths, gradient_paths)
    by_gates = (exchange_paths, shift_paths, *by_layers, near_exchange_paths, rescaling_paths)
    every = (path for kind in (by_gates if context.blocks else by_layers) for path in kind(context))
    return list(islice(every, MAX_PATHS))


def spread_over_layers(
    context: PathContext, most: int, of: Callable[[int], Iterator[NeuronPath]], layers: Sequence[int]
) -> Iterator[NeuronPath]:
    """Take `most` paths, equally many of each layer."""
    for layer in layers:
        yield from islice(of(layer), max(1, most // len(layers)))


def _hidden(context: PathContext) -> range:
    return range(1, len(context.net.sizes) - 1)


def exchange_paths(context: PathContext) -> Iterator[NeuronPath]:
    """Exchanges of two synchronised neurons."""

    def of(layer: int) -> Iterator[NeuronPath]:
        for i, j in context.blocks[layer - 1].live.triu(1).nonzero().tolist():
            yield NeuronPath(
                f"exchange {i + 1}↔{j + 1} in layer {layer}", (layer, i), _exchange_curve(context, layer, i, j)
            )

    return spread_over_layers(context, EXCHANGES, of, _hidden(context))


def _exchange_curve(context: PathContext, layer: int, i: int, j: int) -> PathFunction:
    """Curve on which for t > 0 neuron i takes up j, for t < 0 neuron j takes up i: either way no gate flips."""

    def path(t: Tensor) -> Tensor:
        forth, back = (elementary_orbit(context.net, context.theta, layer, *pair, t.abs()) for pair in ((i, j), (j, i)))
        return torch.where(t[:, None] > 0, forth, back)

    return path


def rescaling_paths(context: PathContext) -> Iterator[NeuronPath]:
    """Rescalings of every live neuron, by up to e."""
    for layer in _hidden(context):
        for i in (~context.blocks[layer - 1].dead).nonzero()[:, 0].tolist():

            def path(t: Tensor, layer: int = layer, i: int = i) -> Tensor:
                return elementary_orbit(context.net, context.theta, layer, i, i, t)

            yield NeuronPath(f"rescale neuron {i + 1} of layer {layer}", (layer, i), path)


def shift_paths(context: PathContext) -> Iterator[NeuronPath]:
    """Shifts of the bias of a unit that is always on against the next ones."""

    def of(layer: int) -> Iterator[NeuronPath]:
        for i in context.blocks[layer - 1].on.nonzero()[:, 0].tolist() if context.net.bias else ():
            unit = torch.eye(context.net.sizes[layer], dtype=context.theta.dtype)[i]

            def path(t: Tensor, unit: Tensor = unit) -> Tensor:
                return torch.stack([bias_shift(context.net, context.theta, layer, at * unit) for at in t])

            yield NeuronPath(f"bias shift of neuron {i + 1} of layer {layer}", (layer, i), path)

    return spread_over_layers(context, SHIFTS, of, _hidden(context))


def activation_paths(context: PathContext) -> Iterator[NeuronPath]:
    """Moves of type 1: the weights of one neuron along null directions of its inputs."""

    def of(layer: int) -> Iterator[NeuronPath]:
        for number, v in enumerate(null_vectors(context.passes.A[layer])):
            row = number % context.net.sizes[layer + 1]
            unit = torch.eye(context.net.sizes[layer + 1], dtype=v.dtype)[row]
            name = f"activations: null direction {number + 1} of layer {layer}"
            yield NeuronPath(name, (layer + 1, row), straight_line(context, layer, torch.outer(unit, v)))

    return spread_over_layers(context, ACTIVATIONS, of, range(len(context.passes.A)))


def gradient_paths(context: PathContext) -> Iterator[NeuronPath]:
    """Moves of type 2: all weights of a layer along null directions of the derivatives of the outputs."""

    def of(layer: int) -> Iterator[NeuronPath]:
        stream = torch.Generator().manual_seed(layer)
        for number, u in enumerate(null_vectors(context.passes.G[layer].flatten(0, 1))):
            v = torch.randn(context.net.shapes[layer][1], generator=stream, dtype=u.dtype)
            name = f"gradients: null direction {number + 1} of layer {layer}"
            yield NeuronPath(
                name, (layer + 1, int(u.abs().argmax())), straight_line(context, layer, torch.outer(u, v / v.norm()))
            )

    return spread_over_layers(context, GRADIENTS, of, range(len(context.passes.A)))


def near_exchange_paths(context: PathContext) -> Iterator[NeuronPath]:
    """Exchanges of neurons that nearly agree, along the lines that would be free if they did."""

    def of(layer: int) -> Iterator[NeuronPath]:
        for i, j in (context.near[layer - 1] & ~context.blocks[layer - 1].same).triu(1).nonzero().tolist():
            name = f"nearly exchange {i + 1}↔{j + 1} in layer {layer}"
            yield NeuronPath(name, (layer, i), _exchange_curve(context, layer, i, j), free=False)

    return spread_over_layers(context, NEAR, of, _hidden(context))


def null_vectors(rows: Tensor, tau: float = SINGULAR) -> Tensor:
    """Unit vectors `[q, D]` orthogonal to rows `[m, D]`."""
    scaled, lengths = unit_columns(rows)
    space = null_space(torch.linalg.qr(scaled, mode="r").R, tau)
    space = space[space.norm(dim=-1) > 0.5] / torch.where(lengths > 0, lengths / lengths.max(), 1)
    return torch.nn.functional.normalize(space, dim=-1)


def straight_line(context: PathContext, layer: int, direction: Tensor) -> PathFunction:
    """Straight curve from theta `[P]` along a `direction [d_{l+1}, D_l]` of length one in the weights of layer l.

    Its length for t from 0 to 1 is that of the layer's weights, or 1 where these are zero.
    """
    whole = torch.zeros_like(context.theta)
    W = context.net.split(whole)[layer]
    W.copy_(direction * (context.net.split(context.theta)[layer].norm() or 1.0))
    return lambda t: context.theta + t[:, None] * whole


POINTS = 21
"""Number of places on a path, the network's own in the middle."""

FLAT = 1e-20
"""Share of the outputs' mean square up to which the function is the same."""

HALVINGS = 12
"""Halvings of a path that is not free over its length, after which it is given up."""


class Profile(NamedTuple):
    """Loss along a path and along a random direction, `[T]` each."""

    loss: Tensor
    random_loss: Tensor


def path_parameters() -> Tensor:
    """Parameters `t [T]` of the places on a path."""
    return torch.linspace(-1, 1, POINTS, dtype=torch.float64)


@torch.no_grad()
def loss_profile(path: NeuronPath, landscape: Landscape, stream: torch.Generator) -> Profile | None:
    """Loss along a path and beside it; None for one that leads nowhere, or is not free however short.

    A finite move along a null direction may flip a gate, so that it is free up to some length only.
    """
    level = FLAT * max(1.0, mean_square_output(landscape))
    for halved in range(HALVINGS if path.free else 1):
        points = path.curve(path_parameters() * 0.5**halved)
        if torch.equal(points[0], points[-1]):  # of weights that are all zero
            return None
        height = landscape.loss(points)
        if not path.free or bool((height < level).all()):
            return Profile(height, landscape.loss(random_points(landscape.star, points, stream)))
    return None


def mean_square_output(landscape: Landscape) -> float:
    """Mean square of the outputs at w*."""
    assert landscape.outputs is not None
    return float(landscape.outputs(landscape.star).square().mean())


def random_points(star: Tensor, points: Tensor, stream: torch.Generator) -> Tensor:
    """Points as far away as those of a path, to both sides along one random direction, `[T, P]`."""
    unit = torch.nn.functional.normalize(random_direction_like(torch.ones_like(star), stream), dim=0)
    return star + (path_parameters().sign() * (points - star).norm(dim=-1))[:, None] * unit
