"""Untrained networks with a planted structure: gates that fire on clusters, small edits, modules hidden by rotations.

Gated plans: datum i is of cluster i mod K, coordinates one-hot + .02 N, then free ones of N(0, 1). A neuron that is to
fire on a set S of clusters weighs them by +8 (1 + u/5), the others by -8 (1 + u/5), u uniform, free coordinates by .7
N, bias .3 N; readouts are N(0, 1). Deeper layers are generic, weights N/2 and biases N. The
degeneracy of each is known; tests hold the reference counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.models import initialisation
from engines.loss_landscape.models.mlp import Mlp

DRAWS = 200
"""Draws after which a plan is given up."""


@dataclass(frozen=True)
class GatePlan:
    """A plan of gates on clusters of the data, with degeneracies of all three types to order.

    Gates and the constant 1 are independent if on some cluster no neuron that is ever off fires.
    """

    sets: tuple[tuple[int, ...], ...]
    """Clusters on which each neuron of the first hidden layer fires: none is dead, all is always on."""
    clusters: int
    free: int
    n: int
    outputs: int
    deeper: tuple[int, ...] = ()
    """Widths of generic hidden layers on top."""
    copies: tuple[tuple[int, int, float], ...] = ()
    """Triples (j, i, c): in-weights of j are c > 0 times those of i."""
    silent: tuple[int, ...] = ()
    """Neurons without out-weights."""
    parallel: tuple[tuple[int, int, float], ...] = ()
    """Triples (j, i, c): out-weights of j are c times those of i."""
    mixed: tuple[float, ...] = ()
    """Weights of the first free coordinates in the last one, if given."""

    @property
    def net(self) -> Mlp:
        """Network of the plan."""
        return Mlp((self.clusters + self.free, len(self.sets), *self.deeper, self.outputs))

    @property
    def firing(self) -> Tensor:
        """Whether a neuron is to fire on a cluster, bool `[K, h]`."""
        return torch.tensor([[k in S for S in self.sets] for k in range(self.clusters)])

    @property
    def gates(self) -> Tensor:
        """Planned gates, bool `[n, h]`."""
        return self.firing[torch.arange(self.n) % self.clusters]


class PlantedNetwork(NamedTuple):
    """One draw of a network and its data."""

    net: Mlp
    theta: Tensor
    """Parameters, `[P]`."""
    X: Tensor
    """Inputs, `[n, d_0]`."""


def planted_inputs(plan: GatePlan, stream: torch.Generator) -> Tensor:
    """Draw inputs `[n, K + free]` of the plan."""
    labels = torch.arange(plan.n) % plan.clusters
    X = torch.randn(plan.n, plan.net.sizes[0], dtype=torch.float64, generator=stream)
    X[:, : plan.clusters] = 0.02 * X[:, : plan.clusters] + torch.nn.functional.one_hot(labels, plan.clusters)
    if plan.mixed:
        sources = X[:, plan.clusters : plan.clusters + len(plan.mixed)]
        X[:, -1] = sources @ torch.tensor(plan.mixed, dtype=X.dtype)
    return X


def gated_weights(plan: GatePlan, stream: torch.Generator) -> Tensor:
    """Draw weights of the first layer, `[h, K + free + 1]`, with copies planted."""
    h, K = len(plan.sets), plan.clusters
    W = torch.randn(h, plan.net.sizes[0] + 1, dtype=torch.float64, generator=stream)
    u = torch.rand(h, K, dtype=torch.float64, generator=stream)
    W[:, :K] = torch.where(plan.firing.mT, 8.0, -8.0) * (1 + 0.2 * u)
    W[:, K:-1] *= 0.7
    W[:, -1] *= 0.3
    for j, i, c in plan.copies:
        W[j] = c * W[i]
    return W


def readout_weights(plan: GatePlan, W: Tensor) -> Tensor:
    """Plant silent and parallel neurons in the weights above the gated layer, `[d_2, h + 1]`, in place."""
    for j, i, c in plan.parallel:
        W[:, j] = c * W[:, i]
    W[:, list(plan.silent)] = 0
    return W


def draw_once(plan: GatePlan, stream: torch.Generator) -> PlantedNetwork:
    """Draw data and network once, whatever the gates turn out to be."""
    net, X = plan.net, planted_inputs(plan, stream)
    weights = [gated_weights(plan, stream)]
    for layer, (rows, columns) in enumerate(net.shapes[1:], 2):
        W = torch.randn(rows, columns, dtype=torch.float64, generator=stream)
        if layer < len(net.shapes):
            W[:, :-1] *= 0.5
        weights.append(W)
    weights[1] = readout_weights(plan, weights[1])
    return PlantedNetwork(net, net.join(weights), X)


def fires_as_planned(plan: GatePlan, drawn: PlantedNetwork) -> bool:
    """Whether every neuron fires on exactly the data that it was planned for."""
    z = drawn.net.layers(drawn.theta, drawn.X)[1][0]
    return torch.equal(z > 0, plan.gates)


def draw_planted(plan: GatePlan, seed: int) -> PlantedNetwork:
    """Draw until the gates are the planned ones.

    Raises `ConfigError` if none of `DRAWS` draws has them: too many free coordinates or data, or copies across
    different sets.
    """
    stream = torch.Generator().manual_seed(seed)
    for _ in range(DRAWS):
        one = draw_once(plan, stream)
        if fires_as_planned(plan, one):
            return one
    raise ConfigError(f"none of {DRAWS} draws fires as planned: plan fewer than {plan.free} free coordinates")


WeightEdit = Callable[[list[Tensor]], None]
"""Change weights in place."""


def generic_network(
    sizes: tuple[int, ...], n: int = 600, seed: int = 0, edit: WeightEdit | None = None, rank: int = 0
) -> PlantedNetwork:
    """Draw a generic network.

    Weights `1.5/sqrt(fan-in)` N, biases .5 N, inputs `[n, d_0]` of N(0, 1), of a lower rank if one is given. The edit
    is applied last, to the weights of the layers, `[d_{l+1}, d_l + 1]` each.
    """
    stream, net = torch.Generator().manual_seed(seed), Mlp(sizes)
    X = torch.randn(n, rank or sizes[0], dtype=torch.float64, generator=stream)
    if rank:
        X = X @ torch.randn(rank, sizes[0], dtype=torch.float64, generator=stream)
    weights = []
    for rows, columns in net.shapes:
        W = torch.randn(rows, columns, dtype=torch.float64, generator=stream)
        W[:, :-1] *= 1.5 / (columns - 1) ** 0.5
        W[:, -1] *= 0.5
        weights.append(W)
    if edit:
        edit(weights)
    return PlantedNetwork(net, net.join(weights), X)


def duplicate_neuron(weights: list[Tensor]) -> None:
    """Make the last neuron's in-weights, in `weights[0] [h, d_0 + 1]`, 1.7 times those of the one before."""
    weights[0][-1] = 1.7 * weights[0][-2]


def dead_neuron(weights: list[Tensor]) -> None:
    """Make the last neuron never fire: in `weights[0] [h, d_0 + 1]`, a hundredth of its weights and a bias of -5."""
    weights[0][-1] *= 0.01
    weights[0][-1, -1] = -5


def silent_neuron(weights: list[Tensor]) -> None:
    """Set the last neuron's out-weights to zero, in `weights[1] [d_2, h + 1]`."""
    weights[1][:, -2] = 0


def parallel_neurons(weights: list[Tensor]) -> None:
    """Make the last two neurons always fire, with parallel out-weights: those of the last are half the other's.

    They fire by a fifth of their weights and a bias of 6, in `weights[0] [h, d_0 + 1]`; out-weights are in
    `weights[1] [d_2, h + 1]`.
    """
    weights[0][-2:] *= 0.2
    weights[0][-2:, -1] = 6
    weights[1][:, -2] = 0.5 * weights[1][:, -3]


def staircase(outputs: int, deeper: tuple[int, ...] = (), seed: int = 1) -> PlantedNetwork:
    """Draw blocks of 3, 2 and 1 synchronised neurons."""
    sets = ((0,), (0,), (0,), (1,), (1,), (0, 2))
    return draw_planted(GatePlan(sets, clusters=4, free=3, n=1200, outputs=outputs, deeper=deeper), seed)


def always_on(outputs: int, seed: int = 1) -> PlantedNetwork:
    """Draw blocks of 3 and 1 synchronised neurons, and 3 that always fire."""
    every = (0, 1, 2)
    return draw_planted(
        GatePlan(((0,),) * 3 + (every,) * 3 + ((0, 1),), clusters=3, free=3, n=900, outputs=outputs), seed
    )


def nested_gates(outputs: int, seed: int = 1) -> PlantedNetwork:
    """Draw blocks of 3, 2 and 1 neurons whose gates and the constant are linearly dependent."""
    return draw_planted(
        GatePlan(((0,),) * 3 + ((1, 2),) * 2 + ((0, 1),), clusters=3, free=3, n=900, outputs=outputs), seed
    )


MIXED = GatePlan(
    sets=((0,),) * 3 + ((1,),) * 3 + ((0, 1, 2, 3),) * 2 + ((),),
    clusters=4, free=3, n=1200, outputs=4, copies=((1, 0, 1.3),), silent=(4,), mixed=(1.0, -0.5),
)  # fmt: skip
"""Plan with all three types at once, one inside the other."""


def nearly_synchronised_pair(angle: float, n: int = 4000, seed: int = 0) -> PlantedNetwork:
    """Draw a 4-5-4 net without biases, its neuron 1 twice neuron 0, turned by an angle."""
    stream, net = torch.Generator().manual_seed(seed), Mlp((4, 5, 4), bias=False)
    X = torch.randn(n, 4, dtype=torch.float64, generator=stream)
    W_in, W_out = (torch.randn(shape, dtype=torch.float64, generator=stream) for shape in net.shapes)
    first, other = W_in[0], torch.randn(4, dtype=torch.float64, generator=stream)
    across = other - (other @ first) / (first @ first) * first
    at = torch.tensor(angle, dtype=torch.float64)
    W_in[1] = 2 * (at.cos() * first + at.sin() * first.norm() / across.norm() * across)
    return PlantedNetwork(net, net.join([W_in, W_out]), X)


class PlantedModules(NamedTuple):
    """Networks of modules, one a member, with their data and the modules' coordinates."""

    net: Mlp
    theta: Tensor
    """`[B, P]`."""
    X: Tensor
    """`[B, n, width]`."""
    parts: list[Tensor]
    """Projectors on the modules' coordinates of each node layer, input to output, `[B, modules, D_l, D_l]`.

    Layers are the extended nodes `[a; 1]`; the constant is in no module.
    """


def draw_modules(
    seeds: Sequence[int], width: int = 8, blocks: int = 2, hidden: int = 3, n: int = 3000, correlation: float = 0.0
) -> PlantedModules:
    """Draw networks of modules that do not talk to each other, inputs and outputs turned by random rotations.

    ReLU layers of blocks, weights N(0, 1), biases .3 N(0, 1). Input j of one module has the given correlation with
    input j of every other. Raises `ConfigError` where the blocks do not divide the width, or for a correlation outside
    [0, 1].
    """
    if width % blocks:
        raise ConfigError(f"{blocks} blocks do not divide the width {width}")
    if not 0 <= correlation <= 1:
        raise ConfigError(f"correlation={correlation} is not in [0, 1]")
    net = Mlp((width,) * (hidden + 2))
    drawn = [_draw_modules_once(net, blocks, n, correlation, initialisation.stream(seed)) for seed in seeds]
    theta, X, first, last = (torch.stack(part) for part in zip(*drawn, strict=True))
    plain = _projectors(width, blocks).expand(len(seeds), -1, -1, -1)
    return PlantedModules(net, theta, X, [_rotated(plain, first), *[plain] * hidden, _rotated(plain, last)])


def _draw_modules_once(
    net: Mlp, blocks: int, n: int, correlation: float, source: torch.Generator
) -> tuple[Tensor, ...]:
    """Draw parameters, samples, and the rotations of inputs and outputs."""
    width = net.sizes[0]
    draw = partial(torch.randn, generator=source, dtype=torch.float64)
    independent, common = draw(n, width), draw(n, width // blocks).repeat(1, blocks)
    X = (1 - correlation) ** 0.5 * independent + correlation**0.5 * common
    mask = torch.block_diag(*[torch.ones(width // blocks, width // blocks)] * blocks)
    layers = [torch.cat([draw(width, width) * mask, 0.3 * draw(width, 1)], 1) for _ in net.shapes]
    first, last = (torch.linalg.qr(draw(width, width))[0] for _ in range(2))
    layers[0] = torch.cat([layers[0][:, :-1] @ first.mT, layers[0][:, -1:]], 1)
    layers[-1] = last @ layers[-1]
    return net.join(layers), X @ first.mT, first, last


def _projectors(width: int, blocks: int) -> Tensor:
    """Projectors on each block's coordinates, `[blocks, width + 1, width + 1]`."""
    member = torch.arange(width + 1) // (width // blocks)
    return torch.stack([torch.diag((member == block).double()) for block in range(blocks)])


def _rotated(projectors: Tensor, Q: Tensor) -> Tensor:
    """Rotate projectors, `Q P Qᵀ`, on the coordinates before the constant."""
    whole = torch.zeros(*Q.shape[:-2], *projectors.shape[-2:], dtype=Q.dtype)
    whole[..., :-1, :-1], whole[..., -1, -1] = Q, 1
    return whole[..., None, :, :] @ projectors @ whole.mT[..., None, :, :]
