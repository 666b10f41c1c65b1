"""The trace of a matrix from products with random vectors."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.hessian.products import Product
from engines.loss_landscape.hessian.spectral_density import standard_error


class Trace(NamedTuple):
    """An estimate `[...]` and its standard error over the probes."""

    value: Tensor
    error: Tensor


def hutchinson(product: Product, probes: Tensor) -> Trace:
    """`mean_j z_j . H z_j` over `probes [m, ..., P]` with independent entries of mean 0, variance 1.

    With signs the variance of one term is `2 sum_{i != j} H_ij^2`: none for a diagonal matrix. Hutchinson 1989.
    """
    each = (probes * product(probes)).sum(-1)
    return Trace(each.mean(0), standard_error(each))


def hutch_plus_plus(product: Product, sketch: Tensor, probes: Tensor) -> Trace:
    """`tr Q^T H Q + mean_j g_j . H g_j` with `Q = orth(H S)` and `g = (I - Q Q^T) z`.

    The trace on the range of a sketch `S [s, ..., P]` is exact, so that only what is orthogonal to it has a variance;
    exact for matrices of rank <= s. Meyer, Musco, Musco, Woodruff 2021. Raises `ConfigError` if s > P.
    """
    if len(sketch) > sketch.shape[-1]:
        raise ConfigError(f"the sketch has {len(sketch)} vectors; it may have at most P = {sketch.shape[-1]}")
    Q = torch.linalg.qr(product(sketch).movedim(0, -1))[0]
    inside = (Q.movedim(-1, 0) * product(Q.movedim(-1, 0))).sum((0, -1))
    outside = probes - ((probes[..., None, :] @ Q) @ Q.mT)[..., 0, :]
    rest = hutchinson(product, outside)
    return Trace(inside + rest.value, rest.error)
