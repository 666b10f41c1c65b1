"""What a model shows of itself besides its losses: features in a plane, frequencies of its table of summands."""

from __future__ import annotations

import torch
from torch import Tensor

from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.models.model import Subject
from engines.loss_landscape.models.modular_addition import Embedding, Transformer
from engines.loss_landscape.models.superposition import Superposition


def of(subject: Subject, theta: Tensor) -> dict[str, Tensor]:
    """Channels `fourier`, or `point_x`, `point_y`, `point_class`; theta `[B, P]`."""
    model = subject.model
    if isinstance(model, Superposition):
        return features(model, theta)
    table = summands(model, theta)
    return {} if table is None else {"fourier": fourier(table)}


def features(model: Superposition, theta: Tensor) -> dict[str, Tensor]:
    """Where each feature is kept, by the first two dimensions, `[B, d]`."""
    W = model.layout.split(theta)[0]
    y = W[..., 1, :] if W.shape[-2] > 1 else torch.zeros_like(W[..., 0, :])
    return {"point_x": W[..., 0, :], "point_y": y, "point_class": torch.ones_like(y)}


def summands(model: object, theta: Tensor) -> Tensor | None:
    """The rows by which a network knows the first summand, `[B, p, e]`; None for one that does not add."""
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
    return power / power.sum(-1, keepdim=True)
