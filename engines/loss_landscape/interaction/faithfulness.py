"""How well what is left of a network does its work, and how little may be left for that."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.interaction import ablation, edges
from engines.loss_landscape.interaction.basis import Basis
from engines.loss_landscape.interaction.homogeneous import Folded

Score = Callable[[Tensor], Tensor]
"""`[...]` of outputs `[..., n, k]`; more is better."""


def accuracy(y: Tensor) -> Score:
    """Share of samples whose largest output is their label's, `y [n]`."""
    return lambda outputs: (outputs.argmax(-1) == y).double().mean(-1)


def explained(star: Tensor) -> Score:
    """`1 - mean ‖f - f*‖²/mean ‖f* - mean f*‖²` of the whole network's outputs `f* [n, k]`.

    Raises `ConfigError` where these do not vary.
    """
    variance = (star - star.mean(-2, keepdim=True)).square().sum()
    if not variance > 0:
        raise ConfigError("the outputs are the same for all samples: there is nothing to keep by ablation")
    return lambda outputs: 1 - (outputs - star).square().sum((-2, -1)) / variance


class Needs(NamedTuple):
    """A network in one basis, and how it is judged."""

    folded: Folded
    bases: list[Basis]
    score: Score
    floor: Tensor
    """The least score that will do, `[]`."""

    def features(self, layer: int) -> int:
        """The fewest features of a node layer, the constant not counted, that keep the score."""
        basis = self.bases[layer]
        kept = ablation.fewest(
            lambda keep: self.score(ablation.without_features(self.folded, self.bases, layer, keep)),
            basis.rank - int(basis.centred),
            self.floor,
        )
        return int(kept)

    def edges(self, section: int, E: Tensor) -> int:
        """The fewest edges `E [r', r]` of a section that keep it."""
        most = ablation.edges(E, self.bases[section].centred)
        return int(ablation.fewest(lambda keep: self.with_edges(section, E, keep), most, self.floor))

    def with_edges(self, section: int, E: Tensor, keep: Tensor) -> Tensor:
        """The score that `keep []` edges have, `[]`."""
        return self.score(ablation.without_edges(self.folded, self.bases, section, E, keep))

    def curve(self, section: int, E: Tensor, points: int = 16) -> tuple[Tensor, Tensor]:
        """Numbers of edges, evenly on a logarithmic scale from 1 to all, and the scores they have; `[K]` each."""
        most = max(1, int(ablation.edges(E, self.bases[section].centred)))
        keep = torch.logspace(0, torch.tensor(most).log10().item(), points).round().long().unique()
        return keep, torch.stack([self.with_edges(section, E, one) for one in keep])

    def strengths(self) -> list[Tensor]:
        """Edges `[r', r]` of every section."""
        return [edges.squared(self.folded, self.bases, section) for section in range(len(self.folded.weights))]
