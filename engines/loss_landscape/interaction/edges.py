"""Edges between features of neighbouring layers: their strength, how sparse they are, and how few a network needs.

A section in features is `Fh(fh) = relu(fh C+ Wᵀ) C'`. It is positively 1-homogeneous, so its gradient along the ray to
fh is constant and the path integral of an attribution is its value at the end:

    attribution_ij(x) = fh_j dFh_i/dfh_j,   sum_j attribution_ij = Fh_i

Batched over members; edges `E [*, r_next, r]`, none negative in measures of sparsity. Counts `keep` of ablations
may have an axis in front of the members': a whole curve at once, `[K, *, n, k]` of `keep [K, *]`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.interaction.basis import Basis, HomogeneousNetwork

CHUNK = 256
"""Number of samples whose attributions are made at once."""


def attributions(network: HomogeneousNetwork, bases: list[Basis], section: int) -> Iterator[Tensor]:
    """Yield exact attributions `[*, chunk, r_next, r]` of a section, some samples at a time."""
    source, target = bases[section], bases[section + 1]
    into = (source.inverse @ network.weights[section].mT).mT  # [*, w', r]
    fh = network.nodes[section] @ source.C
    for f, gate in zip(fh.split(CHUNK, -2), network.gates[section].split(CHUNK, -2), strict=True):
        yield (target.C.mT[..., None, :, :] * gate[..., None, :]) @ into[..., None, :, :] * f[..., None, :]


def squared_edges(network: HomogeneousNetwork, bases: list[Basis], section: int) -> Tensor:
    """Edges `E_ij = mean_x attribution_ij²`, `[*, r_next, r]`: from feature j to feature i."""
    n = network.nodes[section].shape[-2]
    return torch.stack([part.square().sum(-3) for part in attributions(network, bases, section)]).sum(0) / n


TINY = 1e-300


def edges_for_share(E: Tensor, share: float = 0.99) -> Tensor:
    """Least number of edges that sum to `share` of all, `[*]`; 0 where there are none."""
    ordered = E.flatten(-2).sort(-1, descending=True).values
    sums = ordered.cumsum(-1)
    # The last sum itself, not a sum in another order: share = 1 must not ask for more than there is.
    return (sums < share * sums[..., -1:]).sum(-1) + (sums[..., -1] > 0)


def participation(E: Tensor) -> Tensor:
    """Participation ratio `(sum E)²/sum E²`, `[*]`: k for k equal edges."""
    return E.sum((-2, -1)).square() / E.square().sum((-2, -1)).clamp_min(TINY)


def off_diagonal(E: Tensor) -> Tensor:
    """Sum of edges off the diagonal over that on it, `[*]`: 0 where features map one to one in order."""
    diagonal = torch.eye(*E.shape[-2:], dtype=torch.bool, device=E.device)
    off = torch.where(diagonal, 0, E).sum((-2, -1))  # not a difference: it would lose what is below 1e-16
    return off / torch.where(diagonal, E, 0).sum((-2, -1)).clamp_min(TINY)


CountScore = Callable[[Tensor], Tensor]
"""Score `[*]` of counts `[*]`; more is better."""


def largest_mask(importance: Tensor, keep: Tensor) -> Tensor:
    """Mask with 1 at the `keep [*]` largest entries of `importance [*, m]`, 0 elsewhere; ties in their order."""
    place = importance.argsort(dim=-1, descending=True, stable=True).argsort(-1)
    return (place < keep[..., None]).to(importance.dtype)


def keep_features(network: HomogeneousNetwork, bases: list[Basis], layer: int, keep: Tensor) -> Tensor:
    """Outputs `[*, n, k]` when node `layer` keeps its `keep [*]` features of largest mean square: `at C_K C_K+`.

    The constant of a centred basis is always kept, and not counted.
    """
    basis = bases[layer]
    importance = basis.moment.clone()
    if basis.centred:
        importance[..., 0] = torch.inf
    mask = largest_mask(importance, keep + basis.centred)
    return network.outputs_from(layer, network.nodes[layer] @ (basis.C * mask[..., None, :]) @ basis.inverse)


def keep_edges(network: HomogeneousNetwork, bases: list[Basis], section: int, E: Tensor, keep: Tensor) -> Tensor:
    """Outputs `[*, n, k]` when a section keeps its `keep [*]` strongest edges, `E [*, r_next, r]`.

    Every feature of the next layer is computed from the features that still have an edge to it, the others at 0. The
    constant of a centred basis always reaches the next one, and that edge is not counted.
    """
    source, target = bases[section], bases[section + 1]
    mask = largest_mask(_in_keeping_order(E, target.centred).flatten(-2), keep + target.centred).unflatten(
        -1, E.shape[-2:]
    )
    fh = network.nodes[section] @ source.C
    into = source.inverse @ network.weights[section].mT  # [*, r, w']
    outputs = network.activate(section, (fh[..., None, :, :] * mask[..., None, :]) @ into[..., None, :, :])
    new = torch.einsum("...inh,...hi->...ni", outputs, target.C)
    return network.outputs_from(section + 1, new @ target.inverse)


def edge_count(E: Tensor, centred: bool) -> Tensor:
    """Number of edges of a section `E [*, r_next, r]`, those to the constant of the next layer not counted, `[*]`."""
    return (_in_keeping_order(E, centred).flatten(-2) > 0).sum(-1) - int(centred)


def _in_keeping_order(E: Tensor, centred: bool) -> Tensor:
    """Edges in the order in which they are kept: the constant's own first, others to the constant last."""
    E = E.clone()
    if centred:
        E[..., 0, :] = -1
        E[..., 0, 0] = torch.inf
    return E


def fewest_sufficient(score: CountScore, most: Tensor, floor: Tensor) -> Tensor:
    """Least count in 0 .. `most [*]` whose score is at least `floor [*]`, by bisection, all members at once.

    `score` takes counts `[*]` and is at least the floor at `most`. Where it is not monotone, a count that reaches the
    floor while the one below does not.
    """
    below, enough = torch.full_like(most, -1), most
    while bool((enough - below > 1).any()):
        middle = ((below + enough) // 2).clamp_min(0)
        passed = score(middle) >= floor
        enough, below = torch.where(passed, middle, enough), torch.where(passed, below, middle)
    return enough


Score = Callable[[Tensor], Tensor]
"""Score `[*]` of outputs `[*, n, k]`; more is better."""


def accuracy(y: Tensor) -> Score:
    """Score by the share of samples whose largest output is their label's, `y [n]`."""
    return lambda outputs: (outputs.argmax(-1) == y).double().mean(-1)


def explained_variance(star: Tensor) -> Score:
    """Score `1 - mean ‖f - f*‖²/mean ‖f* - mean f*‖²` against the whole network's outputs `f* [n, k]`.

    Raises `ConfigError` where these do not vary.
    """
    variance = (star - star.mean(-2, keepdim=True)).square().sum()
    if not variance > 0:
        raise ConfigError("the outputs are the same for all samples: there is nothing to keep by ablation")
    return lambda outputs: 1 - (outputs - star).square().sum((-2, -1)) / variance


class Faithfulness(NamedTuple):
    """A network in one basis with a score, to find how few features and edges keep it."""

    network: HomogeneousNetwork
    bases: list[Basis]
    score: Score
    floor: Tensor
    """Least score that has to be kept, `[]`."""

    def features(self, layer: int) -> int:
        """Fewest features of a node layer, the constant not counted, that keep the score."""
        basis = self.bases[layer]
        kept = fewest_sufficient(
            lambda keep: self.score(keep_features(self.network, self.bases, layer, keep)),
            basis.rank - int(basis.centred),
            self.floor,
        )
        return int(kept)

    def edges(self, section: int, E: Tensor) -> int:
        """Fewest edges of a section `E [r_next, r]` that keep the score."""
        most = edge_count(E, self.bases[section].centred)
        return int(fewest_sufficient(lambda keep: self.with_edges(section, E, keep), most, self.floor))

    def with_edges(self, section: int, E: Tensor, keep: Tensor) -> Tensor:
        """Score with the `keep` strongest edges of a section `E [r_next, r]`, a number."""
        return self.score(keep_edges(self.network, self.bases, section, E, keep))

    def curve(self, section: int, E: Tensor, points: int = 16) -> tuple[Tensor, Tensor]:
        """Numbers of edges, evenly on a logarithmic scale from 1 to all, and the scores they have; `[K]` each."""
        most = max(1, int(edge_count(E, self.bases[section].centred)))
        keep = torch.logspace(0, torch.tensor(most).log10().item(), points).round().long().unique()
        return keep, torch.stack([self.with_edges(section, E, one) for one in keep])

    def strengths(self) -> list[Tensor]:
        """Edges `[r_next, r]` of every section."""
        return [squared_edges(self.network, self.bases, section) for section in range(len(self.network.weights))]
