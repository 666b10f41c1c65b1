"""Planted networks, each drawn from a seed: examples of every degeneracy, and random ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from engines.loss_landscape.models.planted_networks import (
    MIXED,
    GatePlan,
    PlantedNetwork,
    always_on,
    dead_neuron,
    draw_planted,
    duplicate_neuron,
    generic_network,
    nested_gates,
    parallel_neurons,
    silent_neuron,
    staircase,
)

EXAMPLES: dict[str, Callable[[int], PlantedNetwork]] = {
    "generic-1": lambda seed: generic_network((5, 6, 3), seed=seed),
    "generic-2": lambda seed: generic_network((5, 6, 6, 3), seed=seed),
    "t1-inputs": lambda seed: generic_network((5, 6, 3), seed=seed, rank=3),
    "t1-duplicate": lambda seed: generic_network((5, 6, 3), seed=seed, edit=duplicate_neuron),
    "dead": lambda seed: generic_network((5, 6, 3), seed=seed, edit=dead_neuron),
    "t2-silent": lambda seed: generic_network((5, 6, 3), seed=seed, edit=silent_neuron),
    "t2-parallel": lambda seed: generic_network((5, 6, 3), seed=seed, edit=parallel_neurons),
    "t3": lambda seed: staircase(3, seed=seed),
    "t3-on": lambda seed: always_on(3, seed=seed),
    "nested": lambda seed: nested_gates(3, seed=seed),
    "t3-deep": lambda seed: staircase(4, (5,), seed=seed),
    "mixed": lambda seed: draw_planted(MIXED, seed),
}
"""Networks of known degeneracy by name; each takes a seed."""


def independent(seed: int) -> PlantedNetwork:
    """One hidden layer, gates and the constant independent; each degeneracy with probability .3."""
    draw = np.random.default_rng(seed)
    K, free, h = (int(draw.integers(*ends)) for ends in ((3, 6), (2, 5), (3, 10)))
    every = tuple(range(K))
    kinds = [(int(k),) if k < K - 1 else every for k in draw.integers(0, K, h)]
    copied, silent, parallel, repeated = draw.random(4) < 0.3
    if copied:
        kinds[1] = kinds[0]
    return draw_planted(
        GatePlan(
            tuple(kinds), K, free, 120 * K, int(draw.integers(2, 6)),
            copies=((1, 0, 1.3),) if copied else (),
            silent=(int(draw.integers(h)),) if silent else (),
            parallel=((2, 0, 0.7),) if parallel else (),
            mixed=(1.0,) if repeated else (),
        ),
        seed,
    )  # fmt: skip


def arbitrary(seed: int) -> PlantedNetwork:
    """One or two hidden layers, three firing sets without any condition, nested and dead ones included."""
    draw = np.random.default_rng(seed)
    K = int(draw.integers(2, 5))
    three = [tuple(np.flatnonzero(row).tolist()) for row in draw.random((3, K)) < 0.5]
    sets = tuple(three[kind] for kind in draw.integers(0, 3, int(draw.integers(3, 8))))
    deeper = (int(draw.integers(3, 7)),) if draw.random() < 0.5 else ()
    free, outputs = int(draw.integers(2, 4)), int(draw.integers(2, 5))
    return draw_planted(GatePlan(sets, K, free, 160 * K, outputs, deeper), seed)
