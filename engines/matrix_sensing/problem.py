"""Constants of a batch: truth, operators, who shares and does what, and the starting point."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from engines.core.compute.batching import flags, grouped, stack, tensor
from engines.core.numerics.low_rank import gram
from engines.matrix_sensing.config import MatrixSensing
from engines.matrix_sensing.draws import Draw, draw, factors, key, reduced
from engines.matrix_sensing.operators import Operator, Residual, served


class State(NamedTuple):
    """State of a batch that a step updates; for a symmetric member G equals F."""

    F: Tensor
    """`[B, n1, k]`."""
    G: Tensor
    """`[B, n2, k]`."""
    P: Tensor
    """`[F; G]` after the last gradient step, `[B, n1 + n2, k]`: Nesterov's memory, unused by the other methods."""
    lifted_at: Tensor
    """Step of the one-step lift, -1 before it, `[B]`."""
    t: Tensor
    """Steps taken, `[B]`."""


class LiftedStep(NamedTuple):
    """The one modified step: which members take it, and when, each `[B]`."""

    active: Tensor
    """Whether the member follows the one-step method."""
    low: Tensor
    """Whether only the singular values below beta are lifted."""
    estimated: Tensor
    """Whether the trigger estimates sigma_r from the iterate."""
    hand: Tensor
    """Whether the lift comes by hand alone, without a trigger."""
    level: Tensor
    """The trigger's fraction of sigma_r."""


UPDATE = {"one_step": "gd"}
"""Methods whose factors move as those of another do: their members are one group."""


class MethodMembers(NamedTuple):
    """Members of one update rule, as a problem of their own."""

    method: str
    index: Tensor | None
    """Places of the members, `[b]`; None where they are the whole batch."""
    problem: Problem


@dataclass(frozen=True)
class Problem:
    """Constants of `B` members; under the identity operator n1 and n2 are at most r + k (see `reduced`)."""

    operators: tuple[tuple[Operator, Tensor], ...]
    """Each operator with the members that it serves."""
    methods: tuple[str, ...]
    """The method of each member."""
    M: tuple[Tensor, Tensor]
    """`(U* diag(sigma), V*)`, `[B, n1, r]` and `[B, n2, r]`."""
    left: Tensor
    """U* `[B, n1, r]`."""
    sigma: Tensor
    """`[B, r]`."""
    symmetric: Tensor
    """`[B]`."""
    all_symmetric: bool
    any_symmetric: bool
    padded: Tensor
    """`[B, k]`: true for columns that a member does not have."""
    scale: Tensor
    """Factor of the step size: the gradient convention of a symmetric member, else 1, `[B]`."""
    level: Tensor | None
    """Noise level `[B, 1, 1]`, None where no member has noise."""
    lift: LiftedStep
    F0: Tensor
    """`[B, n1, k]`."""
    G0: Tensor
    """`[B, n2, k]`."""

    @cached_property
    def groups(self) -> tuple[MethodMembers, ...]:
        """The members of each update rule as problems of their own."""
        rules = [UPDATE.get(name, name) for name in self.methods]
        if len(set(rules)) == 1:
            return (MethodMembers(rules[0], None, self),)
        return tuple(
            MethodMembers(name, index, self.select(index)) for name, index in grouped(rules, self.sigma.device)
        )

    def select(self, index: Tensor) -> Problem:
        """Gather the problem of the members at `index` `[b]`."""
        served = [(operator, torch.isin(index, members).nonzero().flatten()) for operator, members in self.operators]
        return replace(
            self,
            operators=tuple((operator, members) for operator, members in served if len(members)),
            methods=tuple(self.methods[i] for i in index.tolist()),
            M=(self.M[0][index], self.M[1][index]),
            level=None if self.level is None else self.level[index],
            lift=LiftedStep(*(value[index] for value in self.lift)),
            **{
                name: getattr(self, name)[index]
                for name in ("left", "sigma", "symmetric", "padded", "scale", "F0", "G0")
            },
        )

    @cached_property
    def _minus_left(self) -> Tensor:
        return -self.M[0]

    @cached_property
    def missing(self) -> Tensor | None:
        """Columns that members do not have, `[B, k]`; None where all members have all."""
        return self.padded if bool(self.padded.any()) else None

    @cached_property
    def imbalance(self) -> tuple[Tensor, Tensor]:
        """Imbalance `F0ᵀ F0 - G0ᵀ G0` of the start, `[B, k, k]`, and its Frobenius norm, `[B]`."""
        start = gram(self.F0) - gram(self.G0)
        return start, torch.linalg.matrix_norm(start)

    @property
    def right(self) -> Tensor:
        """V* `[B, n2, r]`."""
        return self.M[1]

    def residual(self, F: Tensor, G: Tensor) -> list[Residual]:
        """Residuals of `E = F Gᵀ - M`, with `F [B, n1, k]` and `G [B, n2, k]`: one for the members of each operator."""
        L, N = torch.cat([F, self._minus_left], -1), torch.cat([G, self.M[1]], -1)
        if len(self.operators) == 1:
            return [self.operators[0][0].residual(L, N, self.level)]
        level = self.level
        return [o.residual(L[i], N[i], level if level is None else level[i]) for o, i in self.operators]

    def gradients(self, residual: list[Residual], F: Tensor, G: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients `R G [B, n1, k]` and `Rᵀ F [B, n2, k]`; their mean, `sym(R) X`, for symmetric members."""
        gF = self.image(residual, G)
        if self.all_symmetric and self.operators[0][0].keeps_symmetry:
            return gF, gF
        gG = self._each(residual, "left", F)
        if not self.any_symmetric:
            return gF, gG
        mean, one = 0.5 * (gF + gG), self.symmetric[:, None, None]
        return torch.where(one, mean, gF), torch.where(one, mean, gG)

    def image(self, residual: list[Residual], G: Tensor) -> Tensor:
        """Product `R G`, `[B, n1, columns of G]`."""
        return self._each(residual, "right", G)

    def loss(self, residual: list[Residual]) -> Tensor:
        """Loss of each member, `[B]`."""
        level = self.level
        if len(self.operators) == 1:
            return self.operators[0][0].loss(residual[0], level)
        pairs = zip(self.operators, residual, strict=True)
        return self._gather([o.loss(part, level if level is None else level[i]) for (o, i), part in pairs])

    def _each(self, residual: list[Residual], name: str, factor: Tensor) -> Tensor:
        if len(self.operators) == 1:
            return getattr(self.operators[0][0], name)(residual[0], factor)
        pairs = zip(self.operators, residual, strict=True)
        return self._gather([getattr(o, name)(part, factor[i]) for (o, i), part in pairs])

    def _gather(self, parts: list[Tensor]) -> Tensor:
        return torch.cat(parts)[torch.argsort(torch.cat([index for _, index in self.operators]))]


def build(configs: Sequence[MatrixSensing], device: torch.device) -> Problem:
    """Draw and assemble the problem of a batch."""
    all_symmetric = all(config.symmetric for config in configs)
    sharing, distinct = Counter(map(key, configs)), {}
    for config in configs:
        if key(config) not in distinct:
            distinct[key(config)] = _drawn(config, device, all_symmetric, sharing[key(config)])
    places = [_place(config, distinct[key(config)]) for config in configs]
    columns = max(config.k for config in configs)
    F, G, left, right = (stack([place[i] for place in places], columns if i < 2 else None, device) for i in range(4))
    sigma = tensor([config.sigma for config in configs], device)
    return Problem(
        operators=tuple(grouped([distinct[key(config)].operator for config in configs], device)),
        methods=tuple(config.method for config in configs),
        M=(left * sigma[:, None, :], right),
        left=left,
        sigma=sigma,
        symmetric=flags([config.symmetric for config in configs], device),
        all_symmetric=all_symmetric,
        any_symmetric=any(config.symmetric for config in configs),
        padded=flags([[j >= config.k for j in range(columns)] for config in configs], device),
        scale=tensor([config.factor for config in configs], device),
        level=_level(configs, device),
        lift=_lift(configs, device),
        F0=F,
        G0=G,
    )


def _drawn(config: MatrixSensing, device: torch.device, symmetric: bool, members: int) -> Draw:
    """Truth and operator, laid out for the members that share it; as it was drawn, the operator is kept no longer."""
    drawn = draw(config, device, symmetric)
    return replace(drawn, operator=served(drawn.operator, members))


def _place(config: MatrixSensing, drawn: Draw) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """F0, G0, U*, V*: as drawn, or reduced under the identity operator."""
    F, G = factors(config, drawn)
    if config.operator != "identity":
        return F, G, drawn.left, drawn.right
    f = reduced(F, drawn.left)
    g = f * 1.0 if config.symmetric else reduced(G, drawn.right)
    return f, g, np.eye(len(f), config.r), np.eye(len(g), config.r)


def _level(configs: Sequence[MatrixSensing], device: torch.device) -> Tensor | None:
    noisy = any(config.noise for config in configs)
    return tensor([config.noise for config in configs], device)[:, None, None] if noisy else None


def _lift(configs: Sequence[MatrixSensing], device: torch.device) -> LiftedStep:
    active, low, estimated, hand = (
        flags([getattr(config, name) == value for config in configs], device)
        for name, value in (
            ("method", "one_step"),
            ("lift", "below_beta"),
            ("trigger", "estimated"),
            ("trigger", "manual"),
        )
    )
    return LiftedStep(active, low, estimated, hand, tensor([config.trigger_level for config in configs], device))
