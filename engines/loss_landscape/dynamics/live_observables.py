"""Observables that are cheap enough to keep up with training: degeneracy, a slice of the loss, frequencies, features.

Exact counts are what the probe is for.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engines.loss_landscape.channels import B_GRID
from engines.loss_landscape.degeneracy.numerical_rank import gram_of_unit_columns, gram_rank
from engines.loss_landscape.degeneracy.synchronised_neurons import blocks
from engines.loss_landscape.hessian.effective_dimension import soft_rank
from engines.loss_landscape.hessian.kronecker_factors import kronecker_factors, spectra_of_factors
from engines.loss_landscape.loss_surface.planes import filter_normalised
from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.models.model import Trainable
from engines.loss_landscape.models.modular_addition import Embedding, Transformer
from engines.loss_landscape.models.superposition import Superposition

Factors = list[tuple[Tensor, Tensor]]
"""Second moments of each layer's inputs `[B, D, D]`, and of the derivatives of the outputs `[B, d, d]`."""

Spectra = list[tuple[Tensor, Tensor]]
"""Eigenvalues of `Factors`, `[B, D]` and `[B, d]` a layer."""

SLICE_OFFSETS = torch.arange(-6, 7, dtype=torch.float64) / 6
"""Places on the slice."""

SLICE_SAMPLES = 128
"""Most samples of the slice: it must not slow training down."""

SLICE_SEED = 0
"""Seed of the direction of the slice, one for all members and steps."""


def degeneracy_channels(subject: Trainable, theta: Tensor, b: Tensor, gamma: Tensor) -> dict[str, Tensor]:
    """Channels of effective parameters, ranks and synchronised blocks of perceptrons.

    theta `[B, P]`, b and gamma `[B]`. The window of a layer is as wide as its weights: `N(w*, ⟨w²⟩/gamma)`. Otherwise a
    network with larger weights, which have to move further to do the same, would seem to need fewer of them. One whose
    outputs have become too small to vary needs none.
    """
    model = subject.model
    if not isinstance(model, (Mlp, Embedding)):
        return {}
    net, weights, X = (
        (model, theta, subject.train.X) if isinstance(model, Mlp) else model.perceptron(theta, subject.train.X)
    )
    factors, made = kronecker_factors(net, weights, X), net.layers(weights, X)[1]
    scale = _output_variance(made[-1]) if not subject.train.y.is_floating_point() else torch.ones_like(b)
    channels = _ranks(factors) | _block_counts(net, made[:-1])
    layers, tensors = spectra_of_factors(factors), [*net.split(weights)]
    if isinstance(model, Embedding):
        layers.append(_embedding_spectra(model, theta, made[0]))
        tensors.append(model.layout.split(theta)[0])
    sizes = [_shares(W.square().mean((-2, -1)), scale) for W in tensors]
    return channels | _effective_parameters(
        [(mu, nu * size[:, None]) for (mu, nu), size in zip(layers, sizes, strict=True)], b, gamma
    )


def _output_variance(outputs: Tensor) -> Tensor:
    """Variance of the outputs `[B, n, k]` about their mean: they are scaled to 1 before networks are compared."""
    return outputs.flatten(1).var(-1)


def _shares(part: Tensor, whole: Tensor) -> Tensor:
    """Divide; 0 where the whole is 0: of outputs that do not vary nothing is seen."""
    return torch.where(whole > 0, part / whole, 0)


def _effective_parameters(spectra: Spectra, b: Tensor, gamma: Tensor) -> dict[str, Tensor]:
    """Channels of the soft rank over all layers, at one temperature and at all of `B_GRID`."""
    h = torch.cat([(mu[:, :, None] * nu[:, None, :]).flatten(1) for mu, nu in spectra], 1)
    grid = torch.tensor(B_GRID, dtype=h.dtype, device=h.device)
    curve = torch.stack([soft_rank(h, at, gamma) for at in grid], -1)
    return {"effective_parameters": soft_rank(h, b, gamma), "soft_count": curve}


def _ranks(factors: Factors) -> dict[str, Tensor]:
    """Ranks by second moments of unit columns: a singular value below 1e-6 of the largest counts as none.

    Cheaper than the singular values themselves, which tell 1e-9 apart; both counts are free of units.
    """
    names = ("rank_activations", "rank_gradients")
    sides = (torch.stack([gram_rank(gram_of_unit_columns(layer[side])) for layer in factors], -1) for side in (0, 1))
    return dict(zip(names, sides, strict=True))


def _block_counts(net: Mlp, hidden: list[Tensor]) -> dict[str, Tensor]:
    if net.activation != "relu" or not hidden:
        return {}
    return {"synchronised_blocks": torch.stack([blocks(z > 0).number for z in hidden], -1)}


def _embedding_spectra(model: Embedding, theta: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
    """Spectra of the embedding as a layer: its inputs are one-hot summands, and both readers take its outputs."""
    _, left, right, out = model.layout.split(theta)
    slopes = (hidden > 0).to(theta.dtype)
    above = (out.mT @ out) * (slopes.mT @ slopes) / hidden.shape[-2]
    moments = left.mT @ above @ left + right.mT @ above @ right
    return torch.full_like(theta[:, : model.p], 1 / model.p), torch.linalg.eigvalsh(moments).clamp_min(0)


def loss_slice(subject: Trainable, theta: Tensor) -> Tensor:
    """Behavioural loss `mean |f(theta + a d) - f(theta)|^2/2` at `SLICE_OFFSETS`, `[B, 13]`; d filter-normalised.

    On the first `SLICE_SAMPLES` samples, over the variance of the outputs and their number, so that networks of other
    scales compare. theta `[B, P]`.
    """
    model, X = subject.model, subject.train.X[..., :SLICE_SAMPLES, :]
    tensors = model if isinstance(model, Mlp) else model.layout  # type: ignore[attr-defined]
    d = filter_normalised(tensors, theta, SLICE_SEED, isinstance(model, Mlp) and model.bias)
    here = model(theta, X)
    unit = 2 * _output_variance(here)
    moved = (model(theta + float(a) * d, X) - here for a in SLICE_OFFSETS)
    return torch.stack([_shares(apart.square().mean((-2, -1)), unit) for apart in moved], -1)


def model_channels(subject: Trainable, theta: Tensor) -> dict[str, Tensor]:
    """Channels `fourier`, or `point_x`, `point_y`, `point_class`, of models that have them; theta `[B, P]`."""
    model = subject.model
    if isinstance(model, Superposition):
        return feature_points(model, theta)
    table = summand_table(model, theta)
    return {} if table is None else {"fourier": fourier(table)}


def feature_points(model: Superposition, theta: Tensor) -> dict[str, Tensor]:
    """Places of the features in the first two dimensions, `[B, d]`."""
    W = model.layout.split(theta)[0]
    y = W[..., 1, :] if W.shape[-2] > 1 else torch.zeros_like(W[..., 0, :])
    return {"point_x": W[..., 0, :], "point_y": y, "point_class": torch.ones_like(y)}


def summand_table(model: object, theta: Tensor) -> Tensor | None:
    """Rows by which a network represents the first summand, `[B, p, e]`; None for one that does not add."""
    if isinstance(model, Embedding):
        return model.layout.split(theta)[0]
    if isinstance(model, Transformer):
        return model.layout.split(theta)[0][..., : model.p, :]
    if isinstance(model, Mlp) and model.sizes[0] == 2 * model.sizes[-1] and not model.bias:
        return model.split(theta)[0][..., : model.sizes[-1]].mT
    return None


def fourier(table: Tensor) -> Tensor:
    """Shares of the power of frequencies 1 .. p/2 in the columns of `table [B, p, e]`, `[B, p // 2]`."""
    power = torch.fft.rfft(table, dim=-2).abs().square().sum(-1)[..., 1:]
    return _shares(power, power.sum(-1, keepdim=True))
