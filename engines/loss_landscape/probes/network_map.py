"""A map of a perceptron: its neurons in columns, and what is special about each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor

from engines.loss_landscape.degeneracy.synchronised_neurons import Blocks
from engines.loss_landscape.models.mlp import Mlp

KINDS = (
    "live", "dead", "always on", "synchronised", "nearly synchronised", "no out-weights", "input or output",
)  # fmt: skip

LIVE, DEAD, ON, SYNCHRONISED, NEARLY, SILENT, END = range(len(KINDS))

MOST = 48
"""Neurons of a column that are drawn: first those about which there is something to say."""

FAINT = 1e-9
"""Out-weights times in-weights below this share of the largest are none."""


class Map(NamedTuple):
    """One entry a neuron that is drawn; layers and neurons are numbered as they are named, neurons from 1."""

    layer: np.ndarray
    name: np.ndarray
    kind: np.ndarray
    number: dict[tuple[int, int], int]
    """Place of neuron i (from 0) of layer l."""


def kinds(net: Mlp, theta: Tensor, found: Sequence[Blocks], near: Sequence[Tensor]) -> list[np.ndarray]:
    """Kind of every neuron of every column, `[d_l]` each; near: pairs that nearly agree, `[d, d]` a hidden layer."""
    columns = [np.full(net.sizes[0], END)]
    for layer, (block, close) in enumerate(zip(found, near, strict=True), 1):
        W_in, W_out = net.split(theta)[layer - 1 : layer + 1]
        # Times the in-weights: the same whatever the scale of a neuron.
        outward = W_out[:, : net.sizes[layer]].norm(dim=0) * W_in.norm(dim=1)
        kind = np.full(net.sizes[layer], LIVE)
        said = (
            (NEARLY, close.sum(-1) > 1), (SYNCHRONISED, block.live.sum(-1) > 1), (ON, block.on),
            (SILENT, outward <= FAINT * outward.max()), (DEAD, block.dead),
        )  # fmt: skip
        for place, where in said:  # the last that holds is said
            kind[where.cpu().numpy()] = place
        columns.append(kind)
    return [*columns, np.full(net.sizes[-1], END)]


def drawn(columns: Sequence[np.ndarray]) -> Map:
    """The map of all columns, at most `MOST` neurons of each."""
    layers, names, kind, number = [], [], [], {}
    for layer, column in enumerate(columns):
        for i in np.sort(np.argsort(column == LIVE, kind="stable")[:MOST]):
            number[layer, int(i)] = len(names)
            layers.append(layer)
            names.append(_name(layer, int(i), len(columns) - 1))
            kind.append(column[i])
    return Map(np.array(layers), np.array(names), np.array(kind), number)


def _name(layer: int, i: int, last: int) -> str:
    if layer in (0, last):
        return f"{'input' if layer == 0 else 'output'} {i + 1}"
    return f"neuron {i + 1} of layer {layer}"
