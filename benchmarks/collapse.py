"""What the reduced form of free features saves: samples, and members."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from benchmarks.timing import best, head, row
from engines.core.compute.simulation import Simulation
from engines.neural_collapse.config import NeuralCollapse
from engines.neural_collapse.engine import ENGINE

K, D, MEMBERS, STEPS = 4, 10, 64, 50
FEW, MANY = 10, 10_000
"""Samples of each class."""


def main() -> None:
    """Print all rows."""
    head(f"Neural collapse, {torch.get_num_threads()} thread(s), float64, K = {K}, d = {D}")
    _samples()
    _members()
    _full()


def stepping(**knobs: object) -> Callable[[], None]:
    """Advance a fresh simulation by `STEPS`; a list of `lambda_h` makes the batch."""
    decays = knobs.pop("lambda_h", [0.05])
    given = {"classes": K, "features": D, "init": "gaussian_means", **knobs}
    configs = [NeuralCollapse(**given, lambda_h=value) for value in decays]  # type: ignore[arg-type, attr-defined]
    simulation = Simulation(ENGINE, configs, torch.device("cpu"))
    opening = simulation.checkpoint()

    def advance() -> None:
        simulation.restore(opening)  # a solved layer would stand still
        simulation.advance(STEPS)

    return advance


def per_step(**knobs: object) -> float:
    """Seconds a step."""
    return best(stepping(**knobs), 9) / STEPS


def _samples() -> None:
    for model in ("central_path", "proximal", "layers"):
        few, many = (per_step(model=model, per_class=n) for n in (FEW, MANY))
        row(f"{model}: a step with n = {MANY:,} over n = {FEW}", many / few, "<= 1.10",
            f"{many * 1e6:.0f} us against {few * 1e6:.0f} us")  # fmt: skip


def _members() -> None:
    decays = np.geomspace(1e-3, 0.5, MEMBERS).tolist()
    for model in ("central_path", "proximal"):
        one, many = per_step(model=model), per_step(model=model, lambda_h=decays)
        row(f"{model}: {MEMBERS} weight decays in one batch over one", many / one, "", f"{many * 1e6:.0f} us a step")
        row(f"{model}: {MEMBERS} runs one by one over one batch", MEMBERS * one / many, "", f"{one * 1e6:.0f} us each")


def _full() -> None:
    """The velocity with every sample, as one would write it, against the reduced one."""
    for n in (FEW, MANY):
        ours = best(_velocity(n), 9)
        theirs = best(plain_flow(n), 9)
        row(f"one velocity of the flow with every sample over the reduced one, n = {n:,}", theirs / ours, "",
            f"{theirs * 1e6:.0f} us against {ours * 1e6:.0f} us")  # fmt: skip


def _velocity(n: int) -> Callable[[], object]:
    config = NeuralCollapse(classes=K, features=D, per_class=n, init="gaussian_means")
    batch = Simulation(ENGINE, [config], torch.device("cpu")).batches[0]
    return lambda: batch.problem.problem.task.velocity(batch.state.H, batch.knobs)


def plain_flow(n: int) -> Callable[[], object]:
    H = torch.randn(D, K * n, dtype=torch.float64)
    Y = torch.eye(K, dtype=torch.float64).repeat_interleave(n, 1)
    eye = 0.5 * n * torch.eye(D, dtype=torch.float64)

    def velocity() -> object:
        W = torch.linalg.solve(H @ H.T + eye, H @ Y.T).T
        return W.T @ (Y - W @ H) - 0.05 * H

    return velocity
