"""Optimisers: members of one method in a batch over loops of `torch.optim` and of `pytorch_optimizer`; exact risk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from benchmarks.peers import there
from benchmarks.timing import best, head, row
from engines.core.api import simulate
from engines.core.compute.simulation import Simulation
from engines.core.runs.experiment import Experiment
from engines.core.runs.run import Run
from engines.optimizer_dynamics.config import OptimizerDynamics
from engines.optimizer_dynamics.engine import ENGINE
from engines.optimizer_dynamics.scenes import network
from engines.optimizer_dynamics.scenes.factorisation import draw

CPU, MEMBERS, STEPS = torch.device("cpu"), 64, 20
TARGETS = {16: "10", 32: "5", 64: "3"}


def main() -> None:
    """Print all rows."""
    head(f"Optimisers, {torch.get_num_threads()} thread(s), {MEMBERS} members")
    for n, target in TARGETS.items():
        _batch_over_loops(n, target)
    _mixed()
    _exact()
    _race()
    _opening()


def _seconds(configs: Sequence[OptimizerDynamics], steps: int = STEPS) -> float:
    simulation = Simulation(ENGINE, configs, CPU)
    start = simulation.checkpoint()

    def work() -> None:
        simulation.restore(start)
        simulation.advance(steps)

    return best(work, 3)


def _factors(n: int, **knobs: Any) -> list[OptimizerDynamics]:
    shape = {"rows": n, "columns": n, "width": n}
    return [OptimizerDynamics(**shape, **knobs, seed=seed) for seed in range(MEMBERS)]


def _batch_over_loops(n: int, target: str) -> None:
    """Muon and Adam: a batch against a loop over members of a package."""
    for method, make in (
        ("muon", lambda p: torch.optim.Muon(p, lr=0.01)),
        ("adam", lambda p: torch.optim.Adam(p, lr=0.01)),
    ):
        ours = _seconds(_factors(n, method=method))
        row(f"n = {n}: {MEMBERS} loops of torch.optim over one batch, {method}", _loop(n, make) / ours, target, "")
    if there("pytorch_optimizer"):
        import pytorch_optimizer

        ours = _seconds(_factors(n, method="soap"))
        theirs = _loop(n, lambda p: pytorch_optimizer.SOAP(p, lr=0.01))
        row(f"n = {n}: {MEMBERS} loops of pytorch_optimizer over one batch, soap", theirs / ours, target, "")


def _loop(n: int, make: Callable[[list], torch.optim.Optimizer]) -> float:
    """Seconds of a plain loop over members, each with its own optimiser and closed-form gradients."""
    members = []
    for config in _factors(n):
        drawn = draw(config)
        M = torch.tensor(drawn.U @ np.diag(config.values) @ drawn.V.T)
        parts = [torch.nn.Parameter(torch.tensor(W)) for W in drawn.factors]
        members.append((M, parts, make(parts)))

    def work() -> None:
        with torch.no_grad():
            for M, (A, B), optimiser in members:
                for _ in range(STEPS):
                    E = B @ A - M
                    A.grad, B.grad = B.T @ E, E @ A.T
                    optimiser.step()

    return best(work, 2)


def _mixed() -> None:
    methods = ("gd", "heavy_ball", "sign", "adam", "lion", "muon", "prodigy", "dog")
    each = [_factors(16, method=method)[:8] for method in methods]
    parts = sum(_seconds(configs) for configs in each)
    whole = _seconds([config for configs in each for config in configs])
    row("eight methods in one batch over the sum of its parts", whole / parts, "1.3", "")


def _exact() -> None:
    rates = np.geomspace(0.005, 0.3, MEMBERS)
    configs = [OptimizerDynamics(scene="quadratic", eta=float(eta)) for eta in rates]
    seconds = _seconds(configs, 4096)
    row("exact risk: seconds for 64 members x 4096 steps, d = 300", seconds, "1", "")


def _race() -> None:
    """The 36 trials of one method at a budget of 50, against one after another."""
    configs = [
        OptimizerDynamics(
            scene="network", batch_size=64, horizon=50, method="adam", eta=eta, schedule=schedule, seed=seed,
        )
        for eta in network.rates_of("adam") for schedule in ("constant", "linear") for seed in (0, 1)
    ]  # fmt: skip
    together = _seconds(configs, 50)
    alone = 9 * sum(_seconds([config], 50) for config in configs[::9])
    row("race: 36 members one after another over one batch", alone / together, "4", "")


def _opening() -> None:
    """The preset with which the lab opens: all steps, and a frame over a step."""
    preset = ENGINE.preset(ENGINE.opening)
    configs = Experiment.from_preset(ENGINE, preset).configs()
    simulation = Simulation(ENGINE, configs, CPU)
    simulation.advance(150)
    frame = best(simulation.observe, 20)
    row("O0: a frame without large channels over a step", frame / (_seconds(configs, 100) / 100), "1.5", "")
    seconds = best(lambda: simulate(Run(ENGINE, configs), preset.steps), 1)
    row(f"O0: seconds for {preset.steps} steps with all frames", seconds, "10", "")
