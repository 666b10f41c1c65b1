"""Expensive observables of one member, on demand."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from engines.core.compute.batching import tensor
from engines.core.numerics.lapack import eigvalsh
from engines.core.protocol.engine import Probe, RunData
from engines.core.protocol.errors import ConfigError
from engines.core.protocol.probe_figures import Lines, Trace
from engines.core.runs.replay import simulation_at
from engines.subgradient_recovery import flow, laws
from engines.subgradient_recovery.problem import Problem

SIZES = np.geomspace(1e-3, 10, 9)
"""|X|_F at which the Sign-RIP is tried."""

RANK = 4
"""Rank of the matrices X for the second deviation; for the first it is 1."""


def sign_rip(run: RunData, member: int, step: int = -1, draws: int = 8, seed: int = 3) -> dict[str, Any]:
    """How well the sub-gradient points home at random matrices X, against the formulas.

    At each of nine sizes, `draws` random X of rank 1 (and of rank 4, for delta_4): the measured
    `phi = <Q, X>/|X|_F` with `Q = (1/m) sum sign(<A_i, X> - s_i) sym(A_i)` and the deviation
    `delta_j = (sum_{i<=j} sv_i(Q - phi X/|X|_F)²)^½/phi`, the supremum over rank-j directions. Predicted:
    `delta_j <= sqrt(j) w/phi`. Raises `ConfigError` for fewer than one draw.
    """
    if not 1 <= draws <= 1000:
        raise ConfigError(f"draws={draws} is outside its bounds [1, 1000]")
    problem, config = simulation_at(run, 0, member).batches[0].problem, run.configs[member]
    stream = np.random.default_rng(seed)
    trials = [_tried(problem, config.d, rank, draws, stream) for rank in (1, RANK)]
    size, (pulled, first), (_, fourth) = np.repeat(SIZES, draws), *trials
    length, w = laws.phi(config, size), laws.edge(config)
    return {
        "size": size, "phi": pulled, "phi_formula": length, "delta_1": first, "delta_4": fourth,
        "delta_1_formula": w / length, "delta_4_formula": RANK**0.5 * w / length, "edge": w,
    }  # fmt: skip


def _tried(
    problem: Problem, d: int, rank: int, draws: int, stream: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Measured phi and delta_rank of random matrices at every size."""
    left, right = (stream.standard_normal((len(SIZES) * draws, d, -(-rank // 2))) for _ in range(2))
    X = left @ left.transpose(0, 2, 1) - (right @ right.transpose(0, 2, 1) if rank > 1 else 0)
    unit = tensor(X / np.linalg.norm(X, axis=(1, 2), keepdims=True), problem.y.device)
    Q = direction(problem, unit * tensor(np.repeat(SIZES, draws), problem.y.device)[:, None, None])
    phi = (Q * unit).sum((-2, -1))
    values = eigvalsh(Q - phi[:, None, None] * unit).abs().sort(-1, descending=True).values
    delta = torch.linalg.vector_norm(values[:, :rank], dim=-1) / phi
    return phi.cpu().numpy(), delta.cpu().numpy()


def direction(problem: Problem, X: Tensor) -> Tensor:
    """`(1/m) sum_i sign(<A_i, X> - s_i) sym(A_i)` at several X `[N, d, d]`, of a problem with one member."""
    return problem.sensing.adjoint((problem.sensing.forward(X) - problem.s).sign())


def descent(run: RunData, member: int, step: int = -1) -> dict[str, Any]:
    """The l1 loss on the line from the truth to the iterate: below zero where the truth is not the optimum.

    `f((1 - x) U_truth + x U)` minus `f` at the truth for x in [-.2, 1.2]; U_truth is `[V sqrt(Sigma), 0]`, turned to
    U by the best rotation of its columns (Procrustes), which leaves `U_truth U_truthᵀ` unchanged.
    """
    batch = simulation_at(run, int(run.steps[-1]) if step < 0 else step, member).batches[0]
    problem, U = batch.problem, batch.state.U[0]
    truth = torch.zeros_like(U)
    truth[:, : problem.V.shape[-1]] = problem.V[0] * problem.sigma[0].sqrt()
    left, _, right = torch.linalg.svd(truth.mT @ U)
    x = np.linspace(-0.2, 1.2, 71)
    points = torch.lerp(truth @ left @ right, U, tensor(x, U.device)[:, None, None])
    loss = (problem.sensing.forward(points @ points.mT) - problem.y).abs().mean(-1)
    gap = (loss - problem.s.abs().mean()).cpu().numpy()
    return {"place": x, "gap": gap, "zero": np.zeros_like(x), "at_iterate": float(gap[np.abs(x - 1).argmin()])}


def spectrum(run: RunData, member: int, step: int = -1) -> dict[str, Any]:
    """Eigenvalues of the start's matrix Q0 against the law: r spikes, then a semicircle of radius w.

    `theta + w²/4theta` for theta > w/2 with `theta_i = phi(X*) sigma_i/|X*|_F`; the rest is noise.
    """
    config, problem = run.configs[member], simulation_at(run, 0, member).batches[0].problem
    values = eigvalsh(problem.sensing.adjoint(problem.y.sign()))[0].flip(-1).cpu().numpy()
    predicted = np.concatenate([laws.spikes(config), flow.semicircle(config.d - config.r, laws.edge(config))])
    return {
        "number": np.arange(1, config.d + 1), "eigenvalue": values, "predicted": predicted,
        "edge": laws.edge(config), "automatic_budget": float(problem.budget[0]),
    }  # fmt: skip


PROBES = (
    Probe(
        name="sign_rip",
        labels={
            "phi": "φ",
            "phi_formula": "φ by the formula",
            "delta_1": "δ₁",
            "delta_1_formula": "δ₁ by the formula",
            "delta_4": "δ₄",
            "delta_4_formula": "δ₄ by the formula",
        },
        title="Does the sub-gradient point home?",
        doc="At random matrices of every size: its pull towards zero, and how far it is off, against the formulas.",
        compute=sign_rip,
        pictures=(
            Lines(
                traces=(
                    Trace(x="size", y="phi", label="pull φ"),
                    Trace(x="size", y="phi_formula", label="φ, formula", style="theory"),
                    Trace(x="size", y="delta_1", label="deviation δ₁"),
                    Trace(x="size", y="delta_1_formula", label="w/φ", style="theory"),
                    Trace(x="size", y="delta_4", label="deviation δ₄"),
                    Trace(x="size", y="delta_4_formula", label="2w/φ", style="theory"),
                ),
                x_label="‖X‖_F",
                log_x=True,
                log_y=True,
            ),
        ),
    ),
    Probe(
        name="descent",
        title="From the truth to the iterate",
        doc="The loss on a straight line. Below zero the data is fitted better than by the truth.",
        compute=descent,
        pictures=(
            Lines(
                traces=(
                    Trace(x="place", y="gap", label="loss above that of the truth", style="line"),
                    Trace(x="place", y="zero", label="the loss of the truth", style="theory"),
                ),
                x_label="0: the truth, 1: the iterate",
                y_label="f − f(truth)",
            ),
        ),
    ),
    Probe(
        name="spectrum",
        title="What the signs of the data show",
        doc="The eigenvalues from which a spectral run starts: signal above the edge of the noise.",
        compute=spectrum,
        pictures=(
            Lines(
                traces=(
                    Trace(x="number", y="eigenvalue", label="eigenvalue of Q₀"),
                    Trace(x="number", y="predicted", label="spikes and semicircle", style="theory"),
                ),
                x_label="number",
                y_label="λ(Q₀)",
            ),
        ),
    ),
)
