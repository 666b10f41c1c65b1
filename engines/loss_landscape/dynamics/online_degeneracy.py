"""Degeneracy at every look: cheap enough to keep up with training. Exact counts are what the probe is for."""

from __future__ import annotations

import torch
from torch import Tensor

from engines.loss_landscape.channels import B_GRID
from engines.loss_landscape.degeneracy.numerical_rank import EIGEN, count_above
from engines.loss_landscape.degeneracy.synchronised_neurons import blocks
from engines.loss_landscape.hessian.effective_dimension import soft_rank
from engines.loss_landscape.hessian.kronecker_factors import factor_spectra
from engines.loss_landscape.loss_surface.directions import filter_normalised
from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.models.model import Subject
from engines.loss_landscape.models.modular_addition import Embedding

Spectra = list[tuple[Tensor, Tensor]]
"""Of each layer: eigenvalues of the second moments of what it sees `[B, D]`, and of what is seen of it `[B, d]`."""

OFFSETS = torch.arange(-6, 7, dtype=torch.float64) / 6
"""Places of the slice."""

SAMPLES = 128
"""Of the slice: it must not slow training down."""

DIRECTION = 0
"""Seed of the direction of the slice, one for all members and steps."""


def look(subject: Subject, theta: Tensor, b: Tensor, gamma: Tensor) -> dict[str, Tensor]:
    """Effective parameters, ranks and synchronised blocks of perceptrons; theta `[B, P]`, b and gamma `[B]`.

    The window of a layer is as wide as its weights: `N(w*, ⟨w²⟩/gamma)`. Otherwise a network with larger weights, which
    have to move further to do the same, would seem to need fewer of them.
    """
    model = subject.model
    if not isinstance(model, (Mlp, Embedding)):
        return {}
    net, own, X = (
        (model, theta, subject.train.X) if isinstance(model, Mlp) else model.perceptron(theta, subject.train.X)
    )
    spectra, made = factor_spectra(net, own, X), net.layers(own, X)[1]
    scale = _spread(made[-1]) if not subject.train.y.is_floating_point() else torch.ones_like(b)
    found = _ranks(spectra) | _blocks(net, made[:-1])
    seen, weights = [*spectra], [*net.split(own)]
    if isinstance(model, Embedding):
        seen.append(_table(model, theta, made[0]))
        weights.append(model.layout.split(theta)[0])
    sizes = [W.square().mean((-2, -1)) / scale for W in weights]
    return found | _counts([(mu, nu * size[:, None]) for (mu, nu), size in zip(seen, sizes, strict=True)], b, gamma)


def _spread(outputs: Tensor) -> Tensor:
    """Variance of the outputs `[B, n, k]` about their mean: they are scaled to 1 before networks are compared."""
    return outputs.flatten(1).var(-1)


def _counts(spectra: Spectra, b: Tensor, gamma: Tensor) -> dict[str, Tensor]:
    h = torch.cat([(mu[:, :, None] * nu[:, None, :]).flatten(1) for mu, nu in spectra], 1)
    grid = torch.tensor(B_GRID, dtype=h.dtype, device=h.device)
    curve = torch.stack([soft_rank(h, at, gamma) for at in grid], -1)
    return {"effective_parameters": soft_rank(h, b, gamma), "soft_count": curve}


def _ranks(spectra: Spectra) -> dict[str, Tensor]:
    """By the eigenvalues of second moments: a direction below 1e-6 of the largest counts as none."""
    names = ("rank_activations", "rank_gradients")
    sides = (torch.stack([count_above(side[at].flip(-1), EIGEN) for side in spectra], -1) for at in (0, 1))
    return dict(zip(names, sides, strict=True))


def _blocks(net: Mlp, hidden: list[Tensor]) -> dict[str, Tensor]:
    if net.activation != "relu" or not hidden:
        return {}
    return {"synchronised_blocks": torch.stack([blocks(z > 0).number for z in hidden], -1)}


def _table(model: Embedding, theta: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
    """The embedding as a layer: it sees one-hot summands, and both readers see it."""
    _, left, right, out = model.layout.split(theta)
    slopes = (hidden > 0).to(theta.dtype)
    above = (out.mT @ out) * (slopes.mT @ slopes) / hidden.shape[-2]
    seen = left.mT @ above @ left + right.mT @ above @ right
    return torch.full_like(theta[:, : model.p], 1 / model.p), torch.linalg.eigvalsh(seen).clamp_min(0)


def slice_beside(subject: Subject, theta: Tensor) -> Tensor:
    """Behavioural loss `mean |f(theta + a d) - f(theta)|^2/2` at `OFFSETS`, `[B, 13]`; d filter-normalised.

    On the first `SAMPLES` samples, over the variance of the outputs and their number, so that networks of other scales
    compare.
    """
    model, X = subject.model, subject.train.X[..., :SAMPLES, :]
    tensors = model if isinstance(model, Mlp) else model.layout  # type: ignore[attr-defined]
    d = filter_normalised(tensors, theta, DIRECTION, isinstance(model, Mlp) and model.bias)
    here = model(theta, X)
    unit = 2 * _spread(here)
    moved = (model(theta + float(a) * d, X) - here for a in OFFSETS)
    return torch.stack([apart.square().mean((-2, -1)) / unit for apart in moved], -1)
