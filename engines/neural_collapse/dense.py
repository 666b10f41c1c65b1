"""The first-order response of a layer as a matrix, with every sample: small problems alone."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from engines.core.protocol.errors import ConfigError
from engines.neural_collapse import draws
from engines.neural_collapse.config import NeuralCollapse

LARGEST = 2000
"""d N up to which the matrix is made."""


def response(H: np.ndarray, classes: int, lambda_w: float, lambda_h: float, beta: float) -> np.ndarray:
    """`F = beta (HH - HW WW⁻¹ HWᵀ)⁻¹`, `[d, N, d, N]`: dH = F dH0 to first order at the minimiser H `[d, N]`.

    Blocks of the Hessian of f, with E = WH - Y and the classes one after another:
    `HH = (WᵀW + (lambda_H + beta) I_d) kron I_N`, `WW = I_K kron (H Hᵀ + n lambda_W I_d)`,
    `HW: dW -> dWᵀ E + Wᵀ dW H`. Theorem 4.1; exact for every beta.
    """
    d, N = H.shape
    n = N // classes
    Y = np.repeat(np.eye(classes), n, axis=1)
    A = H @ H.T + n * lambda_w * np.eye(d)
    W = np.linalg.solve(A, H @ Y.T).T
    E = W @ H - Y
    HW = np.einsum("ij,ks->iskj", np.eye(d), E) + np.einsum("ki,js->iskj", W, H)
    schur = np.einsum("ij,st->isjt", W.T @ W + (lambda_h + beta) * np.eye(d), np.eye(N)).reshape(d * N, d * N)
    solved = np.linalg.solve(A, HW.reshape(-1, d).T).T.reshape(d * N, classes * d)
    schur = schur - solved @ HW.reshape(d * N, classes * d).T
    return beta * np.linalg.inv(schur).reshape(d, N, d, N)


@lru_cache(maxsize=64)
def blocks(config: NeuralCollapse) -> tuple[np.ndarray, np.ndarray]:
    """Singular values of F_11 and of F_12 at the frame of a configuration, descending.

    Raises `ConfigError` where the frame is not that of the theorem, or the matrix would be too large.
    """
    size = config.features * config.classes * config.per_class
    if size > LARGEST:
        raise ConfigError(f"the response has {size} rows; shown are at most {LARGEST}: lower per_class")
    if not config.framed or config.scale or config.bias:
        raise ConfigError("the staircase is that of near_collapse or collapsed starts, without scale and bias")
    frame = draws.draw(config.replace(init="collapsed")).M
    H = np.repeat(frame, config.per_class, axis=1)
    F = response(H, config.classes, config.lambda_w, config.lambda_h, config.beta)
    n, d = config.per_class, config.features
    own, other = F[:, :n, :, :n], F[:, :n, :, n : 2 * n]
    return tuple(np.linalg.svd(block.reshape(d * n, d * n), compute_uv=False) for block in (own, other))  # type: ignore[return-value]
