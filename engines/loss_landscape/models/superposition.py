"""The toy model of superposition: more features than dimensions, one of them active at a time.

Elhage et al. 2022; its phases by their learning coefficients: Chen et al. 2023, arXiv 2310.06301.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.models import initialisation
from engines.loss_landscape.models.model import Layout, Samples, Trainable, squared_error


@dataclass(frozen=True)
class Superposition:
    """Autoencoder `f = relu(Wᵀ W x + b)`, W `[m, d]`: d features kept in m dimensions.

    Singular where features are dead.
    """

    d: int
    m: int

    def __post_init__(self) -> None:
        if not 1 <= self.m <= self.d:
            raise ConfigError(f"features are kept in {self.m} dimensions; it may be 1 to the {self.d} features")

    @property
    def layout(self) -> Layout:
        """Order of the parameters: W, b."""
        return Layout(((self.m, self.d), (self.d,)))

    @property
    def P(self) -> int:
        """Number of parameters, `m d + d`."""
        return self.layout.P

    def __call__(self, theta: Tensor, X: Tensor) -> Tensor:
        """Reconstructions `[*, n, d]` of theta `[*, P]`, X `[*, n, d]`."""
        W, b = self.layout.split(theta)
        return torch.relu(X @ W.mT @ W + b[..., None, :])


def superposition_subject(seeds: Sequence[int], d: int = 6, m: int = 2, n: int = 1000) -> Trainable:
    """Trainable network that reconstructs `u e_i`, i uniform, `u ~ U(0, 1)`; squared error; n samples a member.

    W from .1 N(0, 1), b from 0. For d = 6, m = 2 a good solution puts five features on a pentagon and gives up the
    sixth.
    """
    model = Superposition(d, m)

    def draw(source: torch.Generator) -> Tensor:
        return model.layout.join([torch.randn(m, d, generator=source) / 10, torch.zeros(d)])

    def sparse(source: torch.Generator) -> Tensor:
        return one_hot(torch.randint(d, (n,), generator=source), d) * torch.rand(n, 1, generator=source)

    train, test = (
        initialisation.draw_members(seeds, sparse, kind) for kind in (initialisation.SAMPLES, initialisation.TEST)
    )
    return Trainable(
        model,
        Samples(train, train),
        Samples(test, test),
        squared_error,
        initialisation.draw_members(seeds, draw),
        tuple(seeds),
    )
