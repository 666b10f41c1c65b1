"""Random numbers of a member: truth, operator and starting point, in one fixed order.

The stream of seed s is numpy's `default_rng(s)`: U*, V* (only where the truth is not psd), the operator, then
F and G. With `operator_seed = -1` a member takes all of it from its own seed; otherwise truth and operator come
from the operator seed, and F and G from a stream of their own. All draws are made on the CPU.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engines.core.compute.device import widest_real
from engines.core.numerics.noise import orthonormal
from engines.core.numerics.svec import UpperTriangle
from engines.matrix_sensing.config import MatrixSensing
from engines.matrix_sensing.operators import Completion, GaussianOperator, Identity, Operator, RankOne

FACTORS, NOISE = 1, 2
"""Purposes of streams that are not the reference one."""

IDENTITY = Identity()
"""The identity operator, one object: members with different truths still share it."""


@dataclass(frozen=True)
class Draw:
    """Truth and operator that were drawn, with the state of the stream after it."""

    left: np.ndarray
    """U*, `[n1, r]`, orthonormal columns."""
    right: np.ndarray
    """V*, `[n2, r]`."""
    operator: Operator
    after: Any


def key(config: MatrixSensing) -> tuple[int, bool]:
    """Key of a member's draw: members of one batch with equal keys share it."""
    return (config.seed if config.operator_seed < 0 else config.operator_seed, config.psd)


def draw(config: MatrixSensing, device: torch.device, symmetric: bool) -> Draw:
    """Draw truth and operator; `symmetric` says that only the symmetric part of R is ever needed."""
    seed, psd = key(config)
    stream = np.random.default_rng(seed)
    left = orthonormal(stream, config.rows, config.r)
    right = left if psd else orthonormal(stream, config.columns, config.r)
    # Noise has a stream of its own: switching it on leaves the rest of the draw as it was.
    noise = np.random.default_rng([seed, NOISE])
    operator = _operator(config, stream, noise, device, symmetric)
    return Draw(left, right, operator, stream.bit_generator.state)


def _operator(
    config: MatrixSensing,
    stream: np.random.Generator,
    noise: np.random.Generator,
    device: torch.device,
    symmetric: bool,
) -> Operator:
    def tensor(values: np.ndarray) -> Tensor:
        return torch.as_tensor(values, dtype=widest_real(device), device=device)

    n1, n2, m = config.rows, config.columns, config.m
    if config.operator == "identity":
        return IDENTITY
    if config.operator == "rank_one":
        a, b = (tensor(stream.standard_normal((m, n))) for n in (n1, n2))
        return RankOne(a=a, b=b, noise=tensor(noise.standard_normal(m)))
    e = tensor(noise.standard_normal(m))
    floor = float(e.square().sum() / (2 * m))
    if config.operator == "completion":
        return _completion(config, tensor, stream.permutation(n1 * n2)[:m], e, floor)
    rows = tensor(stream.standard_normal((m, n1 * n2)))
    triangle = UpperTriangle(n1, rows, symmetric) if symmetric or config.operator == "gaussian_symmetric" else None
    rows = triangle.svec(rows.view(m, n1, n1)) if triangle else rows
    weights = triangle.weights if triangle else torch.ones_like(rows[0])
    bias = (e @ rows / weights)[None] / m
    bias = triangle.mirrored(bias)[0] if triangle else bias.view(n1, n2)
    down, up = _products(rows, weights, config)
    return GaussianOperator(
        down=down, up=up, triangle=triangle, coarse=config.precision == "bf16", bias=bias, floor=floor
    )


def _completion(config: MatrixSensing, tensor: Any, places: np.ndarray, e: Tensor, floor: float) -> Completion:
    """Make the operator of observed entries: `A_i = sqrt(n1 n2)` times a unit matrix, so that `A*A` has mean one."""
    size = config.rows * config.columns
    weights, bias = np.zeros(size), np.zeros(size)
    weights[places] = size / config.m
    bias[places] = e.cpu().numpy() * sqrt(size) / config.m
    shape = (config.rows, config.columns)
    return Completion(weights=tensor(weights.reshape(shape)), bias=tensor(bias.reshape(shape)), floor=floor)


def _products(rows: Tensor, weights: Tensor, config: MatrixSensing) -> tuple[Tensor, Tensor | None]:
    """The Gram matrix where one product with it is no dearer than two with A, else both; in the chosen precision.

    bfloat16 halves what a GPU reads. A processor has no such product: there the rounded numbers are float32.
    """
    m, size = rows.shape
    if config.precision == "bf16":
        rows = rows.bfloat16().to(rows.dtype)
    down, up = weights[:, None] * rows.mT / sqrt(m), rows / weights / sqrt(m)
    one = [down @ up] if 2 * m >= size else [down, up]
    narrow = torch.bfloat16 if rows.is_cuda and config.precision == "bf16" else torch.float32
    first, *others = one if config.precision == "fp64" else [value.to(narrow) for value in one]
    return first.contiguous(), others[0] if others else None


def factors(config: MatrixSensing, drawn: Draw) -> tuple[np.ndarray, np.ndarray]:
    """Draw F0 `[n1, k]` and G0 `[n2, k]` of every start but the spectral one."""
    stream = np.random.default_rng([config.seed, FACTORS])
    if config.operator_seed < 0:
        stream = np.random.default_rng()
        stream.bit_generator.state = drawn.after
    return scaled(config, *directions(config, stream))


def scaled(config: MatrixSensing, F: np.ndarray, G: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scale the directions F `[n1, k]` and G `[n2, k]` to F0 and G0."""
    if config.symmetric:
        return config.alpha * F, config.alpha * F
    if config.init == "unbalanced":
        return F, 0 * G
    return config.alpha * F, config.alpha * config.init_ratio * G


def directions(config: MatrixSensing, stream: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw F0 `[n1, k]` and G0 `[n2, k]` at scale one: the only part of the start that is random."""
    if config.init in ("orthonormal", "unbalanced"):
        return orthonormal(stream, config.rows, config.k), orthonormal(stream, config.columns, config.k)
    F = stream.standard_normal((config.rows, config.k))
    # The symmetric model and a copy draw no G.
    G = F if config.symmetric or config.init == "copy" else stream.standard_normal((config.columns, config.k))
    return (F, G) if config.init_variance == "1" else (F / sqrt(len(F)), G / sqrt(len(G)))


def reduced(factor: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Reduce a factor `[n, k]` to rows that stand exactly for it under the identity operator: `[U; R_J] [r + k, k]`.

    `U = basisᵀ F` and `J = F - basis U = Q_J R_J`: the update multiplies J from the right only, so that Q_J
    never changes, and every norm and spectrum is that of the full problem.
    """
    signal = basis.T @ factor
    return np.concatenate([signal, np.linalg.qr(factor - basis @ signal, mode="r")])


def nbytes(config: MatrixSensing) -> tuple[int, int]:
    """Estimate the bytes of one operator: what is kept of it, and what there is at most while it is drawn."""
    entries, m = config.rows * config.columns, config.m
    if config.operator == "identity":
        return 0, 8 * 3 * (config.rows + config.columns) * (config.k + config.r)
    if config.operator == "rank_one":
        return 8 * m * (config.rows + config.columns), 8 * 2 * m * (config.rows + config.columns)
    if config.operator == "completion":
        return 8 * 2 * entries, 8 * 5 * entries
    # Of A there are four copies at once: as drawn, weighted, and both divided by the root of m.
    gram = entries**2 if 2 * m >= entries else 0
    kept, narrow = gram or 2 * m * entries, config.precision != "fp64"
    return (4 if narrow else 8) * kept, 8 * (4 * m * entries + gram) + narrow * 4 * kept


def member_bytes(config: MatrixSensing, columns: int, mixed: bool) -> int:
    """Estimate the bytes of one member that is padded to so many columns: start, state, and what a step makes of them.

    `mixed` says that the batch has several methods, whose members are copied out of it and back.
    """
    reduced_rows = config.r + columns
    rows, other = (min(reduced_rows, n) if config.operator == "identity" else n for n in (config.rows, config.columns))
    factors = (rows + other) * columns
    # F, G and P at the last settling, now and after the step; F0 and G0; both gradients; five copies where mixed.
    state = (3 * 2 + 1 + 1 + 5 * mixed) * factors
    truth = (2 * rows + other) * config.r + (rows + other) * (columns + config.r)
    measurements = config.m * (columns + config.r) if config.operator == "rank_one" else rows * other
    # A residual, what is left out of it, and their products; where entries are observed more of them, as measured.
    return 8 * (state + truth + (12 if config.operator == "completion" else 3) * measurements)
