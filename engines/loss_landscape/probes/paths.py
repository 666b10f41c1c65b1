"""Ways out of where a network is: orbits and lines along which its function stays, and how far it does.

`t` in [-1, 1], 0 where the network is. Neurons are named from 1, layers as in the counts: hidden layers from 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import torch
from torch import Tensor

from engines.loss_landscape.degeneracy.layer_spaces import Passes
from engines.loss_landscape.degeneracy.numerical_rank import SINGULAR, unit_columns
from engines.loss_landscape.degeneracy.orbits import null_space, shift
from engines.loss_landscape.degeneracy.synchronised_neurons import Blocks
from engines.loss_landscape.models.mlp import Mlp

Path = Callable[[Tensor], Tensor]
"""Of `t [T]`, parameters `[T, P]`."""

MOST = 80
"""Ways in all, and of each kind:"""

EXCHANGES, SHIFTS, ACTIVATIONS, GRADIENTS, NEAR = 24, 8, 10, 10, 8


class Way(NamedTuple):
    """One way."""

    name: str
    owner: tuple[int, int]
    """Layer and neuron, from 0."""
    path: Path
    free: bool = True
    """Whether the function is to stay the same: such a way is shortened to where it does."""


class Net(NamedTuple):
    """A perceptron, and what ways need to know of it."""

    net: Mlp
    theta: Tensor
    passes: Passes
    blocks: Sequence[Blocks]
    near: Sequence[Tensor]
    """Pairs of neurons that nearly agree, bool `[d, d]` a hidden layer."""


def elementary(net: Mlp, theta: Tensor, layer: int, i: int, j: int, t: Tensor) -> Tensor:
    """The orbit of `exp(t E_ij)`, t >= 0 unless i = j: `moves.orbit` of a single entry, `[T, P]`.

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


def ways(one: Net) -> list[Way]:
    """A few of each kind, rescalings last."""
    found = [way for kind in (exchanges, shifts, activations, gradients, nearly) for way in kind(one)]
    return list(islice((*found, *rescalings(one)), MOST))


def shared(one: Net, most: int, of: Callable[[int], Iterator[Way]], layers: Sequence[int]) -> Iterator[Way]:
    """So many ways, equally many of each layer."""
    for layer in layers:
        yield from islice(of(layer), max(1, most // len(layers)))


def _hidden(one: Net) -> range:
    return range(1, len(one.net.sizes) - 1)


def exchanges(one: Net) -> Iterator[Way]:
    """Of two synchronised neurons."""

    def of(layer: int) -> Iterator[Way]:
        for i, j in one.blocks[layer - 1].live.triu(1).nonzero().tolist():
            yield Way(f"exchange {i + 1}↔{j + 1} in layer {layer}", (layer, i), _exchange(one, layer, i, j))

    return shared(one, EXCHANGES, of, _hidden(one))


def _exchange(one: Net, layer: int, i: int, j: int) -> Path:
    """For t > 0 neuron i takes up j, for t < 0 neuron j takes up i: either way no gate flips."""

    def path(t: Tensor) -> Tensor:
        forth, back = (elementary(one.net, one.theta, layer, *pair, t.abs()) for pair in ((i, j), (j, i)))
        return torch.where(t[:, None] > 0, forth, back)

    return path


def rescalings(one: Net) -> Iterator[Way]:
    """Of every live neuron, by up to e."""
    for layer in _hidden(one):
        for i in (~one.blocks[layer - 1].dead).nonzero()[:, 0].tolist():

            def path(t: Tensor, layer: int = layer, i: int = i) -> Tensor:
                return elementary(one.net, one.theta, layer, i, i, t)

            yield Way(f"rescale neuron {i + 1} of layer {layer}", (layer, i), path)


def shifts(one: Net) -> Iterator[Way]:
    """The bias of a unit that is always on against the next ones."""

    def of(layer: int) -> Iterator[Way]:
        for i in one.blocks[layer - 1].on.nonzero()[:, 0].tolist() if one.net.bias else ():
            unit = torch.eye(one.net.sizes[layer], dtype=one.theta.dtype)[i]

            def path(t: Tensor, unit: Tensor = unit) -> Tensor:
                return torch.stack([shift(one.net, one.theta, layer, at * unit) for at in t])

            yield Way(f"bias shift of neuron {i + 1} of layer {layer}", (layer, i), path)

    return shared(one, SHIFTS, of, _hidden(one))


def activations(one: Net) -> Iterator[Way]:
    """Type 1: the weights of one neuron along what its layer never sees."""

    def of(layer: int) -> Iterator[Way]:
        for number, v in enumerate(nulls(one.passes.A[layer])):
            row = number % one.net.sizes[layer + 1]
            unit = torch.eye(one.net.sizes[layer + 1], dtype=v.dtype)[row]
            name = f"activations: null direction {number + 1} of layer {layer}"
            yield Way(name, (layer + 1, row), line(one, layer, torch.outer(unit, v)))

    return shared(one, ACTIVATIONS, of, range(len(one.passes.A)))


def gradients(one: Net) -> Iterator[Way]:
    """Type 2: all weights of a layer along what the outputs never see of it."""

    def of(layer: int) -> Iterator[Way]:
        stream = torch.Generator().manual_seed(layer)
        for number, u in enumerate(nulls(one.passes.G[layer].flatten(0, 1))):
            v = torch.randn(one.net.shapes[layer][1], generator=stream, dtype=u.dtype)
            name = f"gradients: null direction {number + 1} of layer {layer}"
            yield Way(name, (layer + 1, int(u.abs().argmax())), line(one, layer, torch.outer(u, v / v.norm())))

    return shared(one, GRADIENTS, of, range(len(one.passes.A)))


def nearly(one: Net) -> Iterator[Way]:
    """Neurons that nearly agree, along the lines that would be free if they did."""

    def of(layer: int) -> Iterator[Way]:
        for i, j in (one.near[layer - 1] & ~one.blocks[layer - 1].same).triu(1).nonzero().tolist():
            name = f"nearly exchange {i + 1}↔{j + 1} in layer {layer}"
            yield Way(name, (layer, i), _exchange(one, layer, i, j), free=False)

    return shared(one, NEAR, of, _hidden(one))


def nulls(rows: Tensor, tau: float = SINGULAR) -> Tensor:
    """Unit vectors that rows `[m, D]` do not see, `[q, D]`."""
    scaled, lengths = unit_columns(rows)
    space = null_space(torch.linalg.qr(scaled, mode="r").R, tau)
    space = space[space.norm(dim=-1) > 0.5] / torch.where(lengths > 0, lengths / lengths.max(), 1)
    return torch.nn.functional.normalize(space, dim=-1)


def line(one: Net, layer: int, direction: Tensor) -> Path:
    """Straight, as far as the weights of the layer are long."""
    whole = torch.zeros_like(one.theta)
    W = one.net.split(whole)[layer]
    W.copy_(direction * (one.net.split(one.theta)[layer].norm() or 1.0))
    return lambda t: one.theta + t[:, None] * whole
