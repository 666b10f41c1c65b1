"""Expensive observables of one member, on demand."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from engines.core.analysis.curve_fits import slope
from engines.core.numerics.lapack import eigvalsh
from engines.core.protocol.engine import Probe, RunData
from engines.core.protocol.errors import ConfigError
from engines.core.protocol.probe_figures import Lines, Trace
from engines.core.runs.replay import simulation_at
from engines.matrix_sensing.operators import Operator

LARGEST = 4000
"""Parameters above which the dense Gauss-Newton matrix is refused."""


def gauss_newton(run: RunData, member: int, step: int = -1) -> dict[str, Any]:
    """Eigenvalues of the Gauss-Newton matrix and the tail rate `-ln(1 - eta w)` that they predict.

    Asymmetric: `BᵀB` with `B(dF, dG) = A(dF Gᵀ + F dGᵀ)`; w is its `(n1 r + n2 k - r k)`-th largest eigenvalue,
    the number of directions that a solution with F of rank k and G of rank r can see. Symmetric: `BᵀB/2` with
    `B(dX) = A(dX Xᵀ + X dXᵀ)` and `n r - r(r-1)/2` directions; for k > r the idle ones are not among them, and
    no eigenvalue predicts the 1/t tail. A slight underestimate for Gaussian runs: measured over predicted is
    within 0.98 to 1.13. Raises `ConfigError` above `LARGEST` parameters.
    """
    config = run.configs[member]
    batch = simulation_at(run, step, member).batches[0]
    F, G = batch.state.F, batch.state.G
    (n1, k), n2, r = F.shape[1:], G.shape[1], config.r
    size = n1 * k if config.symmetric else (n1 + n2) * k
    if size > LARGEST:
        raise ConfigError(f"the Gauss-Newton matrix of {size} parameters exceeds the limit of {LARGEST}: lower n or k")
    dimension = n1 * r - r * (r - 1) // 2 if config.symmetric else n1 * r + n2 * k - r * k
    operator = batch.problem.operators[0][0]
    matrix = _halved(operator, F) if config.symmetric else gauss_newton_matrix(operator, F, G)
    values = eigvalsh(0.5 * (matrix + matrix.mT)).flip(-1)
    smallest = float(values[min(dimension, size) - 1])
    rate = float(-np.log1p(-config.eta * config.factor * smallest))
    number = np.arange(1, size + 1)
    return {"number": number, "eigenvalues": values.cpu().numpy(), "smallest": smallest, "rate": rate}


def gauss_newton_matrix(operator: Operator, F: Tensor, G: Tensor) -> Tensor:
    """Gauss-Newton matrix `BᵀB [P, P]` at `F [1, n1, k]` and `G [1, n2, k]`.

    The operator is applied once, to all basis directions together.
    """
    count = F[0].numel() + G[0].numel()
    eye = torch.eye(count, dtype=F.dtype, device=F.device)
    dF, dG = eye[:, : F[0].numel()].view(-1, *F.shape[1:]), eye[:, F[0].numel() :].view(-1, *G.shape[1:])
    F, G = F.expand(count, -1, -1), G.expand(count, -1, -1)
    # dF Gᵀ + F dGᵀ, factored.
    residual = operator.residual(torch.cat([dF, F], -1), torch.cat([G, dG], -1), None)
    return torch.cat([operator.right(residual, G).flatten(1), operator.left(residual, F).flatten(1)], 1)


def _halved(operator: Operator, X: Tensor) -> Tensor:
    """`BᵀB/2` of the symmetric model: the linearisation of `sym(R) X` at a solution."""
    dX = torch.eye(X[0].numel(), dtype=X.dtype, device=X.device).view(-1, *X.shape[1:])
    X = X.expand(len(dX), -1, -1)
    residual = operator.residual(torch.cat([dX, X], -1), torch.cat([X, dX], -1), None)
    return 0.5 * (operator.right(residual, X) + operator.left(residual, X)).flatten(1)


def slopes(run: RunData, member: int, step: int = -1, channel: str = "error", window: float = 0.2) -> dict[str, Any]:
    """Local slopes of a channel up to `step`: `d ln y/d ln t` and `d ln y/dt` over windows of so many decades.

    The one that is flat names the law: a power of t, or an exponential.
    """
    run.engine.channel(channel)
    steps, values = run.curve(channel, member)
    late = steps[(steps >= 10) & (values > 0) & ((steps <= step) | (step < 0))]
    fits = [_fits(steps, values, t, window) for t in late]
    return {
        "steps": late,
        "power": np.array([f[0] for f in fits], float),
        "rate": np.array([f[1] for f in fits], float),
    }


def _fits(steps: np.ndarray, values: np.ndarray, t: float, window: float) -> tuple[float | None, float | None]:
    near = (steps >= t * 10**-window) & (steps <= t) & (values > 0)
    t_near, logs = steps[near].astype(float), np.log(values[near])
    return slope(np.log(t_near), logs, fewest=3), slope(t_near, logs, fewest=3)


def spectral_error(run: RunData, member: int, step: int = -1) -> dict[str, Any]:
    """The spectral norm of the error, `‖FGᵀ - M‖₂`."""
    batch = simulation_at(run, step, member).batches[0]
    F, G, (left, right) = batch.state.F[0], batch.state.G[0], batch.problem.M
    return {"spectral_error": float(torch.linalg.matrix_norm(F @ G.mT - left[0] @ right[0].mT, 2))}


PROBES = (
    Probe(
        name="gauss_newton",
        title="Gauss–Newton spectrum",
        doc="Curvature at the iterate; its smallest eigenvalue that a solution can see predicts the tail rate.",
        compute=gauss_newton,
        pictures=(
            Lines(
                traces=(Trace(x="number", y="eigenvalues", label="eigenvalues, largest first"),),
                x_label="number",
                y_label="eigenvalue",
                log_y=True,
            ),
        ),
    ),
    Probe(
        name="slopes",
        title="Local power of the error",
        doc="Slope of the error on log-log axes up to this step: flat where it follows a power of t.",
        compute=slopes,
        pictures=(
            Lines(
                traces=(Trace(x="steps", y="power", label="d ln y / d ln t", style="line"),),
                x_label="step",
                y_label="power",
                log_x=True,
            ),
        ),
    ),
    Probe(
        name="spectral_error",
        title="Spectral error",
        doc="Largest singular value of the error.",
        compute=spectral_error,
    ),
)
