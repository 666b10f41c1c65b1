"""Optimisers: members of one method in a batch over loops of `torch.optim` and of `pytorch_optimizer`; exact risk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from benchmarks.machine import Machine, counted
from benchmarks.peers import there
from benchmarks.timing import head, in_turn, row
from benchmarks.works import by_autograd, step_of
from engines.core.api import simulate
from engines.core.compute.simulation import Simulation
from engines.core.protocol.config import Config
from engines.core.runs.experiment import Experiment
from engines.core.runs.run import Run
from engines.optimizer_dynamics.config import OptimizerDynamics
from engines.optimizer_dynamics.engine import ENGINE
from engines.optimizer_dynamics.scenes import network
from engines.optimizer_dynamics.scenes.factorisation import draw

CPU, MEMBERS, STEPS = torch.device("cpu"), 64, 20
LOOPED = 16
"""Members of which the loops are measured; all others take as long."""

TARGETS = {16: "10", 32: "5", 64: "3"}
"""How many times as fast a batch shall be as a loop, by the size of the matrices."""

Work = Callable[[], object]
Make = Callable[[list], torch.optim.Optimizer]

TORCH: dict[str, tuple[dict[str, Any], Make]] = {
    "muon, bfloat16 as theirs": (
        {"method": "muon", "orthogonalise": "newton_schulz_bf16"}, lambda p: torch.optim.Muon(p, lr=0.01)
    ),
    "muon, ours in float64": ({"method": "muon"}, lambda p: torch.optim.Muon(p, lr=0.01)),
    "adam": ({"method": "adam"}, lambda p: torch.optim.Adam(p, lr=0.01)),
    "heavy ball": ({"method": "heavy_ball"}, lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9)),
}  # fmt: skip
"""Our knobs beside the optimiser of torch."""


def main() -> None:
    """Print all rows."""
    head(f"Optimisers, {torch.get_num_threads()} thread(s), {MEMBERS} members, processor time")
    for n, target in TARGETS.items():
        _batch_over_loops(n, target)
    _mixed()
    _exact()
    _race()
    _opening()


def _batch(configs: Sequence[Config], steps: int = STEPS) -> Work:
    """Advance a batch from its start by some steps."""
    simulation = Simulation(ENGINE, configs, CPU)
    start = simulation.checkpoint()

    def work() -> None:
        simulation.restore(start)
        simulation.advance(steps)

    return work


def _factors(n: int, **knobs: Any) -> list[OptimizerDynamics]:
    shape = {"rows": n, "columns": n, "width": n}
    return [OptimizerDynamics(**shape, **knobs, seed=seed) for seed in range(MEMBERS)]


def _batch_over_loops(n: int, target: str) -> None:
    """A batch against a loop over members of a package, each with its own optimiser."""
    peers = {f"torch.optim over one batch, {name}": pair for name, pair in TORCH.items()}
    if there("pytorch_optimizer"):
        import pytorch_optimizer as package

        own: dict[str, tuple[dict[str, Any], Make]] = {
            "soap": ({"method": "soap"}, lambda p: package.SOAP(p, lr=0.01)),
            "prodigy": ({"method": "prodigy"}, lambda p: package.Prodigy(p, lr=1.0)),
        }
        peers |= {f"pytorch_optimizer over one batch, {name}": pair for name, pair in own.items()}
    for name, (knobs, make) in peers.items():
        works = _batch(_factors(n, **knobs)), _loop(n, make, by_autograd), _loop(n, make, _by_hand)
        ours, theirs, by_hand = (1e3 * seconds / STEPS for seconds in in_turn(*works, rounds=3))
        theirs, by_hand, limit = theirs * MEMBERS / LOOPED, by_hand * MEMBERS / LOOPED, 1e3 * _limit(n, **knobs)
        row(f"n = {n}: {MEMBERS} loops of {name}", theirs / ours, target,
            f"{theirs:.2f} ({LOOPED} measured) over {ours:.2f} ms a step; "
            f"gradients by hand {by_hand:.2f}, {by_hand / ours:.1f}; "
            f"estimated limit {limit:.2f}, {theirs / limit:.1f}")  # fmt: skip


def _limit(n: int, **knobs: Any) -> float:
    """Seconds of a step of all members of which only products and one reading and writing of the state are left."""
    simulation = Simulation(ENGINE, _factors(n, **knobs), CPU)
    simulation.advance(2)  # some only look around in their first step
    (batch,) = simulation.batches
    machine, flops = Machine(CPU), counted(step_of(batch)).flops
    products = sum(each / machine.batched(n, dtype) for dtype, each in flops.items())
    return products + 2 * sum(value.nbytes for value in batch.state) / machine.cached()


def _loop(n: int, make: Make, gradients: Callable[..., None]) -> Work:
    """Step a plain loop over members, each with its own optimiser."""
    members = []
    for config in _factors(n)[:LOOPED]:
        drawn = draw(config)
        M = torch.tensor(drawn.U @ np.diag(config.values) @ drawn.V.T)
        parts = [torch.nn.Parameter(torch.tensor(W)) for W in drawn.factors]
        members.append((M, parts, make(parts)))

    def work() -> None:
        for M, (A, B), optimiser in members:
            for _ in range(STEPS):
                gradients(M, A, B)
                optimiser.step()

    return work


@torch.no_grad()
def _by_hand(M: torch.Tensor, A: torch.nn.Parameter, B: torch.nn.Parameter) -> None:
    """Gradients `[n, n]` by the two products that they are, which spares calls alone."""
    E = B @ A - M
    A.grad, B.grad = B.T @ E, E @ A.T


def _mixed() -> None:
    methods = ("gd", "heavy_ball", "sign", "adam", "lion", "muon", "prodigy", "dog")
    each = [_factors(16, method=method)[:8] for method in methods]
    whole, *parts = in_turn(_batch([config for configs in each for config in configs]), *map(_batch, each))
    row("eight methods in one batch over the sum of its parts", whole / sum(parts), "1.3", "at most")


def _exact() -> None:
    rates = np.geomspace(0.005, 0.3, MEMBERS)
    configs = [OptimizerDynamics(scene="quadratic", eta=float(eta)) for eta in rates]
    (seconds,) = in_turn(_batch(configs, 4096), rounds=3)
    row("exact risk: seconds for 64 members x 4096 steps, d = 300", seconds, "1", "at most")


def _race() -> None:
    """The 36 trials of one method at a budget of 50, against a plain loop over torch.optim, one after another."""
    configs = [
        OptimizerDynamics(
            scene="network", batch_size=64, horizon=50, method="adam", eta=eta, schedule=schedule, seed=seed,
        )
        for eta in network.rates_of("adam") for schedule in ("constant", "linear") for seed in (0, 1)
    ]  # fmt: skip
    some = configs[::9]
    together, loops = in_turn(_batch(configs, 50), lambda: [_trained(config) for config in some], rounds=3)
    row("race: 36 members in loops of torch.optim over one batch", loops * len(configs) / len(some) / together, "4", "")


def _trained(config: OptimizerDynamics) -> None:
    """Train one member of the race as it is usually written."""
    X, y = network.images()
    images, labels = torch.as_tensor(X, dtype=torch.float32), torch.as_tensor(y)
    rows = np.random.default_rng(network.MINIBATCH_SEED + config.seed).integers(
        0, network.TRAINED, (config.horizon, 64)
    )
    layers = [torch.nn.Linear(leaf.columns, leaf.rows, bias=False) for leaf in network.LEAVES]
    model = torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1], torch.nn.ReLU(), layers[2])
    optimiser = torch.optim.Adam(model.parameters(), lr=config.eta)
    for chosen in rows:
        optimiser.zero_grad()
        cross_entropy(model(images[chosen]), labels[chosen]).backward()
        optimiser.step()


def _opening() -> None:
    """The preset with which the lab opens: all steps, and a frame over a step."""
    preset = ENGINE.preset(ENGINE.opening)
    configs = Experiment.from_preset(ENGINE, preset).configs()
    simulation = Simulation(ENGINE, configs, CPU)
    simulation.advance(150)
    frame, steps = in_turn(lambda: [simulation.observe() for _ in range(50)], _batch(configs, 50), rounds=7)
    row("O0: a frame without large channels over a step", frame / steps, "1.5", "at most")
    (seconds,) = in_turn(lambda: simulate(Run(ENGINE, configs), preset.steps), rounds=1)
    row(f"O0: seconds for {preset.steps} steps with all frames", seconds, "10", "at most")
