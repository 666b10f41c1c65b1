"""The works that `launch.py bench` measures, a few a lab, each beside a plain PyTorch loop over one member."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from benchmarks import collapse, compute, networks, numpy_steps, recovery
from engines.core.compute.simulation import Batch, Simulation
from engines.core.protocol.registry import load
from engines.optimizer_dynamics.scenes.factorisation import draw

PLAIN = "plain loop"
"""The name of the plain loop among what is measured beside ours."""

Plain = Callable[[Simulation], Callable[[], object]]
"""Makes a function that takes some steps of one member, as one would write it, on the processor."""


class Bench(NamedTuple):
    """One work of a lab."""

    name: str
    knobs: dict[str, Any]
    plain: Plain | None = None
    steps: int = 1
    """Steps of one call of the plain loop."""
    peers: Mapping[str, Plain] = {}
    """One member by packages that others wrote, by the modules to import."""

    @property
    def others(self) -> dict[str, Plain]:
        """All that is measured beside ours, the plain loop under its own name."""
        return ({PLAIN: self.plain} if self.plain else {}) | dict(self.peers)


SENSING = {"operator": "gaussian", "n": compute.N, "m": compute.M, "k": compute.K, "alpha": 0.3}
MANY, SEVERAL = list(range(64)), list(range(16))


def _sensing(parameterization: str) -> Plain:
    return lambda _: lambda: compute.plain_step(parameterization)


def _identity(_: Simulation) -> Callable[[], object]:
    return lambda: (lambda E: (compute.F - 0.1 * E @ compute.G, compute.G - 0.1 * E.T @ compute.F))(
        compute.F @ compute.G.T - compute.TRUTH
    )


def _flow(_: Simulation) -> Callable[[], object]:
    velocity = collapse.plain_flow(collapse.FEW)
    return lambda: [velocity() for _ in range(4)]  # a step of Runge and Kutta


def _network(_: Simulation) -> Callable[[], object]:
    return networks.one_network(True)


def _training(simulation: Simulation) -> Callable[[], object]:
    subject = simulation.batches[0].problem.problem.subject
    X, y = (value.cpu() for value in subject.train)
    layers = [layer for a, b in pairwise(subject.model.sizes) for layer in (nn.Linear(a, b, bias=False), nn.ReLU())]
    net = nn.Sequential(*layers[:-1]).to(X.dtype)
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-3)

    def step() -> None:
        loss = nn.functional.cross_entropy(net(X), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return step


def by_autograd(M: torch.Tensor, A: nn.Parameter, B: nn.Parameter) -> None:
    """Gradients `[n, n]` of `½|B A − M|²`, as one writes it."""
    A.grad = B.grad = None
    ((B @ A - M).square().sum() / 2).backward()


def _factors(make: Callable[[list], torch.optim.Optimizer]) -> Plain:
    """Two factors of 32 x 32 and an optimiser of theirs."""

    def plain(simulation: Simulation) -> Callable[[], object]:
        config: Any = simulation.engine.Config(**FACTORS)
        drawn = draw(config)
        M = torch.tensor(drawn.U @ np.diag(config.values) @ drawn.V.T)
        A, B = (nn.Parameter(torch.tensor(W)) for W in drawn.factors)
        optimiser = make([A, B])

        def step() -> None:
            by_autograd(M, A, B)
            optimiser.step()

        return step

    return plain


def _soap(parameters: list) -> torch.optim.Optimizer:
    import pytorch_optimizer

    return pytorch_optimizer.SOAP(parameters, lr=0.01)


def _opening(lab: str, case: int, plain: Plain | None, by_hand: Plain) -> Bench:
    """One member of the preset on which a lab opens, beside its step in NumPy."""
    preset = load(lab).preset(load(lab).opening)
    knobs = {**preset.set, **(preset.cases[case] if preset.cases else {})}
    return Bench("opening preset, 1 member", knobs, plain, peers={"numpy": by_hand})


FACTORS = {"rows": 32, "columns": 32, "width": 32}


WORKS: dict[str, Sequence[Bench]] = {
    "matrix_sensing": (
        _opening("matrix_sensing", 1, _identity, numpy_steps.sensing),
        Bench("Gaussian n = 50 m = 2500, 1 member", SENSING, _sensing("asymmetric")),
        Bench("the same, 64 members", SENSING | {"seed": MANY}, _sensing("asymmetric")),
        Bench("64 members, symmetric", SENSING | {"parameterization": "symmetric", "seed": MANY},
              _sensing("symmetric")),
    ),
    "subgradient_recovery": (
        _opening("subgradient_recovery", 0, None, numpy_steps.recovery),
        Bench("d = 50 m = 1000, 1 member", {"d": 50, "m": 1000, "k": 50}, lambda _: recovery.plain),
        Bench("the same, 64 members", {"d": 50, "m": 1000, "k": 50, "seed": MANY, "operator_seed": 0},
              lambda _: recovery.plain),
    ),
    "neural_collapse": (
        _opening("neural_collapse", 0, None, numpy_steps.flow),
        Bench("flow, 1 member", {"classes": collapse.K, "features": collapse.D, "init": "gaussian_means"}, _flow),
        Bench("16 networks on the digits", {"model": "network", "learning_rate": 0.02, "seed": SEVERAL}, _network,
              networks.STEPS),
    ),
    "loss_landscape": (
        _opening("loss_landscape", 0, None, numpy_steps.addition),
        Bench("1 network on the digits", {"subject": "digits", "width": 32}, _training),
        Bench("16 networks on the digits", {"subject": "digits", "width": 32, "seed": SEVERAL}, _training),
    ),
    "optimizer_dynamics": (
        Bench("Adam, 32 x 32 factors, 64 members", FACTORS | {"method": "adam", "seed": MANY},
              _factors(lambda p: torch.optim.Adam(p, lr=0.01))),
        Bench("SOAP, 32 x 32 factors, 64 members", FACTORS | {"method": "soap", "seed": MANY},
              peers={"pytorch_optimizer": _factors(_soap)}),
    ),
}  # fmt: skip
"""By the names of labs."""


def step_of(batch: Batch) -> Callable[[], object]:
    """One step of a batch, computed and thrown away."""
    return lambda: batch.engine.step(batch.problem, batch.state, batch.knobs)
