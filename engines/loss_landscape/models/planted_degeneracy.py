"""Networks whose ReLUs fire on clusters of the data as planned, with degeneracies of all three types to order.

Datum i is of cluster i mod K: coordinates one-hot + .02 N, then free ones of N(0, 1). A neuron that is to fire on a set
S of clusters weighs them by +8 (1 + u/5), the others by -8 (1 + u/5), u uniform, free coordinates by .7 N, bias .3 N;
readouts are N(0, 1). Deeper layers are generic, weights N/2 and biases N.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.models.mlp import Mlp

DRAWS = 200
"""Draws after which a plan is given up."""


@dataclass(frozen=True)
class Plan:
    """What to plant. Gates and the constant 1 are independent if on some cluster no neuron that is ever off fires."""

    sets: tuple[tuple[int, ...], ...]
    """Clusters on which each neuron of the first hidden layer fires: none is dead, all is always on."""
    clusters: int
    free: int
    n: int
    outputs: int
    deeper: tuple[int, ...] = ()
    """Widths of generic hidden layers on top."""
    copies: tuple[tuple[int, int, float], ...] = ()
    """(j, i, c): in-weights of j are c > 0 times those of i."""
    silent: tuple[int, ...] = ()
    """Neurons without out-weights."""
    parallel: tuple[tuple[int, int, float], ...] = ()
    """(j, i, c): out-weights of j are c times those of i."""
    mixed: tuple[float, ...] = ()
    """If given, the last free coordinate is this combination of the first ones."""

    @property
    def net(self) -> Mlp:
        """The network."""
        return Mlp((self.clusters + self.free, len(self.sets), *self.deeper, self.outputs))

    @property
    def firing(self) -> Tensor:
        """Whether a neuron is to fire on a cluster, bool `[K, h]`."""
        return torch.tensor([[k in S for S in self.sets] for k in range(self.clusters)])

    @property
    def gates(self) -> Tensor:
        """The planned gates, bool `[n, h]`."""
        return self.firing[torch.arange(self.n) % self.clusters]


class Planted(NamedTuple):
    """One draw of a plan."""

    net: Mlp
    theta: Tensor
    """`[P]`."""
    X: Tensor
    """`[n, d_0]`."""


def data(plan: Plan, stream: torch.Generator) -> Tensor:
    """Inputs `[n, K + free]`."""
    labels = torch.arange(plan.n) % plan.clusters
    X = torch.randn(plan.n, plan.net.sizes[0], dtype=torch.float64, generator=stream)
    X[:, : plan.clusters] = 0.02 * X[:, : plan.clusters] + torch.nn.functional.one_hot(labels, plan.clusters)
    if plan.mixed:
        sources = X[:, plan.clusters : plan.clusters + len(plan.mixed)]
        X[:, -1] = sources @ torch.tensor(plan.mixed, dtype=X.dtype)
    return X


def gated(plan: Plan, stream: torch.Generator) -> Tensor:
    """Weights of the first layer, `[h, K + free + 1]`."""
    h, K = len(plan.sets), plan.clusters
    W = torch.randn(h, plan.net.sizes[0] + 1, dtype=torch.float64, generator=stream)
    u = torch.rand(h, K, dtype=torch.float64, generator=stream)
    W[:, :K] = torch.where(plan.firing.mT, 8.0, -8.0) * (1 + 0.2 * u)
    W[:, K:-1] *= 0.7
    W[:, -1] *= 0.3
    for j, i, c in plan.copies:
        W[j] = c * W[i]
    return W


def readout(plan: Plan, W: Tensor) -> Tensor:
    """The weights above the gated layer `[d_2, h + 1]`, with silent and parallel neurons planted."""
    for j, i, c in plan.parallel:
        W[:, j] = c * W[:, i]
    W[:, list(plan.silent)] = 0
    return W


def draw(plan: Plan, stream: torch.Generator) -> Planted:
    """Draw data and network once, whatever the gates turn out to be."""
    net, X = plan.net, data(plan, stream)
    weights = [gated(plan, stream)]
    for layer, (rows, columns) in enumerate(net.shapes[1:], 2):
        W = torch.randn(rows, columns, dtype=torch.float64, generator=stream)
        if layer < len(net.shapes):
            W[:, :-1] *= 0.5
        weights.append(W)
    weights[1] = readout(plan, weights[1])
    return Planted(net, net.join(weights), X)


def realised(plan: Plan, one: Planted) -> bool:
    """Whether every neuron fires on exactly the data that it was planned for."""
    z = one.net.layers(one.theta, one.X)[1][0]
    return torch.equal(z > 0, plan.gates)


def planted(plan: Plan, seed: int) -> Planted:
    """The first draw of the stream whose gates are the planned ones.

    Raises `ConfigError` if none of `DRAWS` is: too many free coordinates or data, or copies across different sets.
    """
    stream = torch.Generator().manual_seed(seed)
    for _ in range(DRAWS):
        one = draw(plan, stream)
        if realised(plan, one):
            return one
    raise ConfigError(f"none of {DRAWS} draws fires as planned: plan fewer than {plan.free} free coordinates")
