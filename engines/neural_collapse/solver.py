"""The minimiser of f(W, H; H0): alternation of the two exact block minimisers, accelerated (Anderson 1965).

The fixed point is one of W alone, `W = g(W) = W*(H*(W))`, of size K x d. Plain alternation never raises f. After
`PLAIN` steps the last `MEMORY` differences extrapolate it; an extrapolation that would raise f is not taken. Solved
members stand still, so that each is the same whoever is in its batch.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from engines.core.numerics.collapse_metrics import TINY, frobenius_norm
from engines.neural_collapse.features import FeatureTargets, Knobs, applied

TOLERANCE = 1e-12
"""Largest `‖g(W) - W‖/‖g(W)‖` of a solved layer.

Rotations of the minimiser cost next to nothing: a smaller one would follow rounding.
"""

PLAIN, MEMORY = 15, 6

RIDGE = 1e-7
"""Ridge of the least squares for the extrapolation, relative to its columns.

Rounding is amplified up to 1/(2 sqrt RIDGE) times on the way: a layer before it is solved has 1e-9 of its digits in
common on two processors (5e-10 measured of pixels, for one unit of the last place of the input; 5e-9 with 1e-10). It
costs no steps.
"""

SLACK = 1e-13
"""Share of itself by which an extrapolation may raise f: close to the solution rounding decides."""

MOST = 500
"""Steps after which a layer is taken as it is."""


class SolverState(NamedTuple):
    """State of the solver after some steps."""

    H: Tensor
    """Features `H*(W)`; H0 at the start, `[B, d, K + r]`."""
    W: Tensor
    """Classifier, `[B, K, d]`; 0 at the start."""
    changes: Tensor
    """The last differences of `g(W) - W`, newest first, `[B, MEMORY, K d]`."""
    moves: Tensor
    """The last differences of g(W), newest first, `[B, MEMORY, K d]`."""
    off: Tensor
    """The last `g(W) - W`, `[B, K d]`."""
    image: Tensor
    """The last g(W), `[B, K d]`."""
    count: Tensor
    """Steps taken, `[B]`."""
    value: Tensor
    """Objective f, `[B]`."""


def begin(H0: Tensor, task: FeatureTargets) -> SolverState:
    """State of the solver before its first step on `H0 [B, d, K + r]`."""
    B, d, _ = H0.shape
    flat, past, none = H0.new_zeros(B, task.K * d), H0.new_zeros(B, MEMORY, task.K * d), H0.new_zeros(B)
    return SolverState(H0, H0.new_zeros(B, task.K, d), past, past, flat, flat, none, none)


def residual(it: SolverState, image: Tensor) -> Tensor:
    """Relative residual `‖g(W) - W‖/‖g(W)‖`, `[B]`, with `image = g(W)`, `[B, K, d]`."""
    return frobenius_norm(image - it.W) / frobenius_norm(image).clamp_min(TINY)


def solved(it: SolverState, image: Tensor) -> Tensor:
    """Whether a member is solved, or no longer finite, and stands still, `[B]`; `image = g(W)`, `[B, K, d]`."""
    return (it.count > 0) & ~(residual(it, image) > TOLERANCE)


def value(W: Tensor, H: Tensor, H0: Tensor, task: FeatureTargets, knobs: Knobs) -> Tensor:
    """Objective f(W, H; H0), `[B]`, of `W [B, K, d]`, `H` and `H0 [B, d, K + r]`."""
    return task.loss(W, H, knobs) + task.proximal_term(H, H0, knobs)


def iterate(it: SolverState, H0: Tensor, task: FeatureTargets, knobs: Knobs) -> SolverState:
    """Take one step of the members that are not solved, on `H0 [B, d, K + r]`."""
    image = task.ridge(it.H, knobs)
    flat = image.flatten(1)
    off = flat - it.W.flatten(1)
    changes, moves = _push(it.changes, off - it.off), _push(it.moves, flat - it.image)
    fast = (flat - _extrapolated(changes, moves, off)).view_as(image)
    W = _where(_accepted(it, fast, H0, task, knobs), fast, image)
    H = task.features(W, H0, knobs)
    new = SolverState(H, W, changes, moves, off, flat, it.count + 1, value(W, H, H0, task, knobs))
    done = solved(it, image)
    return SolverState(*(_where(done, old, now) for old, now in zip(it, new, strict=True)))


def solve(H0: Tensor, task: FeatureTargets, knobs: Knobs) -> SolverState:
    """Solve the layer whose input is `H0 [B, d, K + r]`, in at most `MOST` steps."""
    it = begin(H0, task)
    for _ in range(MOST):
        it = iterate(it, H0, task, knobs)
        if bool(solved(it, task.ridge(it.H, knobs)).all()):
            break
    return it


def _push(past: Tensor, new: Tensor) -> Tensor:
    return torch.cat([new[:, None], past[:, :-1]], 1)


def _extrapolated(changes: Tensor, moves: Tensor, off: Tensor) -> Tensor:
    """Correction to subtract from g(W), `[B, K d]`: past moves, combined so that their changes best explain `off`."""
    norms = torch.linalg.vector_norm(changes, dim=-1, keepdim=True).clamp_min(TINY)
    changes, moves = changes / norms, moves / norms
    system = changes @ changes.mT + RIDGE * torch.eye(MEMORY, dtype=off.dtype, device=off.device)
    weights = torch.linalg.solve_ex(system, applied(changes, off[:, :, None]))[0]
    return (weights.mT @ moves)[:, 0]


def _accepted(it: SolverState, fast: Tensor, H0: Tensor, task: FeatureTargets, knobs: Knobs) -> Tensor:
    """Whether the extrapolation is due and does not raise f, `[B]`."""
    ahead = value(fast, task.features(fast, H0, knobs), H0, task, knobs)
    return (it.count >= PLAIN) & (ahead <= it.value * (1 + SLACK))


def _where(mask: Tensor, yes: Tensor, no: Tensor) -> Tensor:
    return torch.where(mask.view(-1, *[1] * (yes.dim() - 1)), yes, no)
