"""Constants of a batch: measurements, data, truth, who does what, and the starting point."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from engines.core.compute.batching import Groups, groups, tensor
from engines.core.numerics.lapack import eigvalsh, norm_by_squaring
from engines.subgradient_recovery import draws, laws
from engines.subgradient_recovery.config import DECAYING, SubgradientRecovery
from engines.subgradient_recovery.initialisation import initial_factor, spectrum
from engines.subgradient_recovery.losses import LOSSES, PSI, RULE_KNOBS, apply, weighing
from engines.subgradient_recovery.sensing import Sensing, tensors


class State(NamedTuple):
    """State of a batch that a step updates."""

    U: Tensor
    """`[B, d, k]`."""
    decay: Tensor
    """rho^t, `[B]`."""
    spent: Tensor
    """tau, the sum of eta0 rho^t; 0 for methods without a schedule, `[B]`."""
    moved: Tensor
    """Size of the last step over that of U, `[B]`."""
    g: Tensor
    """Double over-parameterisation: the outliers are g² - h², `[B, m]` (`[B, 1]` where no member does that)."""
    h: Tensor


@dataclass(frozen=True)
class Problem:
    """`B` members that share d, r, m and the precision."""

    sensing: Sensing
    y: Tensor
    """Data, `[B, m]`."""
    s: Tensor
    """Noise in it, `[B, m]`."""
    corrupted: Tensor
    """1 where a measurement is an outlier, 0 where it is clean, `[B, m]`."""
    V: Tensor
    """Eigenvectors of the truth, `[B, d, r]`."""
    sigma: Tensor
    """`[B, r]`."""
    padded: Tensor
    """`[B, k]`: true for columns that a member does not have."""
    methods: Groups
    losses: Groups
    weighings: Groups
    """Groups of members by how their residuals count, see `losses.PSI`."""
    decays: Tensor
    """1 for members with a geometric schedule, else 0, `[B]`."""
    doubled: Tensor | None
    """1 for members of double over-parameterisation, `[B]`; None where there are none."""
    proximal: Tensor | None
    """The places of the prox-linear members; None where there are none."""
    true_loss: Tensor
    """The loss at the truth, which is not its minimum, `[B]`."""
    scale: Tensor
    """Norm of the direction at the origin, `[B]`."""
    budget: Tensor
    """The automatic budget, `[B]`."""
    U0: Tensor
    """`[B, d, k]`."""

    @property
    def size(self) -> Tensor:
        """Size of the truth, `|X*|_F`, `[B]`."""
        return torch.linalg.vector_norm(self.sigma, dim=-1)

    @property
    def truth(self) -> Tensor:
        """The unknown matrix X*, `[B, d, d]`."""
        return (self.V * self.sigma[:, None, :]) @ self.V.mT


def operator_norm(Q: Tensor) -> Tensor:
    """Largest |eigenvalue| of symmetric matrices, `[B, d, d] -> [B]`."""
    return norm_by_squaring(Q) if Q.is_cuda else eigvalsh(Q).abs().amax(-1)


def build(configs: Sequence[SubgradientRecovery], device: torch.device) -> Problem:
    """Draw and assemble the problem of a batch."""
    distinct, owners = _distinct(configs, draws.operator_key, draws.draw)
    sensing = _sensing(configs, distinct, owners, device)
    drawn = [distinct[owner] for owner in owners]
    noises, datas = _distinct(configs, draws.data_key, lambda c: _noise(c, distinct[draws.operator_key(c)]))
    s, corrupted, y = (tensor([noises[data][i] for data in datas], device) for i in range(3))
    values, vectors = _spectra(datas, sensing, y)
    weighings = groups([weighing(config.method, config.loss) for config in configs], device)
    losses = groups([config.loss for config in configs], device)
    knobs = {name: tensor([getattr(config, name) for config in configs], device) for name in RULE_KNOBS}
    U0 = initial_factor(configs, drawn, sensing, y, (values, vectors))
    origin = sensing.adjoint(apply(PSI, weighings, -y, knobs))
    width = max(config.k for config in configs)
    return Problem(
        sensing=sensing,
        y=y,
        s=s,
        corrupted=corrupted,
        V=tensor([one.V for one in drawn], device),
        sigma=tensor([config.sigma for config in configs], device),
        padded=torch.arange(width, device=device) >= tensor([[config.k] for config in configs], device),
        methods=groups([config.method for config in configs], device),
        losses=losses,
        weighings=weighings,
        decays=tensor([config.method in DECAYING for config in configs], device),
        doubled=_flagged([config.method == "dop" for config in configs], device),
        proximal=_places([config.method == "prox_linear" for config in configs], device),
        true_loss=apply(LOSSES, losses, s, knobs),
        scale=operator_norm(origin),
        budget=tensor([laws.automatic(c, lam) for c, lam in zip(configs, values.cpu().numpy(), strict=True)], device),
        U0=U0,
    )


def _distinct(
    configs: Sequence[SubgradientRecovery], key: Callable[..., Hashable], make: Callable[..., Any]
) -> tuple[dict[Hashable, Any], list[Hashable]]:
    """Make a value once for each distinct key; return the values by key, and the key of each member."""
    keys = [key(config) for config in configs]
    first = {one: config for one, config in zip(reversed(keys), reversed(configs), strict=True)}
    return {one: make(first[one]) for one in dict.fromkeys(keys)}, keys


def _sensing(
    configs: Sequence[SubgradientRecovery], distinct: dict, owners: Sequence[Hashable], device: torch.device
) -> Sensing:
    matrices = tensors([one.M for one in distinct.values()], configs[0].precision, device)
    shared = dict(zip(distinct, matrices, strict=True))
    return Sensing(configs[0].d, [(shared[owner], places) for owner, places in groups(owners, device)])


def _noise(config: SubgradientRecovery, drawn: draws.Draw) -> tuple[Any, Any, Any]:
    """s, where its outliers are, and y, of one draw."""
    s, corrupted = draws.noise(config, drawn)
    return s, corrupted, draws.clean(config, drawn) + s


def _spectra(datas: Sequence[Hashable], sensing: Sensing, y: Tensor) -> tuple[Tensor, Tensor]:
    """The spectrum of each member's Q0, computed once for members with the same data."""
    distinct = list(dict.fromkeys(datas))
    first = torch.tensor([datas.index(one) for one in distinct], device=y.device)
    values, vectors = spectrum(sensing.adjoint(y.sign())[first])
    place = torch.tensor([distinct.index(one) for one in datas], device=y.device)
    return values[place], vectors[place]


def _flagged(chosen: Sequence[bool], device: torch.device) -> Tensor | None:
    return tensor(chosen, device) if any(chosen) else None


def _places(chosen: Sequence[bool], device: torch.device) -> Tensor | None:
    return torch.tensor([i for i, one in enumerate(chosen) if one], device=device) if any(chosen) else None


def begin(configs: Sequence[SubgradientRecovery], problem: Problem) -> State:
    """The state at step 0."""
    one = torch.ones_like(problem.budget)
    width = problem.y.shape[1] if problem.doubled is not None else 1
    outliers = torch.zeros(len(configs), width, dtype=one.dtype, device=one.device)
    if problem.doubled is not None:
        outliers += problem.doubled[:, None] * tensor([[config.alpha] for config in configs], one.device)
    return State(problem.U0, one, 0 * one, one, outliers, outliers)
