"""How strongly a feature acts on a feature of the next layer. Batched over members.

A section in features is `Fh(fh) = relu(fh C+ Wᵀ) C'`. It is positively 1-homogeneous, so its gradient along the ray to
fh is constant and the path integral of an attribution is its value at the end:

    attribution_ij(x) = fh_j dFh_i/dfh_j,   sum_j attribution_ij = Fh_i
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from engines.loss_landscape.interaction.basis import Basis
from engines.loss_landscape.interaction.homogeneous import Folded

CHUNK = 256
"""Samples at once."""


def attributions(folded: Folded, bases: list[Basis], section: int) -> Iterator[Tensor]:
    """`[..., chunk, r', r]`, exact; some samples at a time."""
    source, target = bases[section], bases[section + 1]
    into = (source.inverse @ folded.weights[section].mT).mT  # [..., w', r]
    fh = folded.nodes[section] @ source.C
    for f, gate in zip(fh.split(CHUNK, -2), folded.gates[section].split(CHUNK, -2), strict=True):
        yield (target.C.mT[..., None, :, :] * gate[..., None, :]) @ into[..., None, :, :] * f[..., None, :]


def squared(folded: Folded, bases: list[Basis], section: int) -> Tensor:
    """`E_ij = mean_x attribution_ij²`, `[..., r', r]`: from feature j to feature i."""
    n = folded.nodes[section].shape[-2]
    return torch.stack([part.square().sum(-3) for part in attributions(folded, bases, section)]).sum(0) / n


def functional(folded: Folded, bases: list[Basis], section: int) -> Tensor:
    """The older `E_ij = -mean_x int_0^1 fh_j d/du_j (Fh_i(fh) - Fh_i(u))² dalpha`, u = alpha fh, `[..., r', r]`.

    For 1-homogeneous sections `mean_x attribution_ij Fh_i`; negative where parts cancel.
    """
    n = folded.nodes[section].shape[-2]
    parts = attributions(folded, bases, section)
    return torch.stack([(part * part.sum(-1, keepdim=True)).sum(-3) for part in parts]).sum(0) / n
