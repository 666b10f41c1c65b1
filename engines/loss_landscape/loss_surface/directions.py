"""Directions in parameter space to draw the loss along. Batched over leading axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor


class Tensors(Protocol):
    """How a flat vector is made of tensors: `Mlp`, or the `layout` of another model."""

    def split(self, theta: Tensor) -> list[Tensor]:
        """Tensors of parameters `[..., P]`."""
        ...

    def join(self, tensors: list[Tensor]) -> Tensor:
        """The inverse."""
        ...


def filter_normalised(tensors: Tensors, theta: Tensor, seed: int, biases: bool = False) -> Tensor:
    """A random direction `[..., P]` of which each row has the norm of that row of theta; none along biases.

    `d_j <- d_j ‖w_j‖/(‖d_j‖ + 1e-10)`, d ~ N(0, 1), w_j the weights into a neuron; tensors with one axis are zero, and
    so is the last column where `biases` says that it holds them. Members share the draw. Li et al. 2018, "filter".
    """
    source = torch.Generator().manual_seed(seed)
    drawn = torch.randn(theta.shape[-1], generator=source, dtype=torch.float64).to(theta)
    rows = zip(tensors.split(drawn), tensors.split(theta), strict=True)
    return tensors.join([_scaled(d, w, theta.ndim - 1, biases) for d, w in rows])


def _scaled(d: Tensor, w: Tensor, leading: int, biases: bool) -> Tensor:
    """Of one tensor `w [..., *shape]`, `d [*shape]`."""
    if d.ndim == 1:
        return torch.zeros_like(w)
    d, w = d.clone(), w.clone()
    if biases:
        d[..., -1], w[..., -1] = 0, 0
    inner = tuple(range(leading + 1, w.ndim))
    norms = torch.linalg.vector_norm(w, dim=inner, keepdim=True)
    own = torch.linalg.vector_norm(d, dim=tuple(range(1, d.ndim)), keepdim=True)
    return d * norms / (own + 1e-10)


class Principal(NamedTuple):
    """Main directions of a trajectory."""

    directions: Tensor
    """Orthonormal, `[k, ..., P]`."""
    shares: Tensor
    """Of the sum of squares of `w_t - w_T`, `[k, ...]`."""


def principal(trajectory: Tensor, count: int = 2) -> Principal:
    """The top right singular vectors of the rows `w_t - w_T`, not centred, of `trajectory [T, ..., P]`."""
    steps = (trajectory - trajectory[-1]).movedim(0, -2)
    _, sizes, rows = torch.linalg.svd(steps, full_matrices=False)
    squares = sizes.square()
    shares = squares / squares.sum(-1, keepdim=True)
    return Principal(rows[..., :count, :].movedim(-2, 0), shares[..., :count].movedim(-1, 0))


def through(points: Sequence[Tensor]) -> Tensor:
    """The two directions `[2, ..., P]` from the first of three points `[..., P]` to the others: they have no unit."""
    first, second, third = points
    return torch.stack([second - first, third - first])
