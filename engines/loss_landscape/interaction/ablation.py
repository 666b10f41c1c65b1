"""What is left of a network when features or edges are taken away, and how few of them it needs.

Counts `keep` may have an axis in front of the members': a whole curve at once, `[K, ..., n, k]` of `keep [K, ...]`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from engines.loss_landscape.interaction.basis import Basis
from engines.loss_landscape.interaction.homogeneous import Folded

Score = Callable[[Tensor], Tensor]
"""Of counts `[...]`, `[...]`; more is better."""


def first(importance: Tensor, keep: Tensor) -> Tensor:
    """1 at the `keep [...]` largest entries of `importance [..., m]`, 0 elsewhere; ties in their order."""
    place = importance.argsort(dim=-1, descending=True, stable=True).argsort(-1)
    return (place < keep[..., None]).to(importance.dtype)


def without_features(folded: Folded, bases: list[Basis], layer: int, keep: Tensor) -> Tensor:
    """Outputs `[..., n, k]` when node `layer` keeps its `keep [...]` features of largest mean square: `at C_K C_K+`.

    The constant of a centred basis is always kept, and not counted.
    """
    basis = bases[layer]
    importance = basis.moment.clone()
    if basis.centred:
        importance[..., 0] = torch.inf
    mask = first(importance, keep + basis.centred)
    return folded.finish(layer, folded.nodes[layer] @ (basis.C * mask[..., None, :]) @ basis.inverse)


def without_edges(folded: Folded, bases: list[Basis], section: int, E: Tensor, keep: Tensor) -> Tensor:
    """Outputs `[..., n, k]` when a section keeps its `keep [...]` strongest edges, `E [..., r', r]`.

    Every feature of the next layer is computed from the features that still have an edge to it, the others at 0. The
    constant of a centred basis always reaches the next one, and that edge is not counted.
    """
    source, target = bases[section], bases[section + 1]
    mask = first(_counted(E, target.centred).flatten(-2), keep + target.centred).unflatten(-1, E.shape[-2:])
    fh = folded.nodes[section] @ source.C
    into = source.inverse @ folded.weights[section].mT  # [..., r, w']
    made = folded.bend(section, (fh[..., None, :, :] * mask[..., None, :]) @ into[..., None, :, :])
    new = torch.einsum("...inh,...hi->...ni", made, target.C)
    return folded.finish(section + 1, new @ target.inverse)


def edges(E: Tensor, centred: bool) -> Tensor:
    """How many a section has, those to the constant of the next layer not counted, `[...]`."""
    return (_counted(E, centred).flatten(-2) > 0).sum(-1) - int(centred)


def _counted(E: Tensor, centred: bool) -> Tensor:
    """E in the order in which edges are kept: the constant's own first, others to the constant last."""
    E = E.clone()
    if centred:
        E[..., 0, :] = -1
        E[..., 0, 0] = torch.inf
    return E


def fewest(score: Score, most: Tensor, floor: Tensor) -> Tensor:
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
