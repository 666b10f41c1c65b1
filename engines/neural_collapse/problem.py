"""Constants of a batch of the models of free features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from engines.core.compute.batching import flags, tensor
from engines.core.numerics.collapse_metrics import FeatureMoments, nc1, nc1_trace, unit_scaled
from engines.core.protocol.device_choice import choose_device
from engines.neural_collapse import draws
from engines.neural_collapse.config import NeuralCollapse
from engines.neural_collapse.features import FeatureTargets


@dataclass(frozen=True)
class Problem:
    """`B` members that share K, n, d and the model."""

    H0: Tensor
    """Reduced features at the start, `[B, d, K + r]`, readout `features`."""
    task: FeatureTargets
    RT: Tensor
    """Directions of the frame, `R T`, `[B, d, K]`; zero where the start has none."""
    minimiser: Tensor
    """Reduced features of the minimiser that the start is near to, `[s R T, 0]`, `[B, d, K + r]`."""
    near_minimiser: Tensor
    """Whether a member starts near collapse, at the minimiser's own length, `[B]`."""
    rho: Tensor
    """Squared length of an axis of the frame, `[B]`; 0 where there is none."""
    bias: Tensor
    """Whether a member has a bias, `[B]`."""
    Q: Tensor
    """Coordinates of the samples that are followed, `[B, r, P]`."""
    G: Tensor
    """`Q_kᵀ Q_k` of each class, `[B, K, r, r]`."""
    labels: Tensor
    """Classes of the samples that are followed, `[P]`."""
    n: int
    """Samples of each class."""
    nc1: Tensor
    """NC1 of the start, `[B]`."""
    nc1_trace: Tensor
    """Trace ratio of the start, `[B]`."""
    begun: tuple[Tensor, ...] = ()
    """The six parts of the start's distance from the minimiser, `[B, d, *]`; `response.build` fills them."""
    begun_sizes: Tensor | None = None
    """Frobenius norms of those six, `[B, 6]`."""


def gather(problem: Problem, index: Tensor) -> Problem:
    """Return the problem of the members at `index` `[b]`."""
    by_member = {one.name: getattr(problem, one.name) for one in fields(problem)}
    own = {name: value[index] for name, value in by_member.items() if isinstance(value, Tensor) and name != "labels"}
    begun = tuple(part[index] for part in problem.begun)
    return replace(problem, task=problem.task.gather(index), begun=begun, **own)


def reduced(M: Tensor, Y: Tensor, G: Tensor) -> FeatureMoments:
    """Moments of reduced features, `M [B, d, K]` and `Y [B, d, r]`.

    The mean squared deviation of class k is `Tr(Y G_k Yᵀ)`.
    """
    entries, u = unit_scaled(Y)
    V = ((entries.mT @ entries)[:, None] * G).sum((-2, -1)).clamp_min(0).sqrt()
    return FeatureMoments(M, Y, u[..., 0] * V)


def build(configs: Sequence[NeuralCollapse], device: torch.device) -> Problem:
    """Draw and assemble the problem of a batch."""
    M, Y, R, Q, G = (tensor(values, device) for values in zip(*map(draws.draw, configs), strict=True))
    T = tensor([draws.projector(config) for config in configs], device)
    begun, one = reduced(M, Y, G), configs[0]
    length = tensor([config.length if config.framed else 0.0 for config in configs], device)
    return Problem(
        H0=torch.cat([M, Y], -1),
        task=FeatureTargets(
            torch.cat([T, Y.new_zeros(len(configs), one.classes, Y.shape[-1])], -1), _global(configs, Y)
        ),
        RT=R @ T,
        minimiser=torch.cat([length[:, None, None] * (R @ T), torch.zeros_like(Y)], -1),
        near_minimiser=flags([c.init == "near_collapse" and not c.scale and c.epsilon > 0 for c in configs], device),
        rho=tensor([config.rho if np.isfinite(config.rho) else 0.0 for config in configs], device),
        bias=flags([config.bias for config in configs], device),
        Q=Q,
        G=G,
        labels=torch.arange(one.classes, device=device).repeat_interleave(draws.followed(one)),
        n=one.per_class,
        nc1=nc1(begun),
        nc1_trace=nc1_trace(begun),
    )


def _global(configs: Sequence[NeuralCollapse], Y: Tensor) -> Tensor | None:
    """The direction of the global mean for members with a bias, else 0, `[B, K + r, 1]`; None without any."""
    if not any(config.bias for config in configs):
        return None
    K = configs[0].classes
    u = Y.new_zeros(len(configs), K + Y.shape[-1], 1)
    u[:, :K, 0] = tensor([[config.bias / K**0.5] for config in configs], Y.device)
    return u


def place(configs: Sequence[NeuralCollapse], device: torch.device) -> torch.device:
    """Leave small features on the processor: however many samples are drawn, what evolves is their reduced form."""
    one = configs[0]
    entries = 6 * one.features * (one.classes + draws.rank(one))
    return choose_device(device, 8 * len(configs) * entries)


def nbytes(configs: Sequence[NeuralCollapse]) -> int:
    """Estimate the memory of a batch in bytes.

    The largest member while it is drawn, and what is kept of all: features now and at the start, the six parts of the
    start, frame, samples.
    """
    one, r = configs[0], draws.rank(configs[0])
    own = one.features * (10 * one.classes + 8 * r) + one.classes * (r**2 + r * draws.followed(one))
    return draws.nbytes(one) + len(configs) * 8 * own
