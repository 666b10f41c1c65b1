"""Eigenvectors at both ends of a spectrum, and those of the eigenvalue zero."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from engines.core.numerics import lapack
from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.hessian.lanczos import lanczos, ritz
from engines.loss_landscape.hessian.products import Product


class Pairs(NamedTuple):
    """Approximate eigenvalues and unit eigenvectors."""

    values: Tensor
    """`[..., count]`, from the end that was asked for."""
    vectors: Tensor
    """`[count, ..., P]`."""
    residuals: Tensor
    """`|H v - theta v|`, within which there is an eigenvalue for certain, `[..., count]`."""


def top(product: Product, start: Tensor, k: int, count: int) -> Pairs:
    """The `count` largest eigenvalues by k Lanczos steps from `start [..., P]`.

    Each of several equal eigenvalues is found only where the space is exhausted, see `lanczos`. Raises `ConfigError`
    unless count <= k <= P.
    """
    return _end(product, start, k, count, slice(-count, None), True)


def bottom(product: Product, start: Tensor, k: int, count: int) -> Pairs:
    """The `count` smallest eigenvalues, most negative first. Of a positive semi-definite matrix: flat directions.

    A null space appears as one vector, what of the start lies in it, once the gap above zero is resolved.
    """
    return _end(product, start, k, count, slice(0, count), False)


def _end(product: Product, start: Tensor, k: int, count: int, kept: slice, descending: bool) -> Pairs:
    if not 1 <= count <= k:
        raise ConfigError(f"eigenvectors asked for are {count}; they may be 1 to the {k} Lanczos steps")
    space = lanczos(product, start[None], k)
    values, S = ritz(space)
    values, S = values[0, ..., kept], S[0, ..., kept]
    vectors = torch.einsum("k...p,...kc->c...p", space.Q[:, 0], S)
    residuals = space.beta[0, ..., -1:] * S[..., -1, :].abs()
    if descending:
        values, vectors, residuals = values.flip(-1), vectors.flip(0), residuals.flip(-1)
    return Pairs(values, vectors, residuals)


def null(H: Tensor, tolerance: float = 1e-12) -> Tensor:
    """Orthonormal basis `[P, nullity]` of the eigenvalues of `H [P, P]` up to `tolerance` of the largest, in modulus.

    A Gram matrix in float64 cannot tell singular values apart that are below 1e-8 of the largest. Raises
    `ConfigError` for float32, whose rounding is far above the tolerance.
    """
    if H.dtype != torch.float64:
        raise ConfigError(f"null directions were asked for in {H.dtype}; they are counted in float64 only")
    values, vectors = lapack.eigh(H)
    sizes = values.abs()
    return vectors[:, sizes <= tolerance * sizes.max()]
