"""The first steps of gradient descent in the population limit, followed one by one on r + k rows of the factors.

Until the signal is fitted no closed form holds from a start that is not small; a slider is dragged meanwhile.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from engines.matrix_sensing.config import MatrixSensing
from engines.matrix_sensing.draws import scaled
from engines.matrix_sensing.factor_parts import FactorParts, split, unit_start

TINY = 1e-300
"""A least size, so that zero can be divided by."""

STEPS, LEARNED, WIDEST = 500, 0.003, 64
"""At most so many first steps are followed one by one, until the signal is fitted to this fraction of σᵣ, with factors
of so many columns at most: a slider is dragged meanwhile."""


class FirstSteps(NamedTuple):
    """Course of the first T steps, followed one by one, and the linearised error from step T on."""

    errors: np.ndarray
    """|E| at the steps 0, 1, ..., T, `[T + 1]`."""
    lifted_at: float
    """Step of the lift; -1 where it has not come."""
    squares: np.ndarray
    """Squared entries at T of UVᵀ - Σ, UKᵀ and JVᵀ in the bases that decouple them, `[q]`."""
    rates: np.ndarray
    """Rates of these entries, `[q]`: a step multiplies each by 1 - η rate."""
    factors: FactorParts
    """Parts of the factors at T, from which the closed form of the idle block goes on."""


@lru_cache(maxsize=128)
def learning(config: MatrixSensing) -> FirstSteps | None:
    """Follow the reduced problem until every mode is learned to `LEARNED`; None where `STEPS` do not suffice."""
    if config.k > WIDEST:
        return None
    F, G = scaled(config, *unit_start(config))
    if config.symmetric:
        G = F
    M = np.zeros((len(F), len(G)))
    M[np.arange(config.r), np.arange(config.r)] = config.sigma
    eta, lifted_at, errors = config.eta * config.factor, -1.0, []
    for step in range(STEPS + 1):
        E = F @ G.T - M
        errors.append(float(np.linalg.norm(E)))
        if not errors[-1] < 1e6:
            return None
        if config.method == "one_step" and _fires(config, step, lifted_at, errors[-1], F, G):
            (F, G), lifted_at = _lift(config, F, G), float(step)
        # The idle block may still be large: its own closed form goes on from here.
        fitted = np.hypot(np.linalg.norm(E[: config.r]), np.linalg.norm(E[config.r :, : config.r]))
        if fitted < LEARNED * config.sigma[-1] and not _lift_is_due(config, step, lifted_at):
            return _learned(config, np.array(errors), lifted_at, F, G)
        F, G = F - eta * E @ G, G - eta * E.T @ F
    return None


def _lift_is_due(config: MatrixSensing, step: int, lifted_at: float) -> bool:
    """Whether a lift is still to come."""
    waiting = lifted_at < 0 and config.trigger != "manual"
    return config.method == "one_step" and (waiting or step < config.lift_at)


def _fires(config: MatrixSensing, step: int, lifted_at: float, error: float, F: np.ndarray, G: np.ndarray) -> bool:
    """Whether the lift comes at this step."""
    if step == config.lift_at:
        return True
    if lifted_at >= 0 or config.trigger == "manual":
        return False
    if config.trigger == "true":
        return error < config.trigger_level * config.sigma[-1]
    if error >= config.trigger_level * np.linalg.norm(F) * np.linalg.norm(G):
        return False
    values = np.maximum(np.linalg.svd(F @ G.T, compute_uv=False)[: config.k], TINY)
    rank = (values[:-1] / values[1:]).argmax() if config.k > 1 else 0
    return error < config.trigger_level * values[rank]


def _lift(config: MatrixSensing, F: np.ndarray, G: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Take the one modified step."""
    A, S, Bt = np.linalg.svd(F, full_matrices=False)
    level = np.maximum(S, config.beta) if config.lift == "below_beta" else np.full(len(S), config.beta)
    return A * level, G @ Bt.T * (S / level)


def _learned(config: MatrixSensing, errors: np.ndarray, lifted_at: float, F: np.ndarray, G: np.ndarray) -> FirstSteps:
    """Linearise the dynamics in the error: UVᵀ - Σ shrinks by UUᵀ from the left and by VVᵀ from the right.

    UKᵀ shrinks by UUᵀ and by the idle part of KKᵀ, JVᵀ by the idle part of JJᵀ and by VVᵀ.
    """
    U, V, J, K = F[: config.r], G[: config.r], F[config.r :], G[config.r :]
    (left, u, along_u), (right, v, along_v) = (np.linalg.svd(block, full_matrices=False) for block in (U, V))
    (left_j, j), (left_k, k) = (
        _basis(block - block @ along.T @ along) for block, along in ((J, along_v), (K, along_u))
    )
    blocks = (
        (left.T @ (U @ V.T - np.diag(config.sigma)) @ right, u, v),
        (left.T @ U @ K.T @ left_k, u, k),
        (left_j.T @ J @ V.T @ right, j, v),
    )
    squares = np.concatenate([(block**2).ravel() for block, _, _ in blocks])
    rates = np.concatenate([np.add.outer(one**2, other**2).ravel() for _, one, other in blocks])
    return FirstSteps(errors, lifted_at, squares, rates, split(config, F, G))


def _basis(block: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All left singular vectors `[n, n]` with their singular values `[n]`."""
    left, size, _ = np.linalg.svd(block)
    return left, np.concatenate([size, np.zeros(len(block) - len(size))])
