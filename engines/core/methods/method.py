"""Methods as values: a pure `init` and a pure `update` over flat parameters with a member axis.

`b` members share one method, `P` parameters lie in one vector, leaf after leaf. Memory is tensors `[b, *]` by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import prod
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor

Memory = dict[str, Tensor]
"""Tensors that a method remembers, `[b, size]` each; scalars are `[b, 1]`."""

Moved = tuple[Tensor, Memory]


class Leaf(NamedTuple):
    """One matrix of the parameters, or the diagonal of one, which is all there is of it."""

    rows: int
    columns: int
    diagonal: int = 0
    """Entries of the diagonal that stands for the matrix; 0 where all entries are kept."""

    @property
    def size(self) -> int:
        """Numbers that are kept."""
        return self.diagonal or self.rows * self.columns


Leaves = tuple[Leaf, ...]


def leaves_of(shapes: Iterable[tuple[int, ...]]) -> Leaves:
    """Return one leaf a tensor: what has one axis is a column, of more than two all but the first are columns."""
    return tuple(Leaf(shape[0] if shape else 1, prod(shape[1:])) for shape in shapes)


class Inputs(NamedTuple):
    """Everything that one update sees of its members."""

    gradient: Tensor
    """`[b, P]`, at the point that the method asks for: `w`."""
    w: Tensor
    """Parameters `[b, P]`."""
    loss: Tensor
    """`[b, 1]`."""
    rate: Tensor
    """Step size times schedule, `[b, 1]`."""
    t: Tensor
    """Number of this step, from 1 on, `[b, 1]`."""
    knobs: Mapping[str, Tensor]
    """`[b, 1]` each."""
    leaves: Leaves
    room: Mapping[str, Tensor] = MappingProxyType({})
    """New memory by name, `[b, size]` each, for methods that write theirs there: then nothing is copied."""


class Method:
    """Base of all methods; each is a frozen value, and equal values share one group of a batch."""

    @property
    def needs_host(self) -> bool:
        """Whether an update asks a GPU for a number before it goes on, as eigenvalue solvers do."""
        return False

    def init(self, w: Tensor, knobs: Mapping[str, Tensor], leaves: Leaves) -> Memory:
        """Return the memory before the first step, from parameters `[b, P]`."""
        return {}

    def update(self, x: Inputs, memory: Memory) -> Moved:
        """Return parameters `[b, P]` and memory after one step."""
        raise NotImplementedError

    def reported(self, w: Tensor, memory: Memory, knobs: Mapping[str, Tensor]) -> Tensor:
        """Return the point that counts `[b, P]`, where it is not the one at which gradients are taken."""
        return w

    def mapped(self, values: Tensor, leaf: Leaf, knobs: Mapping[str, Tensor]) -> Tensor:
        """Return what becomes of a gradient's singular values `[b, n]`; NaN where that depends on more."""
        return torch.full_like(values, torch.nan)


def zeros(w: Tensor, *names: str) -> Memory:
    """Return memory of these names that begins at zero, `[b, P]` each."""
    return {name: torch.zeros_like(w) for name in names}


def scalars(w: Tensor, **values: float | Tensor) -> Memory:
    """Return scalars `[b, 1]` that begin at these values."""
    like = w[:, :1]
    return {name: torch.zeros_like(like) + value for name, value in values.items()}


def moving_average(old: Tensor, fresh: Tensor, keep: Tensor, out: Tensor | None = None) -> Tensor:
    """Compute `keep old + (1-keep) fresh`, `[b, P]`; in place where nobody else has it, as memory is what is slow."""
    return torch.mul(keep, old, out=out).add_((1 - keep) * fresh)


def decayed(x: Inputs) -> Tensor:
    """Shrink parameters by decoupled weight decay, before the step: `(1 - eta wd) w`, `[b, P]`."""
    return x.w * (1 - x.rate * x.knobs["weight_decay"])


def moved(x: Inputs, direction: Tensor, scratch: bool = False) -> Tensor:
    """Take the step `(1 - eta wd) w - eta u`, `[b, P]`; where u is `scratch` it may be overwritten."""
    return decayed(x).sub_(direction.mul_(x.rate) if scratch else x.rate * direction)


def split(flat: Tensor, leaves: Leaves) -> list[Tensor]:
    """View flat parameters `[b, P]` leaf by leaf: matrices `[b, rows, columns]`, or diagonals `[b, n]`."""
    parts, start = [], 0
    for leaf in leaves:
        part = flat[:, start : start + leaf.size]
        parts.append(part if leaf.diagonal else part.unflatten(1, (leaf.rows, leaf.columns)))
        start += leaf.size
    return parts


def join(parts: Sequence[Tensor]) -> Tensor:
    """Flatten leaves `[b, *]` and put them in one row `[b, P]`."""
    return torch.cat([part.flatten(1) for part in parts], 1)


def each(flat: Tensor, leaves: Leaves, act: Callable[[Tensor, Leaf], Tensor]) -> Tensor:
    """Apply a function of matrices `[*, rows, columns]` to every leaf of `[b, P]`; it is told the leaf."""
    if len(set(leaves)) == 1 and not leaves[0].diagonal:  # all at once
        return act(flat.reshape(-1, leaves[0].rows, leaves[0].columns), leaves[0]).reshape(flat.shape)
    return join([act(part, leaf) for part, leaf in zip(split(flat, leaves), leaves, strict=True)])


def row_norm(x: Tensor) -> Tensor:
    """Compute Euclidean lengths `[b, 1]` of rows `[b, P]`."""
    return torch.linalg.vector_norm(x, dim=1, keepdim=True)


def dot(x: Tensor, y: Tensor) -> Tensor:
    """Compute inner products `[b, 1]` of rows `[b, P]`."""
    return (x * y).sum(1, keepdim=True)
