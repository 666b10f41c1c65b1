"""Deep linear networks that learn a linear map of given rank."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.models import initialisation
from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.models.model import Samples, Subject, half_squared_error


def deep_linear(seeds: Sequence[int], sizes: tuple[int, ...], rank: int, n: int = 1000, scale: float = 1.0) -> Subject:
    """`f = W_{L-1} .. W_0 x` on `y = T x`, T = scale^L on the first `rank` places of the diagonal, else 0; no noise.

    Half squared error, `x ~ N(0, I)`, weights from N(0, 1/fan_in). Raises `ConfigError` where a layer is narrower than
    the rank.
    """
    if min(sizes) < rank:
        raise ConfigError(f"rank={rank} does not pass a layer of width {min(sizes)}")
    net = Mlp(sizes, "linear", bias=False)
    T = torch.zeros(sizes[-1], sizes[0], dtype=torch.float64)
    T.diagonal()[:rank] = scale ** (len(sizes) - 1)

    def draw(source: torch.Generator) -> Tensor:
        return net.join([torch.randn(shape, generator=source) / shape[1] ** 0.5 for shape in net.shapes])

    def samples(kind: int) -> Samples:
        X = initialisation.drawn(seeds, lambda source: torch.randn(n, sizes[0], generator=source), kind)
        return Samples(X, X @ T.mT)

    return Subject(
        net,
        samples(initialisation.SAMPLES),
        samples(initialisation.TEST),
        half_squared_error,
        initialisation.drawn(seeds, draw),
        tuple(seeds),
    )
