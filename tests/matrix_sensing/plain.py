"""The problem once more in plain numpy, one member at a time, every measurement matrix in full: the oracle."""

from __future__ import annotations

import numpy as np
import torch

from engines.matrix_sensing.config import MatrixSensing


def measurements(config: MatrixSensing) -> tuple[np.ndarray, ...]:
    """U*, V*, A `[m, n1, n2]`, F0, G0 in the documented order of one stream (Gaussian or no measurements)."""
    stream = np.random.default_rng(config.seed)
    left = np.linalg.qr(stream.standard_normal((config.rows, config.r)))[0]
    right = left if config.psd else np.linalg.qr(stream.standard_normal((config.columns, config.r)))[0]
    A = np.zeros((0, config.rows, config.columns))
    if config.operator.startswith("gaussian"):
        A = stream.standard_normal((config.m, config.rows, config.columns))
    F = config.alpha * stream.standard_normal((config.rows, config.k)) / np.sqrt(config.rows)
    if config.symmetric:
        return left, right, A, F, F
    scale = config.alpha * config.init_ratio / np.sqrt(config.columns)
    return left, right, A, F, scale * stream.standard_normal((config.columns, config.k))


def truth(config: MatrixSensing) -> np.ndarray:
    """M."""
    left, right = measurements(config)[:2]
    return left @ np.diag(config.sigma) @ right.T


def descend(config: MatrixSensing, steps: int) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """Plain gradient descent: factors at the end, and the error before each step and at the end."""
    left, right, A, F, G = measurements(config)
    M = left @ np.diag(config.sigma) @ right.T
    errors = [float(np.linalg.norm(F @ G.T - M))]
    for _ in range(steps):
        R = normal(A, F @ G.T - M)
        R = (R + R.T) / 2 if config.symmetric else R
        F, G = F - config.eta * R @ G, G - config.eta * R.T @ F
        errors.append(float(np.linalg.norm(F @ G.T - M)))
    return F, G, errors


def normal(A: np.ndarray, E: np.ndarray) -> np.ndarray:
    """`A*A(E) = (1/m) sum_i <A_i, E> A_i`, a loop over measurements; E itself without any."""
    if not len(A):
        return E
    return sum(np.sum(a * E) * a for a in A) / len(A)


def tensors(*values: np.ndarray) -> list[torch.Tensor]:
    """Arrays as batches of one."""
    return [torch.from_numpy(np.ascontiguousarray(value))[None] for value in values]
