"""The toy model of superposition: more features than hidden dimensions, one of them active at a time."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from engines.core.errors import ConfigError


@dataclass(frozen=True)
class Superposition:
    """`L = 1/n sum_x |relu(W^T W x + bias) - x|^2`, W `[hidden, features]`; singular where features are dead.

    Elhage et al. 2022; its phases by their learning coefficients: Chen et al. 2023, arXiv 2310.06301.
    """

    X: Tensor
    """`[n, features]`."""
    hidden: int = 2

    def __post_init__(self) -> None:
        if not 1 <= self.hidden <= self.X.shape[-1]:
            raise ConfigError(f"hidden dimensions are {self.hidden}; they may be 1 to the {self.X.shape[-1]} features")

    @property
    def P(self) -> int:
        """`hidden features + features`."""
        return (self.hidden + 1) * self.X.shape[-1]

    def split(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """W `[..., hidden, features]` and bias `[..., features]` of `theta [..., P]`."""
        rows = theta.unflatten(-1, (self.hidden + 1, self.X.shape[-1]))
        return rows[..., :-1, :], rows[..., -1, :]

    def __call__(self, theta: Tensor) -> Tensor:
        """Losses `[...]` of theta `[..., P]`."""
        W, bias = self.split(theta)
        made = torch.relu(self.X @ (W.mT @ W) + bias[..., None, :])
        return (made - self.X).square().sum(-1).mean(-1)


def sparse(features: int, n: int, generator: torch.Generator) -> Tensor:
    """Data `[n, features]` with one active feature each, uniform on (0, 1); float64."""
    active = torch.randint(features, (n,), generator=generator)
    size = torch.rand(n, generator=generator, dtype=torch.float64)
    return torch.nn.functional.one_hot(active, features) * size[:, None]
