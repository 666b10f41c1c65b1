"""Small networks whose degeneracy is known: `EXAMPLES[name](seed)` draws one. Reference counts in the tests."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.models.planted_degeneracy import Plan, Planted, planted

Edit = Callable[[list[Tensor]], None]
"""Changes weights in place."""


def generic(sizes: tuple[int, ...], n: int = 600, seed: int = 0, edit: Edit | None = None, rank: int = 0) -> Planted:
    """Inputs N(0, 1), of a lower rank if one is given; weights `1.5/sqrt(fan-in)` N, biases .5 N; then the edit."""
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
    return Planted(net, net.join(weights), X)


def duplicate(weights: list[Tensor]) -> None:
    """The last neuron's in-weights are 1.7 times those of the one before."""
    weights[0][-1] = 1.7 * weights[0][-2]


def dead(weights: list[Tensor]) -> None:
    """The last neuron never fires."""
    weights[0][-1] *= 0.01
    weights[0][-1, -1] = -5


def silent(weights: list[Tensor]) -> None:
    """The last neuron has no out-weights."""
    weights[1][:, -2] = 0


def parallel(weights: list[Tensor]) -> None:
    """The last two neurons always fire and have parallel out-weights."""
    weights[0][-2:] *= 0.2
    weights[0][-2:, -1] = 6
    weights[1][:, -2] = 0.5 * weights[1][:, -3]


def staircase(outputs: int, deeper: tuple[int, ...] = (), seed: int = 1) -> Planted:
    """Blocks of 3, 2 and 1 synchronised neurons."""
    sets = ((0,), (0,), (0,), (1,), (1,), (0, 2))
    return planted(Plan(sets, clusters=4, free=3, n=1200, outputs=outputs, deeper=deeper), seed)


def always_on(outputs: int, seed: int = 1) -> Planted:
    """Blocks of 3 and 1 synchronised neurons, and 3 that always fire."""
    every = (0, 1, 2)
    return planted(Plan(((0,),) * 3 + (every,) * 3 + ((0, 1),), clusters=3, free=3, n=900, outputs=outputs), seed)


def nested(outputs: int, seed: int = 1) -> Planted:
    """Blocks of 3, 2 and 1 neurons whose gates and the constant are linearly dependent."""
    return planted(Plan(((0,),) * 3 + ((1, 2),) * 2 + ((0, 1),), clusters=3, free=3, n=900, outputs=outputs), seed)


MIXED = Plan(
    sets=((0,),) * 3 + ((1,),) * 3 + ((0, 1, 2, 3),) * 2 + ((),),
    clusters=4, free=3, n=1200, outputs=4, copies=((1, 0, 1.3),), silent=(4,), mixed=(1.0, -0.5),
)  # fmt: skip
"""All three types at once, one inside the other."""


def turned(angle: float, n: int = 4000, seed: int = 0) -> Planted:
    """A 4-5-4 net without biases, its neuron 1 twice neuron 0, turned by an angle."""
    stream, net = torch.Generator().manual_seed(seed), Mlp((4, 5, 4), bias=False)
    X = torch.randn(n, 4, dtype=torch.float64, generator=stream)
    W_in, W_out = (torch.randn(shape, dtype=torch.float64, generator=stream) for shape in net.shapes)
    first, other = W_in[0], torch.randn(4, dtype=torch.float64, generator=stream)
    across = other - (other @ first) / (first @ first) * first
    at = torch.tensor(angle, dtype=torch.float64)
    W_in[1] = 2 * (at.cos() * first + at.sin() * first.norm() / across.norm() * across)
    return Planted(net, net.join([W_in, W_out]), X)


EXAMPLES: dict[str, Callable[[int], Planted]] = {
    "generic-1": lambda seed: generic((5, 6, 3), seed=seed),
    "generic-2": lambda seed: generic((5, 6, 6, 3), seed=seed),
    "t1-inputs": lambda seed: generic((5, 6, 3), seed=seed, rank=3),
    "t1-duplicate": lambda seed: generic((5, 6, 3), seed=seed, edit=duplicate),
    "dead": lambda seed: generic((5, 6, 3), seed=seed, edit=dead),
    "t2-silent": lambda seed: generic((5, 6, 3), seed=seed, edit=silent),
    "t2-parallel": lambda seed: generic((5, 6, 3), seed=seed, edit=parallel),
    "t3": lambda seed: staircase(3, seed=seed),
    "t3-on": lambda seed: always_on(3, seed=seed),
    "nested": lambda seed: nested(3, seed=seed),
    "t3-deep": lambda seed: staircase(4, (5,), seed=seed),
    "mixed": lambda seed: planted(MIXED, seed),
}
"""By name; each takes a seed."""
