"""Losses whose learning coefficient is known, each a function `loss(theta: [..., P]) -> [...]` that is least, 0, at 0.

Except for `Regression` and `DeepLinear`, which say where they are least.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from engines.core.protocol.errors import ConfigError

Loss = Callable[[Tensor], Tensor]


def quadratic(h: Tensor) -> Loss:
    """`1/2 sum_i h_i theta_i^2`, `h [P]`: regular, lambda = P/2 where all h_i are positive."""
    return lambda theta: (h * theta.square()).sum(-1) / 2


def normal_crossing(k: tuple[int, ...]) -> Loss:
    """`prod_i theta_i^(2 k_i)`, P = len(k), of coefficient `exact.normal_crossing`.

    Raises `ConfigError` unless all k_i are at least 0.
    """
    if min(k, default=-1) < 0:
        raise ConfigError(f"the exponents k of a normal crossing are {k}; they must be integers of at least 0")

    def loss(theta: Tensor) -> Tensor:
        value = torch.ones_like(theta[..., 0])
        for w, power in zip(theta.unbind(-1), k, strict=True):
            value = value * w ** (2 * power)
        return value

    return loss


def crossing_planes(first: int) -> Loss:
    """`|u|^2 |v|^2` with u the `first` parameters and v the others: two flat planes that interact, min(n1, n2)/2."""

    def loss(theta: Tensor) -> Tensor:
        return theta[..., :first].square().sum(-1) * theta[..., first:].square().sum(-1)

    return loss


@dataclass(frozen=True)
class Regression:
    """`L = 1/(2n) sum (y - x . theta)^2`, `X [n, d]`, `y [n]`: regular, lambda = d/2."""

    X: Tensor
    y: Tensor

    def __call__(self, theta: Tensor) -> Tensor:
        """On all data; theta `[..., d]`."""
        return (self.y - theta @ self.X.mT).square().mean(-1) / 2

    def on(self, theta: Tensor, rows: Tensor) -> Tensor:
        """On minibatches `rows [C, B]` of indices, one for each chain of theta `[C, d]`."""
        residuals = self.y[rows] - (self.X[rows] @ theta[..., None])[..., 0]
        return residuals.square().mean(-1) / 2

    @property
    def star(self) -> Tensor:
        """Least squares, `[d]`."""
        return torch.linalg.lstsq(self.X, self.y[:, None]).solution[:, 0]

    @property
    def spectrum(self) -> tuple[Tensor, Tensor]:
        """Eigenvalues h of the Hessian and variances s of the gradients of single samples at `star` along its modes.

        `s_i = mean (residual x . v_i)^2`, both `[d]`: s = h noise^2 on average if the model is well specified.
        """
        h, V = torch.linalg.eigh(self.X.mT @ self.X / len(self.X))
        residuals = self.y - self.X @ self.star
        return h, ((self.X @ V) * residuals[:, None]).square().mean(0)


@dataclass(frozen=True)
class DeepLinear:
    """`L = 1/2 |W^{L-1} .. W^0 - T|_F^2` of `W^l [H_{l+1}, H_l]`: the mean loss over inputs N(0, I)."""

    widths: tuple[int, ...]
    """H_0 .. H_L."""
    rank: int = 0
    """Of T."""
    scale: float = 1.0
    """The true layers are `scale I_rank` in a corner and 0 elsewhere: the most degenerate of all that make T."""

    def __post_init__(self) -> None:
        if len(self.widths) < 3 or not 0 <= self.rank <= min(self.widths) or min(self.widths) < 1:
            raise ConfigError(
                f"widths {self.widths} with rank {self.rank}: two layers or more, widths of at least 1, "
                "and a rank of 0 to the smallest width are needed"
            )

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """`(H_{l+1}, H_l)`."""
        return list(zip(self.widths[1:], self.widths[:-1], strict=True))

    @property
    def P(self) -> int:
        """`sum H_{l+1} H_l`."""
        return sum(rows * columns for rows, columns in self.shapes)

    @property
    def layers(self) -> list[Tensor]:
        """The true `W*^l`."""
        corner = [torch.zeros(shape, dtype=torch.float64) for shape in self.shapes]
        for W in corner:
            W.diagonal()[: self.rank] = self.scale
        return corner

    @property
    def star(self) -> Tensor:
        """The true parameters, `[P]`."""
        return torch.cat([W.flatten() for W in self.layers])

    @property
    def target(self) -> Tensor:
        """T, `[H_L, H_0]`."""
        return product(self.layers)

    def split(self, theta: Tensor) -> list[Tensor]:
        """Layers `[..., H_{l+1}, H_l]` of `theta [..., P]`."""
        parts = theta.split([rows * columns for rows, columns in self.shapes], -1)
        return [part.unflatten(-1, shape) for part, shape in zip(parts, self.shapes, strict=True)]

    def __call__(self, theta: Tensor) -> Tensor:
        """Losses `[...]` of theta `[..., P]`."""
        return (product(self.split(theta)) - self.target).square().sum((-2, -1)) / 2


def product(layers: list[Tensor]) -> Tensor:
    """`W^{L-1} .. W^0`."""
    whole = layers[0]
    for W in layers[1:]:
        whole = W @ whole
    return whole
