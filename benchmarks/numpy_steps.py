"""One member's step in the opening presets as one would write it in NumPy, without batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from engines.core.compute.simulation import Simulation

Step = Callable[[], object]


def _first(simulation: Simulation) -> tuple[Any, Any]:
    """The problem and the state of its one batch."""
    (batch,) = simulation.batches
    return batch.problem, batch.state


def sensing(simulation: Simulation) -> Step:
    """Gradient descent on both factors, measured through the identity, with the full matrices."""
    problem, state = _first(simulation)
    config: Any = simulation.engine.Config()
    n = config.n  # as the preset leaves it; the state has r + k rows of them
    k, r, draws = state.F.shape[-1], problem.sigma.shape[-1], np.random.default_rng(0)
    F, G = (draws.standard_normal((n, k)) / n for _ in range(2))
    M = draws.standard_normal((n, r)) @ draws.standard_normal((r, n)) / n

    def step() -> object:
        E = F @ G.T - M
        return F - 0.2 * E @ G, G - 0.2 * E.T @ F

    return step


def recovery(simulation: Simulation) -> Step:
    """The sub-gradient divided by its norm, on symmetric measurements."""
    problem, state = _first(simulation)
    U, y = state.U[0].numpy(), problem.y[0].numpy()
    A = np.random.default_rng(0).standard_normal((len(y), U.shape[0] ** 2))

    def step() -> object:
        Q = (np.sign(A @ (U @ U.T).ravel() - y) @ A).reshape(len(U), -1) / len(y)
        Q = (Q + Q.T) / 2
        return U - 0.3 * 2 / np.abs(np.linalg.eigvalsh(Q)).max() * Q @ U

    return step


def flow(simulation: Simulation) -> Step:
    """Runge and Kutta on the features of every sample, the classifier solved for at each of the four points."""
    problem = _first(simulation)[0].problem
    (_, d, _), K, n, h = problem.H0.shape, problem.task.K, problem.n, 0.02
    H0 = np.random.default_rng(0).standard_normal((d, K * n))
    Y, ridge = np.repeat(np.eye(K), n, 1), 0.5 * n * np.eye(d)

    def velocity(H: np.ndarray) -> np.ndarray:
        W = np.linalg.solve(H @ H.T + ridge, H @ Y.T).T
        return W.T @ (Y - W @ H) - 0.05 * H

    def step() -> object:
        k1 = velocity(H0)
        k2 = velocity(H0 + h / 2 * k1)
        k3 = velocity(H0 + h / 2 * k2)
        k4 = velocity(H0 + h * k3)
        return H0 + h / 6 * (k1 + 2 * (k2 + k3) + k4)

    return step


def addition(simulation: Simulation) -> Step:
    """AdamW on all pairs, `f = relu(T_a + T_b) out`, where the tables are products of an embedding and two readers."""
    subject = simulation.batches[0].problem.problem.subject
    X, y = (value[0].numpy() for value in subject.train)
    p, n = X.shape[1] // 2, len(X)
    E, left, right, out = (part[0].numpy() for part in subject.model.layout.split(subject.start))
    w = [part.copy() for part in (E, left, right, out)]
    m, v = ([np.zeros_like(part) for part in w] for _ in range(2))
    shown, t = np.arange(n), 0

    def step() -> object:
        nonlocal t
        t += 1
        E, left, right, out = w
        a = np.maximum(X @ np.concatenate([E @ left.T, E @ right.T]), 0)
        f = a @ out.T
        q = np.exp(f - f.max(1, keepdims=True))
        q /= q.sum(1, keepdims=True)
        q[shown, y] -= 1
        q /= n
        tables = X.T @ (q @ out * (a > 0))
        one, two = tables[:p], tables[p:]
        for i, g in enumerate((one @ left + two @ right, one.T @ E, two.T @ E, q.T @ a)):
            m[i] = 0.9 * m[i] + 0.1 * g
            v[i] = 0.98 * v[i] + 0.02 * g * g
            mean, size = m[i] / (1 - 0.9**t), np.sqrt(v[i] / (1 - 0.98**t)) + 1e-8
            w[i] = w[i] * (1 - 5e-3) - 5e-3 * mean / size
        return w

    return step
