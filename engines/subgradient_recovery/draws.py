"""Random numbers of a member: truth, measurements, noise and start, in one fixed order.

The stream of seed s is numpy's `default_rng(s)`: V, M, the places of the outliers, their values, the dense noise.
With `operator_seed >= 0` truth and measurements come from that seed's stream, and the noise from one of its own,
so that members with different seeds share the measurements. A random start always has a stream of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import sqrt
from typing import Any

import numpy as np

from engines.core.numerics.noise import orthonormal
from engines.subgradient_recovery.config import SubgradientRecovery

NOISE, START = 1, 2
"""Purposes of streams that are not the reference one."""

MOST = 2**23
"""Numbers in M up to which a draw is repeated for the sake of a line: about .1 s."""


@dataclass(frozen=True)
class Draw:
    """Truth and measurements that were drawn, with the state of the stream after it."""

    V: np.ndarray
    """Eigenvectors of the truth, `[d, r]`."""
    M: np.ndarray
    """svec of the symmetric parts of the A_i, `[m, d(d+1)/2]`: exactly iid N(0, 1) for iid N(0, 1) A_i."""
    after: Any


def operator_key(config: SubgradientRecovery) -> int:
    """Key of a member's operator: members with equal keys share truth and measurements."""
    return config.seed if config.operator_seed < 0 else config.operator_seed


DATA = ("seed", "operator_seed", "kappa", "outlier_fraction", "outlier_kind", "outlier_scale", "noise")
"""Knobs that the data depends on, beside its size."""


def data_key(config: SubgradientRecovery) -> tuple[Any, ...]:
    """Key of a member's data: members with equal keys share it."""
    return tuple(getattr(config, name) for name in DATA)


def draw(config: SubgradientRecovery) -> Draw:
    """Draw truth and measurements."""
    stream = np.random.default_rng(operator_key(config))
    V = orthonormal(stream, config.d, config.r)
    M = stream.standard_normal((config.m, config.d * (config.d + 1) // 2))
    return Draw(V, M, stream.bit_generator.state)


def truth(config: SubgradientRecovery, drawn: Draw) -> np.ndarray:
    """`X* = V diag(sigma) Vᵀ`, `[d, d]`."""
    return (drawn.V * config.sigma) @ drawn.V.T


def clean(config: SubgradientRecovery, drawn: Draw) -> np.ndarray:
    """`<A_i, X*>`, `[m]`."""
    i, j = np.triu_indices(config.d)
    return drawn.M @ (truth(config, drawn)[i, j] * np.where(i == j, 1.0, sqrt(2)))


def weighted(drawn: Draw, z: np.ndarray) -> np.ndarray:
    """`(1/m) sum_i z_i sym(A_i)`, `[d, d]`."""
    d = len(drawn.V)
    i, j = np.triu_indices(d)
    Q = np.zeros((d, d))
    Q[i, j] = Q[j, i] = z @ drawn.M / len(z) * np.where(i == j, 1.0, 1 / sqrt(2))
    return Q


def noise(config: SubgradientRecovery, drawn: Draw) -> tuple[np.ndarray, np.ndarray]:
    """S `[m]`, exactly round(p m) outliers and dense noise on every measurement; and which are outliers `[m]`."""
    stream = np.random.default_rng([config.seed, NOISE])
    if config.operator_seed < 0:
        stream.bit_generator.state = drawn.after
    places = np.sort(stream.permutation(config.m)[: config.outliers])
    s, corrupted = np.zeros(config.m), np.zeros(config.m)
    s[places], corrupted[places] = _outliers(config, drawn, stream, places), 1.0
    return s + config.noise * stream.standard_normal(config.m), corrupted


def _outliers(config: SubgradientRecovery, drawn: Draw, stream: np.random.Generator, places: np.ndarray) -> np.ndarray:
    count, scale = len(places), config.outlier_scale
    match config.outlier_kind:
        case "gaussian":
            return scale * stream.standard_normal(count)
        case "cauchy":
            return scale * stream.standard_cauchy(count)
        case "uniform":
            return scale * stream.uniform(-1, 1, count)
        case "sign_flip":
            return -2 * clean(config, drawn)[places]
    return np.full(count, scale)


def gaussian(config: SubgradientRecovery) -> np.ndarray:
    """First k columns `[d, k]` of one d x d standard normal matrix, so that starts of different widths agree."""
    stream = np.random.default_rng([config.seed, START])
    return stream.standard_normal((config.d, config.d))[:, : config.k]


def spectrum(config: SubgradientRecovery) -> tuple[np.ndarray, np.ndarray] | None:
    """Eigenvalues `[d]`, descending, and eigenvectors `[d, d]` of `Q0 = (1/m) sum sign(y_i) sym(A_i)` of this draw.

    In numpy alone, so that it is a second opinion on what the engine computes; None where the draw is large.
    """
    if config.m * config.d * (config.d + 1) // 2 > MOST:
        return None
    names = ("d", "r", "m", *DATA)
    return _spectrum(type(config)(k=config.r, **{name: getattr(config, name) for name in names}))


def overlap_with_truth(config: SubgradientRecovery) -> np.ndarray | None:
    """`Vᵀ W` `[r, d]`: the parts of those eigenvectors W in the true column space; None where the draw is large."""
    drawn = spectrum(config)
    if drawn is None:
        return None
    return orthonormal(np.random.default_rng(operator_key(config)), config.d, config.r).T @ drawn[1]


@lru_cache(maxsize=1024)
def _spectrum(config: SubgradientRecovery) -> tuple[np.ndarray, np.ndarray]:
    drawn = draw(config)
    signs = np.sign(clean(config, drawn) + noise(config, drawn)[0])
    values, vectors = np.linalg.eigh(weighted(drawn, signs))
    return values[::-1], vectors[:, ::-1]


def nbytes(config: SubgradientRecovery) -> int:
    """Memory of one set of measurements at its largest, which is while it is drawn."""
    entries = config.m * config.d * (config.d + 1) // 2
    return 8 * entries + (4 if config.precision == "fp32" else 8) * entries
