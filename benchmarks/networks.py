"""What training several networks in one batch saves, against one and against a loop of plain PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import nn

from benchmarks.timing import best, head, row
from engines.core.compute.simulation import Simulation
from engines.neural_collapse.config import NeuralCollapse
from engines.neural_collapse.engine import ENGINE

MEMBERS, STEPS = 16, 42
"""Two epochs of the digits."""

DECAY = 5e-4


def main() -> None:
    """Print all rows."""
    head(f"Networks, {torch.get_num_threads()} thread(s), float32, 64-128-128-128-128-10 on the digits, batches of 64")
    for norm in (True, False):
        name = "batch-norm" if norm else "plain"
        one, many, alone = (best(work, 7) for work in (_batch(1, norm), _batch(MEMBERS, norm), one_network(norm)))
        row(f"{name}: {MEMBERS} networks in one batch over one network", many / one, "<= 5",
            f"{many / STEPS * 1e3:.1f} ms against {one / STEPS * 1e3:.1f} ms a step")  # fmt: skip
        row(f"{name}: {MEMBERS} plain PyTorch loops over one batch", MEMBERS * alone / many, "> 1",
            f"{alone / STEPS * 1e3:.1f} ms a step each")  # fmt: skip
    _observation()


def _simulation(members: int, norm: bool) -> Simulation:
    configs = [NeuralCollapse(model="network", batch_norm=norm, learning_rate=0.02, seed=i) for i in range(members)]
    return Simulation(ENGINE, configs, torch.device("cpu"))


def _batch(members: int, norm: bool) -> Callable[[], None]:
    simulation = _simulation(members, norm)
    opening = simulation.checkpoint()

    def train() -> None:
        simulation.restore(opening)
        simulation.advance(STEPS)

    return train


def one_network(norm: bool) -> Callable[[], None]:
    """One network as one would write it, on the same data."""
    problem = _simulation(1, norm).batches[0].problem.problem
    sizes = [64, 128, 128, 128, 128]
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs, bias=not norm), *([nn.BatchNorm1d(outputs)] if norm else []), nn.ReLU()]
    network = nn.Sequential(*layers, nn.Linear(128, 10, bias=False))
    descent = torch.optim.SGD(network.parameters(), lr=0.02, momentum=0.9, weight_decay=DECAY)

    def train() -> None:
        for step in range(STEPS):
            chosen = problem.orders[0, step * problem.batch_size : (step + 1) * problem.batch_size].long()
            loss = (network(problem.X[chosen]) - problem.targets[chosen]).square().sum(1).mean() / 2
            descent.zero_grad()
            loss.backward()
            descent.step()

    return train


def _observation() -> None:
    """A frame, with all metrics of all layers, against a step."""
    simulation = _simulation(MEMBERS, True)
    batch = simulation.batches[0]
    frame = best(lambda: ENGINE.observe(batch.problem, batch.state, batch.knobs), 5)
    step = best(lambda: ENGINE.step(batch.problem, batch.state, batch.knobs), 9)
    row(f"a frame of {MEMBERS} networks over a step of them", frame / step, "", f"{frame * 1e3:.0f} ms")
