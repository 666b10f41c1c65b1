"""What a batch costs, against the machine and against how others write the same step."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.timing import best, head, row
from engines.core.compute.simulation import Simulation
from engines.matrix_sensing.config import MatrixSensing
from engines.matrix_sensing.engine import ENGINE

N, M, K, MEMBERS = 50, 2500, 5, 64
STEPS = 20


def main() -> None:
    """Print all rows."""
    head(f"Compute, {torch.get_num_threads()} thread(s), float64, n = {N}, m = {M}")
    for parameterization in ("asymmetric", "symmetric"):
        _roofline(parameterization)
        _loops(parameterization)
    _patterns()
    _sizes()
    _members()


def stepping(**knobs: object) -> Callable[[], None]:
    """Advance a fresh simulation by `STEPS`; a list of seeds makes the batch."""
    seeds = knobs.pop("seeds", range(1))
    configs = [MatrixSensing(**{"n": N, "m": M, "k": K, "alpha": 0.3, **knobs}, seed=s) for s in seeds]  # type: ignore[attr-defined, arg-type]
    simulation = Simulation(ENGINE, configs, torch.device("cpu"))
    return lambda: simulation.advance(simulation.step + STEPS)


def per_step(**knobs: object) -> float:
    """Seconds a step."""
    return best(stepping(**knobs)) / STEPS


def _roofline(parameterization: str) -> None:
    size = N * N if parameterization == "asymmetric" else N * (N + 1) // 2
    square = torch.randn(2048, 2048, dtype=torch.float64)
    peak = 2 * 2048**3 / best(lambda: square @ square)
    batch = per_step(operator="gaussian", parameterization=parameterization, seeds=range(MEMBERS))
    rate = 2 * MEMBERS * size**2 / batch
    row(f"(a) {MEMBERS} members, {parameterization}: rate over a 2048² product", rate / peak, ">= 0.80",
        f"{rate / 1e9:.0f} of {peak / 1e9:.0f} GFLOP/s")  # fmt: skip


def _loops(parameterization: str) -> None:
    batch = per_step(operator="gaussian", parameterization=parameterization, seeds=range(MEMBERS))
    plain = MEMBERS * best(lambda: plain_step(parameterization))
    row(f"(b) {MEMBERS} plain PyTorch loops over one batch, {parameterization}", plain / batch, ">= 20",
        f"{plain * 1e3:.0f} ms against {batch * 1e3:.1f} ms a step")  # fmt: skip


A = torch.randn(M, N * N, dtype=torch.float64)
F, G, TRUTH = (torch.randn(N, width, dtype=torch.float64) / N for width in (K, K, N))


def plain_step(parameterization: str) -> tuple[Tensor, Tensor]:
    """One run as one would write it: two products of A with a vector."""
    R = (A.T @ (A @ (F @ G.T - TRUTH).flatten()) / M).view(N, N)
    if parameterization == "symmetric":
        R = (R + R.T) / 2
    return F - 0.1 * R @ G, G - 0.1 * R.T @ F


def loop() -> Tensor:
    """A Python loop over measurements (the pattern of the AGN and ScaledGD scripts)."""
    E, R = F @ G.T - TRUTH, torch.zeros(N, N, dtype=torch.float64)
    for a in A.view(M, N, N):
        R += (a * E).sum() * a
    return R / M


def traced() -> Tensor:
    """Batched matrix products and a trace: m d³ work."""
    E, stack = F @ G.T - TRUTH, A.view(M, N, N)
    z = torch.diagonal(stack.mT @ E, dim1=-2, dim2=-1).sum(-1)
    return (z[:, None, None] * stack).sum(0) / M


def broadcast() -> Tensor:
    """Einsum forward, broadcast and sum back: an m x n² temporary."""
    E, stack = F @ G.T - TRUTH, A.view(M, N, N)
    return (torch.einsum("mij,ij->m", stack, E)[:, None, None] * stack).sum(0) / M


def _patterns() -> None:
    for parameterization in ("symmetric", "asymmetric"):
        ours = per_step(operator="gaussian", parameterization=parameterization)
        for name, pattern in (("loop", loop), ("matmul and trace", traced), ("einsum and broadcast", broadcast)):
            theirs = best(pattern, 3)
            row(f"(c) one run, {parameterization}: {name} over ours", theirs / ours, ">= 20",
                f"{theirs * 1e3:.1f} ms against {ours * 1e3:.2f} ms")  # fmt: skip


def _sizes() -> None:
    small, large = (best(stepping(n=n, operator="identity")) for n in (50, 4000))
    row("(g) identity: a step at n = 4000 over n = 50", large / small, "~ 1", f"{large / STEPS * 1e6:.0f} us a step")


def _members() -> None:
    one, many = (per_step(operator="identity", seeds=range(count)) for count in (1, MEMBERS))
    row(f"identity: {MEMBERS} members over one", many / one, "", f"{many * 1e6:.0f} us a step")
