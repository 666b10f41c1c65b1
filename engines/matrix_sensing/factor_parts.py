"""The factors of a starting point, or of a later step, split into parts whose course is known.

Notation as in `laws`: F = [U; J], G = [V; K] in the basis of the truth, Δ = FᵀF − GᵀG, a unit vector w_i along row i
of (U + V)/2, and N an orthonormal basis of the k − r idle columns, orthogonal to all w_i.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from engines.core.numerics.noise import orthonormal
from engines.matrix_sensing.config import MatrixSensing
from engines.matrix_sensing.draws import FACTORS, directions, reduced, scaled


@dataclass(frozen=True)
class FactorParts:
    """Parts of the factors at a step, each with a course that is known."""

    sigma: np.ndarray
    """`[r]`."""
    grown: np.ndarray
    """a_i, `[r]`."""
    tilt: np.ndarray
    """x_i, `[r]`."""
    cross: np.ndarray
    """|J w_i|² and |K w_i|², `[2, r]`."""
    idle: np.ndarray
    """A₀ = NᵀJᵀJN and B₀ = NᵀKᵀKN in the eigenbasis of Δ, `[2, k - r, k - r]`."""
    delta: np.ndarray
    """Eigenvalues of Δ on the idle columns, `[k - r]`, ascending."""
    imbalance_min: float
    """Smallest eigenvalue of all of Δ."""
    size: float
    """`max(|F₀|₂², |G₀|₂²)`."""


@lru_cache(maxsize=64)
def initial_parts(config: MatrixSensing) -> FactorParts:
    """Split the starting point of a configuration into the parts whose course is known."""
    F, G = scaled(config, *unit_start(config))
    return split(config, F, G)


def split(config: MatrixSensing, F: np.ndarray, G: np.ndarray) -> FactorParts:
    """Split factors `F [n1, k]` and `G [n2, k]` in the basis of the truth; their first r rows are U and V."""
    U, V, J, K = F[: config.r], G[: config.r], F[config.r :], G[config.r :]
    turn = _turn((U + V) / 2, config.sigma)
    U, V = turn.T @ U, turn.T @ V
    grown = (U + V) / 2
    # Modes are learned in order, and each learned one removes its direction from the rows still to come.
    columns, triangle = np.linalg.qr(grown.T, mode="complete")
    along, N = columns[:, : len(grown)], columns[:, len(grown) :]
    delta, basis = np.linalg.eigh(N.T @ (J.T @ J - K.T @ K) @ N)
    parts = (J @ N @ basis, K @ N @ basis)
    imbalance = F.T @ F - G.T @ G
    tilt = np.einsum("ki,kl,li->i", along, imbalance, along)
    cross = np.stack([((block @ along) ** 2).sum(0) for block in (J, K)])
    return FactorParts(
        config.sigma,
        np.diag(triangle) ** 2,
        tilt,
        cross,
        np.stack([part.T @ part for part in parts]),
        delta,
        np.linalg.eigvalsh(imbalance)[0],
        float(max(np.linalg.norm(F, 2), np.linalg.norm(G, 2))) ** 2,
    )


def _turn(grown: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """A rotation `[r, r]` within equal singular values, after which their modes are learned one after another.

    Equal ones grow alike, so that any basis of theirs is one of the truth: its rows are chosen orthogonal, the largest
    first, after the rows of larger singular values are projected out.
    """
    turn, learned = np.zeros((len(sigma),) * 2), np.zeros((0, grown.shape[1]))
    for value in dict.fromkeys(sigma):
        rows = np.flatnonzero(sigma == value)
        unlearned = grown[rows] - grown[rows] @ learned.T @ learned
        left, _, right = np.linalg.svd(unlearned, full_matrices=False)
        turn[np.ix_(rows, rows)], learned = left, np.concatenate([learned, right])
    return turn


def unit_start(config: MatrixSensing) -> tuple[np.ndarray, np.ndarray]:
    """The starting point F₀ `[r + k, k]`, G₀ `[r + k, k]` in the basis of the truth, at unit scale."""
    # Unit scale: alpha and the ratio are applied later, so that dragging them costs nothing.
    return _cached(config.replace(alpha=1.0, init_ratio=1.0, eta=0.1, beta=1.0, m=4, operator="identity", noise=0.0))


@lru_cache(maxsize=128)
def _cached(config: MatrixSensing) -> tuple[np.ndarray, np.ndarray]:
    """The directions of F₀, G₀ in the basis of the truth, reduced to r + k rows each.

    Under the identity they are the run's draw; where a run draws an operator first, another draw of the same law.
    """
    one_seed = config.operator_seed < 0
    stream = np.random.default_rng(config.seed if one_seed else config.operator_seed)
    left = orthonormal(stream, config.rows, config.r)
    right = left if config.psd else orthonormal(stream, config.columns, config.r)
    F, G = directions(config, stream if one_seed else np.random.default_rng([config.seed, FACTORS]))
    return reduced(F, left), reduced(G, right)
