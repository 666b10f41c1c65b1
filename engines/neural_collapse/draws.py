"""The start of a member, drawn from its seed. The stream of seed s is numpy's `default_rng(s)`.

    H0 = class means M0 (d x K) repeated n times + deviations D0 (d x N),   columns class after class

No model needs D0: `D(t) = sqrt(n) Y(t) Qᵀ` at all times, with the factor Y (d x r) of K Sigma_W, where
`D0 = sqrt(n) Y0 Qᵀ` is a QR decomposition and r = min(d, N). So n is gone once H0 is drawn.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from engines.core.numerics.digits import pixels
from engines.core.numerics.noise import orthonormal
from engines.neural_collapse.config import NeuralCollapse

COUNTEREXAMPLE = np.array([[0.194, 0.137, 0.519, 0.346], [0.150, 0.156, -0.153, -0.264]])
"""Columns are of class 1, 1, 2, 2."""

FOLLOWED = 40
"""Samples of each class that are followed one by one, for pictures and for the accuracy."""

POINTS = 600
"""Most samples of all classes together that are followed."""


class InitialMoments(NamedTuple):
    """Moments of a member's features at step 0, and the samples of it that are followed."""

    M: np.ndarray
    """Class means, `[d, K]`."""
    Y: np.ndarray
    """Factor of the within-class covariance, `[d, r]`, `Y Yᵀ = K Sigma_W`."""
    R: np.ndarray
    """Orthonormal columns of the frame `[d, K]`; zero where there is none."""
    Q: np.ndarray
    """Coordinates of the samples that are kept, `[r, K p]`: their deviations are `sqrt(n) Y Q`."""
    G: np.ndarray
    """`Q_kᵀ Q_k` of each class, `[K, r, r]`: the mean squared deviation of class k is `Tr(Y G_k Yᵀ)`."""


def followed(config: NeuralCollapse) -> int:
    """Number of samples of each class that are followed."""
    return min(config.per_class, FOLLOWED, max(1, POINTS // config.classes))


def rank(config: NeuralCollapse) -> int:
    """Number r of columns of Y, `min(d, N)`."""
    return min(config.features, config.classes * config.per_class)


def projector(config: NeuralCollapse) -> np.ndarray:
    """Centring T of the classes: `I - 11ᵀ/K` with a bias, else I, `[K, K]`."""
    return np.eye(config.classes) - config.bias / config.classes


def draw(config: NeuralCollapse) -> InitialMoments:
    """Draw H0 of a member and reduce it to its moments."""
    H, R = features(config)
    K, n, p = config.classes, config.per_class, followed(config)
    blocks = H.reshape(len(H), K, n)
    M = blocks.mean(-1)
    D = (blocks - M[..., None]).reshape(len(H), K * n)
    Q, triangle = np.linalg.qr(D.T / np.sqrt(n))
    by_class = Q.reshape(K, n, -1)
    some = by_class[:, :p].reshape(K * p, -1).T
    return InitialMoments(M, triangle.T, R, some, by_class.transpose(0, 2, 1) @ by_class)


@lru_cache(maxsize=256)
def moments(config: NeuralCollapse) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Class means M `[d, K]`, factor Y `[d, r]` and frame R `[d, K]` of a member at step 0."""
    return draw(config)[:3]


def features(config: NeuralCollapse) -> tuple[np.ndarray, np.ndarray]:
    """Draw H0 `[d, N]` with all samples, and its frame `[d, K]` or zeros."""
    stream, d, K = np.random.default_rng(config.seed), config.features, config.classes
    if config.framed:
        R = orthonormal(stream, d, K)
        return _framed(config, R, stream), R
    return _free(config, stream), np.zeros((d, K))


def _framed(config: NeuralCollapse, R: np.ndarray, stream: np.random.Generator) -> np.ndarray:
    """H* + epsilon U with a Gaussian U of the size of H*."""
    H = np.repeat(config.length * R @ projector(config), config.per_class, axis=1)
    if config.init == "collapsed":
        return H
    U = stream.standard_normal(H.shape)
    return H + config.epsilon * np.linalg.norm(H) / np.linalg.norm(U) * U


def _free(config: NeuralCollapse, stream: np.random.Generator) -> np.ndarray:
    shape = config.features, config.classes * config.per_class
    match config.init:
        case "counterexample":
            return COUNTEREXAMPLE
        case "digits":
            X = pixels(config.per_class, config.seed)
            return X / np.sqrt((X**2).sum(0).mean())
        case "gaussian_means":
            noise = stream.standard_normal(shape)
            return noise + np.repeat(stream.standard_normal((shape[0], config.classes)), config.per_class, axis=1)
    return stream.standard_normal(shape)


def nbytes(config: NeuralCollapse) -> int:
    """Estimate the memory of one member while it is drawn, in bytes."""
    N, r = config.classes * config.per_class, rank(config)
    return 8 * (4 * config.features * N + config.classes * r**2)
