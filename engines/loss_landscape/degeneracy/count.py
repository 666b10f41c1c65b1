"""Free directions of a network, counted and explained: a lower bound with its reasons, and the exact count beside it.

blocks     sum_l nullity(J^l): types 1 and 2, and neurons that see only part of the data
cross      free directions among the generators of type 3, projected on the row spaces of the J^l
explained  blocks + cross <= nullity(J), at any depth; what it leaves over is the residual

What is left of a generator after the projection may be small, and rounding in it large: it counts where J does not see
it, at the same threshold as everything else.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize

from engines.core.numerics.lapack import svd
from engines.loss_landscape.degeneracy import closed_form, numerical_rank
from engines.loss_landscape.degeneracy.jacobian import LayerPasses, jacobian, layer_passes
from engines.loss_landscape.degeneracy.numerical_rank import count_above
from engines.loss_landscape.degeneracy.related_gates import related_gate_directions
from engines.loss_landscape.degeneracy.row_space import (
    ChunkedJacobian,
    Factorisation,
    RowSpaces,
    WithProgress,
    by_qr,
    run_to_end,
)
from engines.loss_landscape.degeneracy.synchronised_neurons import Blocks, blocks, generators
from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.models.model import Layout

ROUNDING = 1e-13
"""Length up to which the remainder of a unit vector is rounding."""


class LowerBound(NamedTuple):
    """A lower bound of the nullity by its parts, integers."""

    blocks: Tensor
    """Nullities of the layers `nullity(J^l)`, `[*, L]`."""
    cross: Tensor
    """Free directions across layers, `[*]`."""

    @property
    def total(self) -> Tensor:
        """Sum `sum_l nullity(J^l) + cross`, `[*]`."""
        return self.blocks.sum(-1) + self.cross


def explain(spaces: RowSpaces, directions: Tensor) -> LowerBound:
    """Count explained directions from the row spaces of the layers and unit generators `[*, q, P]`.

    Exact where the generators are all there is; never more than nullity(J) while the thresholds tell zero from not. In
    the coordinates in which columns of J have length one.
    """
    longest = spaces.lengths.amax(-1, keepdim=True)
    scales = spaces.lengths / torch.where(longest > 0, longest, 1)
    directions = normalize(directions * scales[..., None, :], dim=-1, eps=1e-300)
    widths = [V.shape[-1] for V in spaces.spaces]
    # Rows are of length one or zero.
    ranks = torch.stack([V.square().sum((-2, -1)).round().long() for V in spaces.spaces], -1)
    parts = zip(directions.split(widths, -1), spaces.spaces, strict=True)
    left = torch.cat([part @ V.mT @ V for part, V in parts], -1)
    _, sizes, rows = svd(left)
    kept = sizes > ROUNDING
    visible = count_above(spaces.along(rows * kept[..., None]), spaces.tau, scale=spaces.unit[..., 0])
    return LowerBound(torch.tensor(widths, device=directions.device) - ranks, kept.sum(-1) - visible)


GRAM_WARNING = (
    "counted by the eigenvalues of a Gram matrix of unit columns: directions below 1e-6 of the largest singular value "
    "count as zero, and smaller tolerances are left out"
)
"""Warning beside counts from a Gram matrix."""


@dataclass(frozen=True)
class DirectionCount:
    """Free directions of the behavioural loss at theta, and where they come from. Integers; `[*, L]` by layer."""

    r_a: Tensor
    """Rank of the inputs of each layer, `[*, L]`."""
    r_g: Tensor
    """Rank of the derivatives of the outputs by what each layer makes, `[*, L]`."""
    N1: Tensor
    """Free directions of type 1, dependent activations, `[*, L]`."""
    N2: Tensor
    """Free directions of type 2, dependent Jacobians, `[*, L]`."""
    N12: Tensor
    """Free directions of either type, `[*, L]`: less than their sum."""
    excess: Tensor
    """Further free directions within single layers, as some neurons see part of the data, `[*, L]`."""
    blocks: tuple[Blocks, ...]
    """Synchronised neurons of the hidden layers."""
    cross: Tensor
    """Free directions of type 3 that are not counted above, `[*]`."""
    related: Tensor
    """Further free directions of gates which depend on one another, `[*]`; 0 where these were not looked for."""
    nullity: Tensor
    """All free directions, `P - rank(J)`, `[*]`."""
    values: Tensor
    """Singular values of J, descending, `[*, min(n k, P)]`."""
    unit: Tensor
    """Singular values of J with columns of length one, which are counted, as many."""
    tau: float
    """Share of the largest of the unit values up to which one counts as zero."""
    gap: Tensor
    """Smallest non-zero unit value over the next, `[*]`."""
    samples: int
    """Number of distinct samples; of several members, the fewest."""
    rows: int
    """Number of rows of J, k times the samples."""
    P: int
    squared: bool
    """Whether the values are roots of eigenvalues of JᵀJ: rounding below 1e-6 of the largest."""

    @property
    def explained(self) -> Tensor:
        """Explained directions `sum_l (N12 + excess) + cross + related`, a lower bound of the nullity, `[*]`."""
        return (self.N12 + self.excess).sum(-1) + self.cross + self.related

    @property
    def residual(self) -> Tensor:
        """Free directions without a reason here, `nullity - explained`, `[*]`; negative where nothing is resolved.

        Then rounding, or a spectrum without a gap, made the two counts disagree: see `resolved`.
        """
        return self.nullity - self.explained

    @property
    def resolved(self) -> Tensor:
        """Whether the residual is a count, not below 0; bool `[*]`."""
        return self.residual >= 0

    @property
    def tolerances(self) -> tuple[float, ...]:
        """Tolerances of `numerical_rank.SWEEP` that the values resolve, m = 5.

        From a Gram matrix the first 4, down to 1e-6.
        """
        return numerical_rank.SWEEP[: -1 if self.squared else None]

    @property
    def sweep(self) -> Tensor:
        """Nullities at the tolerances, `[*, m]`."""
        return self.P - numerical_rank.rank_sweep(self.unit, self.tolerances)

    @property
    def clear(self) -> float:
        """Least gap for a single count: `numerical_rank.CLEAR`, of eigenvalues its root."""
        return numerical_rank.CLEAR**0.5 if self.squared else numerical_rank.CLEAR

    @property
    def unclear(self) -> Tensor:
        """Whether the gap is below `clear`: show the sweep, bool `[*]`."""
        return self.gap < self.clear

    @property
    def data_limited(self) -> bool:
        """Whether there are fewer rows than parameters: the others are free for want of data."""
        return self.rows < self.P

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings for a reader, as sentences."""
        messages = []
        if self.data_limited:
            messages.append(
                f"only {self.samples} different samples, n k = {self.rows} outputs for P = {self.P} parameters: "
                "the data limit the rank, not the network"
            )
        if bool(self.unclear.any()):
            worst = f"the gap of the spectrum at the tolerance {self.tau:.0e} is {float(self.gap.min()):.1e}"
            messages.append(f"{worst}, below {self.clear:.0e}: read the counts at several tolerances, not one")
        if not bool(self.resolved.all()):
            messages.append(
                f"the explained directions, {int(self.explained.max())}, are more than the {int(self.nullity.min())} "
                f"that were counted: at the tolerance {self.tau:.0e} the residual is not resolved"
            )
        if self.squared:
            messages.append(GRAM_WARNING)
        return tuple(messages)


def count(
    net: Mlp, theta: Tensor, X: Tensor, tau: float = numerical_rank.SINGULAR, chunk: int | None = None
) -> DirectionCount:
    """Count and explain free directions, every member at once: theta `[*, P]`, X `[n, d_0]` or `[*, n, d_0]`.

    Of any activation; only relu and linear have gates, and directions of type 3. Memory about `3 P²` numbers a member,
    time `3 n k P²` and a few `P³`. Raises `ConfigError` for anything but float64.
    """
    return run_to_end(count_stages(net, theta, X, partial(by_qr, tau=tau, chunk=chunk)))


def count_stages(
    net: Mlp, theta: Tensor, X: Tensor, factorise: Factorisation = by_qr, dependent: bool = False
) -> WithProgress[DirectionCount]:
    """Count stage by stage, from J or from its Gram matrix.

    dependent: whether to look for gates that depend on one another, of one net `theta [P]`.
    """
    passes = layer_passes(net, theta, X)
    layer_blocks = tuple(blocks(g) for g in passes.gates)
    J = ChunkedJacobian(partial(jacobian, net, theta), X, net.sizes[-1], [prod(shape) for shape in net.shapes])
    spaces = yield from factorise(J)
    related = related_gate_directions(net, theta, passes) if dependent and layer_blocks else None
    return count_of_parts(
        net, passes, layer_blocks, spaces, generators(net, theta, layer_blocks), related, distinct_samples(X)
    )


def count_of_parts(
    net: Mlp | Layout,
    passes: LayerPasses,
    layer_blocks: tuple[Blocks, ...],
    spaces: RowSpaces,
    directions: Tensor,
    related: Tensor | None,
    samples: int,
) -> DirectionCount:
    """Assemble the count from row spaces of J, generators `[*, q, P]`, and those of gates that are related."""
    r_a, r_g = closed_form.layer_ranks(passes, spaces.tau)
    N1, N2, N12 = closed_form.by_type(net, r_a, r_g)
    parts = explain(spaces, directions)
    related_count = torch.zeros_like(parts.cross)
    if related is not None and related.shape[-2]:
        related_count = explain(spaces, torch.cat([directions, related], -2)).cross - parts.cross
    r = numerical_rank.count_above(spaces.unit, spaces.tau)
    k = passes.G[-1].shape[-2]
    return DirectionCount(
        r_a, r_g, N1, N2, N12, parts.blocks - N12, layer_blocks, parts.cross, related_count, net.P - r, spaces.values,
        spaces.unit, spaces.tau, numerical_rank.gap(spaces.unit, r), samples, samples * k, net.P, spaces.squared,
    )  # fmt: skip


def distinct_samples(X: Tensor) -> int:
    """Number of samples of X `[*, n, d]` that differ from each other; of several members, the fewest."""
    return min(len(one.unique(dim=0)) for one in X.reshape(-1, *X.shape[-2:]))
