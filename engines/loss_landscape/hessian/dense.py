"""Dense Hessians, Jacobians and Gram matrices: up to about four thousand parameters."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import jacrev, vmap

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.hessian.products import Loss, Product, reverse_over_reverse

LARGEST = 8000
"""Most parameters for which a matrix is made: 0.5 GB in float64."""


def matrix(product: Product, theta: Tensor, chunk: int = 64) -> Tensor:
    """Make the symmetric matrix `[*, P, P]` of a product at `theta [*, P]` from its products with unit vectors.

    In float64, `chunk` vectors at a time. Raises `ConfigError` beyond `LARGEST` parameters.
    """
    P = require_small(theta.shape[-1])
    eye = torch.eye(P, dtype=torch.float64, device=theta.device)
    shape = (P, *(1 for _ in theta.shape[:-1]), P)
    units = eye.view(shape).expand(P, *theta.shape)
    rows = torch.cat([product(part) for part in units.split(chunk)]).movedim(0, -2)
    return (rows + rows.mT) / 2


def hessian(loss: Loss, theta: Tensor, chunk: int = 64) -> Tensor:
    """Hessian `[*, P, P]` of `loss: [*, P] -> [*]` at `theta [*, P]`; errors as `matrix`."""
    return matrix(reverse_over_reverse(loss, theta), theta, chunk)


def jacobian(f: Callable[[Tensor, Tensor], Tensor], theta: Tensor, X: Tensor) -> Tensor:
    """Jacobian `[n k, P]`, rows (x, o), of any outputs `f(theta [P], X [n, d]) -> [n, k]` that treat samples alike."""
    return vmap(jacrev(lambda at, x: f(at, x[None])[0]), in_dims=(None, 0))(theta, X).flatten(0, 1)


def require_small(P: int) -> int:
    """Return P, or raise `ConfigError` beyond `LARGEST` parameters."""
    if P > LARGEST:
        raise ConfigError(f"a dense matrix of {P} parameters was asked for; at most {LARGEST} are held: use Lanczos")
    return P
