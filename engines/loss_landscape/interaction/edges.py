"""How strongly a feature acts on a feature of the next layer. Batched over members.

A section in features is `Fh(fh) = relu(fh C+ Wᵀ) C'`. It is positively 1-homogeneous, so its gradient along the ray to
fh is constant and the path integral of an attribution is its value at the end:

    attribution_ij(x) = fh_j dFh_i/dfh_j,   sum_j attribution_ij = Fh_i


How few edges carry a section. Batched over leading axes; edges `E [..., r', r]`, none negative.

What is left of a network when features or edges are taken away, and how few of them it needs.

Counts `keep` may have an axis in front of the members': a whole curve at once, `[K, ..., n, k]` of `keep [K, ...]`.


How well what is left of a network does its work, and how little may be left for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.interaction.basis import Basis, HomogeneousNetwork

CHUNK = 256
"""Samples at once."""


def attributions(folded: HomogeneousNetwork, bases: list[Basis], section: int) -> Iterator[Tensor]:
    """`[..., chunk, r', r]`, exact; some samples at a time."""
    source, target = bases[section], bases[section + 1]
    into = (source.inverse @ folded.weights[section].mT).mT  # [..., w', r]
    fh = folded.nodes[section] @ source.C
    for f, gate in zip(fh.split(CHUNK, -2), folded.gates[section].split(CHUNK, -2), strict=True):
        yield (target.C.mT[..., None, :, :] * gate[..., None, :]) @ into[..., None, :, :] * f[..., None, :]


def squared_edges(folded: HomogeneousNetwork, bases: list[Basis], section: int) -> Tensor:
    """`E_ij = mean_x attribution_ij²`, `[..., r', r]`: from feature j to feature i."""
    n = folded.nodes[section].shape[-2]
    return torch.stack([part.square().sum(-3) for part in attributions(folded, bases, section)]).sum(0) / n


def functional_edges(folded: HomogeneousNetwork, bases: list[Basis], section: int) -> Tensor:
    """The older `E_ij = -mean_x int_0^1 fh_j d/du_j (Fh_i(fh) - Fh_i(u))² dalpha`, u = alpha fh, `[..., r', r]`.

    For 1-homogeneous sections `mean_x attribution_ij Fh_i`; negative where parts cancel.
    """
    n = folded.nodes[section].shape[-2]
    parts = attributions(folded, bases, section)
    return torch.stack([(part * part.sum(-1, keepdim=True)).sum(-3) for part in parts]).sum(0) / n


TINY = 1e-300


def edges_for_share(E: Tensor, share: float = 0.99) -> Tensor:
    """The least number of edges that sum to `share` of all, `[...]`; 0 where there are none."""
    ordered = E.flatten(-2).sort(-1, descending=True).values
    sums = ordered.cumsum(-1)
    # The last sum itself, not a sum in another order: share = 1 must not ask for more than there is.
    return (sums < share * sums[..., -1:]).sum(-1) + (sums[..., -1] > 0)


def participation(E: Tensor) -> Tensor:
    """`(sum E)²/sum E²`, `[...]`: k for k equal edges."""
    return E.sum((-2, -1)).square() / E.square().sum((-2, -1)).clamp_min(TINY)


def l1_over_l2(E: Tensor) -> Tensor:
    """`sum sqrt E/sqrt(sum E)`, `[...]`: `sqrt k` for k equal edges."""
    return torch.sqrt(E).sum((-2, -1)) / E.sum((-2, -1)).clamp_min(TINY).sqrt()


def off_diagonal(E: Tensor) -> Tensor:
    """Sum of edges off the diagonal over that on it, `[...]`: 0 where features map one to one in order."""
    own = torch.eye(*E.shape[-2:], dtype=torch.bool, device=E.device)
    off = torch.where(own, 0, E).sum((-2, -1))  # not a difference: it would lose what is below 1e-16
    return off / torch.where(own, E, 0).sum((-2, -1)).clamp_min(TINY)


CountScore = Callable[[Tensor], Tensor]
"""Of counts `[...]`, `[...]`; more is better."""


def largest_mask(importance: Tensor, keep: Tensor) -> Tensor:
    """1 at the `keep [...]` largest entries of `importance [..., m]`, 0 elsewhere; ties in their order."""
    place = importance.argsort(dim=-1, descending=True, stable=True).argsort(-1)
    return (place < keep[..., None]).to(importance.dtype)


def keep_features(folded: HomogeneousNetwork, bases: list[Basis], layer: int, keep: Tensor) -> Tensor:
    """Outputs `[..., n, k]` when node `layer` keeps its `keep [...]` features of largest mean square: `at C_K C_K+`.

    The constant of a centred basis is always kept, and not counted.
    """
    basis = bases[layer]
    importance = basis.moment.clone()
    if basis.centred:
        importance[..., 0] = torch.inf
    mask = largest_mask(importance, keep + basis.centred)
    return folded.finish(layer, folded.nodes[layer] @ (basis.C * mask[..., None, :]) @ basis.inverse)


def keep_edges(folded: HomogeneousNetwork, bases: list[Basis], section: int, E: Tensor, keep: Tensor) -> Tensor:
    """Outputs `[..., n, k]` when a section keeps its `keep [...]` strongest edges, `E [..., r', r]`.

    Every feature of the next layer is computed from the features that still have an edge to it, the others at 0. The
    constant of a centred basis always reaches the next one, and that edge is not counted.
    """
    source, target = bases[section], bases[section + 1]
    mask = largest_mask(_in_keeping_order(E, target.centred).flatten(-2), keep + target.centred).unflatten(
        -1, E.shape[-2:]
    )
    fh = folded.nodes[section] @ source.C
    into = source.inverse @ folded.weights[section].mT  # [..., r, w']
    made = folded.bend(section, (fh[..., None, :, :] * mask[..., None, :]) @ into[..., None, :, :])
    new = torch.einsum("...inh,...hi->...ni", made, target.C)
    return folded.finish(section + 1, new @ target.inverse)


def edge_count(E: Tensor, centred: bool) -> Tensor:
    """How many a section has, those to the constant of the next layer not counted, `[...]`."""
    return (_in_keeping_order(E, centred).flatten(-2) > 0).sum(-1) - int(centred)


def _in_keeping_order(E: Tensor, centred: bool) -> Tensor:
    """E in the order in which edges are kept: the constant's own first, others to the constant last."""
    E = E.clone()
    if centred:
        E[..., 0, :] = -1
        E[..., 0, 0] = torch.inf
    return E


def fewest_sufficient(score: CountScore, most: Tensor, floor: Tensor) -> Tensor:
    """The least count in 0 .. `most [...]` whose score is at least `floor [...]`, by bisection, all members at once.

    `score` takes counts `[...]` and is at least the floor at `most`. Where it is not monotone, a count that reaches
    the floor while the one below does not.
    """
    below, enough = torch.full_like(most, -1), most
    while bool((enough - below > 1).any()):
        middle = ((below + enough) // 2).clamp_min(0)
        passed = score(middle) >= floor
        enough, below = torch.where(passed, middle, enough), torch.where(passed, below, middle)
    return enough


Score = Callable[[Tensor], Tensor]
"""`[...]` of outputs `[..., n, k]`; more is better."""


def accuracy(y: Tensor) -> Score:
    """Share of samples whose largest output is their label's, `y [n]`."""
    return lambda outputs: (outputs.argmax(-1) == y).double().mean(-1)


def explained_variance(star: Tensor) -> Score:
    """`1 - mean ‖f - f*‖²/mean ‖f* - mean f*‖²` of the whole network's outputs `f* [n, k]`.

    Raises `ConfigError` where these do not vary.
    """
    variance = (star - star.mean(-2, keepdim=True)).square().sum()
    if not variance > 0:
        raise ConfigError("the outputs are the same for all samples: there is nothing to keep by ablation")
    return lambda outputs: 1 - (outputs - star).square().sum((-2, -1)) / variance


class Faithfulness(NamedTuple):
    """A network in one basis, and how it is judged."""

    folded: HomogeneousNetwork
    bases: list[Basis]
    score: Score
    floor: Tensor
    """The least score that will do, `[]`."""

    def features(self, layer: int) -> int:
        """The fewest features of a node layer, the constant not counted, that keep the score."""
        basis = self.bases[layer]
        kept = fewest_sufficient(
            lambda keep: self.score(keep_features(self.folded, self.bases, layer, keep)),
            basis.rank - int(basis.centred),
            self.floor,
        )
        return int(kept)

    def edges(self, section: int, E: Tensor) -> int:
        """The fewest edges `E [r', r]` of a section that keep it."""
        most = edge_count(E, self.bases[section].centred)
        return int(fewest_sufficient(lambda keep: self.with_edges(section, E, keep), most, self.floor))

    def with_edges(self, section: int, E: Tensor, keep: Tensor) -> Tensor:
        """The score that `keep []` edges have, `[]`."""
        return self.score(keep_edges(self.folded, self.bases, section, E, keep))

    def curve(self, section: int, E: Tensor, points: int = 16) -> tuple[Tensor, Tensor]:
        """Numbers of edges, evenly on a logarithmic scale from 1 to all, and the scores they have; `[K]` each."""
        most = max(1, int(edge_count(E, self.bases[section].centred)))
        keep = torch.logspace(0, torch.tensor(most).log10().item(), points).round().long().unique()
        return keep, torch.stack([self.with_edges(section, E, one) for one in keep])

    def strengths(self) -> list[Tensor]:
        """Edges `[r', r]` of every section."""
        return [squared_edges(self.folded, self.bases, section) for section in range(len(self.folded.weights))]
