"""Deep linear networks: the population loss around the most degenerate solution, and a network that learns the map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.models import initialisation
from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.models.model import Samples, Trainable, half_squared_error


@dataclass(frozen=True)
class DeepLinear:
    """Mean loss over inputs N(0, I), `L = 1/2 |W^{L-1} .. W^0 - T|_F^2` of `W^l [H_{l+1}, H_l]`."""

    widths: tuple[int, ...]
    """Widths H_0 .. H_L."""
    rank: int = 0
    """Rank of T."""
    scale: float = 1.0
    """Scale of the true layers, `scale I_rank` in a corner and 0 elsewhere: the most degenerate of all that make T."""

    def __post_init__(self) -> None:
        if len(self.widths) < 3 or not 0 <= self.rank <= min(self.widths) or min(self.widths) < 1:
            raise ConfigError(
                f"widths {self.widths} with rank {self.rank}: two layers or more, widths of at least 1, "
                "and a rank of 0 to the smallest width are needed"
            )

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """Shapes of the layers, `(H_{l+1}, H_l)`."""
        return list(zip(self.widths[1:], self.widths[:-1], strict=True))

    @property
    def P(self) -> int:
        """Number of parameters, `sum H_{l+1} H_l`."""
        return sum(rows * columns for rows, columns in self.shapes)

    @property
    def layers(self) -> list[Tensor]:
        """True layers `W*^l [H_{l+1}, H_l]`."""
        corner = [torch.zeros(shape, dtype=torch.float64) for shape in self.shapes]
        for W in corner:
            W.diagonal()[: self.rank] = self.scale
        return corner

    @property
    def star(self) -> Tensor:
        """True parameters, `[P]`."""
        return torch.cat([W.flatten() for W in self.layers])

    @property
    def target(self) -> Tensor:
        """True map T, `[H_L, H_0]`."""
        return product_of_layers(self.layers)

    def split(self, theta: Tensor) -> list[Tensor]:
        """Layers `[*, H_{l+1}, H_l]` of `theta [*, P]`."""
        parts = theta.split([rows * columns for rows, columns in self.shapes], -1)
        return [part.unflatten(-1, shape) for part, shape in zip(parts, self.shapes, strict=True)]

    def __call__(self, theta: Tensor) -> Tensor:
        """Losses `[*]` of theta `[*, P]`."""
        return (product_of_layers(self.split(theta)) - self.target).square().sum((-2, -1)) / 2


def product_of_layers(layers: list[Tensor]) -> Tensor:
    """Product `W^{L-1} .. W^0`, `[*, H_L, H_0]`, of layers `[*, H_{l+1}, H_l]`."""
    whole = layers[0]
    for W in layers[1:]:
        whole = W @ whole
    return whole


def deep_linear_subject(
    seeds: Sequence[int], sizes: tuple[int, ...], rank: int, n: int = 1000, scale: float = 1.0
) -> Trainable:
    """Network `f = W_{L-1} .. W_0 x` that learns `y = T x` from samples `x ~ N(0, I)` without noise.

    T = scale^L on the first `rank` places of the diagonal, else 0. Half squared error, weights from N(0, 1/fan_in).
    Raises `ConfigError` where a layer is narrower than the rank.
    """
    if min(sizes) < rank:
        raise ConfigError(f"rank={rank} does not pass a layer of width {min(sizes)}")
    net = Mlp(sizes, "linear", bias=False)
    T = torch.zeros(sizes[-1], sizes[0], dtype=torch.float64)
    T.diagonal()[:rank] = scale ** (len(sizes) - 1)

    def draw(source: torch.Generator) -> Tensor:
        return net.join([torch.randn(shape, generator=source) / shape[1] ** 0.5 for shape in net.shapes])

    def samples(kind: int) -> Samples:
        X = initialisation.draw_members(seeds, lambda source: torch.randn(n, sizes[0], generator=source), kind)
        return Samples(X, X @ T.mT)

    return Trainable(
        net,
        samples(initialisation.SAMPLES),
        samples(initialisation.TEST),
        half_squared_error,
        initialisation.draw_members(seeds, draw),
        tuple(seeds),
    )
