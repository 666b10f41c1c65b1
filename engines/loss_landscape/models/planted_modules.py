"""Networks made of modules that do not talk to each other, hidden by rotations of their inputs and outputs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.models import initialisation
from engines.loss_landscape.models.mlp import Mlp


class Planted(NamedTuple):
    """Untrained: its weights are its structure."""

    net: Mlp
    theta: Tensor
    """`[B, P]`."""
    X: Tensor
    """`[B, n, width]`."""
    parts: list[Tensor]
    """Of each node layer, input to output: projectors on the modules' coordinates, `[B, modules, D_l, D_l]`.

    Of the extended node `[a; 1]`; the constant is in none.
    """


def modules(
    seeds: Sequence[int], width: int = 8, blocks: int = 2, hidden: int = 3, n: int = 3000, correlation: float = 0.0
) -> Planted:
    """ReLU layers of blocks, weights N(0, 1), biases .3 N(0, 1); inputs and outputs turned by random rotations.

    Input j of one module has the given correlation with input j of every other. Raises `ConfigError` where the blocks
    do not divide the width, or for a correlation outside [0, 1].
    """
    if width % blocks:
        raise ConfigError(f"{blocks} blocks do not divide the width {width}")
    if not 0 <= correlation <= 1:
        raise ConfigError(f"correlation={correlation} is not in [0, 1]")
    net = Mlp((width,) * (hidden + 2))
    drawn = [_draw(net, blocks, n, correlation, initialisation.stream(seed)) for seed in seeds]
    theta, X, first, last = (torch.stack(part) for part in zip(*drawn, strict=True))
    plain = _projectors(width, blocks).expand(len(seeds), -1, -1, -1)
    return Planted(net, theta, X, [_turned(plain, first), *[plain] * hidden, _turned(plain, last)])


def _draw(net: Mlp, blocks: int, n: int, correlation: float, source: torch.Generator) -> tuple[Tensor, ...]:
    """Parameters, samples, and the rotations of inputs and outputs."""
    width = net.sizes[0]
    draw = partial(torch.randn, generator=source, dtype=torch.float64)
    own, common = draw(n, width), draw(n, width // blocks).repeat(1, blocks)
    X = (1 - correlation) ** 0.5 * own + correlation**0.5 * common
    mask = torch.block_diag(*[torch.ones(width // blocks, width // blocks)] * blocks)
    layers = [torch.cat([draw(width, width) * mask, 0.3 * draw(width, 1)], 1) for _ in net.shapes]
    first, last = (torch.linalg.qr(draw(width, width))[0] for _ in range(2))
    layers[0] = torch.cat([layers[0][:, :-1] @ first.mT, layers[0][:, -1:]], 1)
    layers[-1] = last @ layers[-1]
    return net.join(layers), X @ first.mT, first, last


def _projectors(width: int, blocks: int) -> Tensor:
    """On each block's own coordinates, `[blocks, width + 1, width + 1]`."""
    member = torch.arange(width + 1) // (width // blocks)
    return torch.stack([torch.diag((member == block).double()) for block in range(blocks)])


def _turned(projectors: Tensor, Q: Tensor) -> Tensor:
    """`Q P Qᵀ` on the coordinates before the constant."""
    whole = torch.zeros(*Q.shape[:-2], *projectors.shape[-2:], dtype=Q.dtype)
    whole[..., :-1, :-1], whole[..., -1, -1] = Q, 1
    return whole[..., None, :, :] @ projectors @ whole.mT[..., None, :, :]
