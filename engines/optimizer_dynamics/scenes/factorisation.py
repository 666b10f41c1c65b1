"""Scene A: a matrix is learned as a product of factors, `½|W_L … W_1 − M|²`. Each singular value is one mode.

The stream of seed s is numpy's `default_rng(s)`: U, V (QR of Gaussians, diagonal of R positive), then W_1 .. W_L, or
the bases in between where the start is aligned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from engines.core.compute.batching import tensor
from engines.core.methods.method import Leaf, Leaves, join, split
from engines.core.methods.racing import Race, lengths, race
from engines.core.numerics.lapack import svd, svdvals
from engines.optimizer_dynamics import laws
from engines.optimizer_dynamics.config import OptimizerDynamics
from engines.optimizer_dynamics.scenes.training import Configs, Knobs, complete, knobs_of, method_of, rates

LARGE_FIRST = ("gd", "heavy_ball", "nesterov")
"""Methods that learn large modes first, and one after the other."""


class State(NamedTuple):
    """State of `B` factorisations."""

    w: Tensor
    """Factors, flat, W_1 first, `[B, P]`."""
    memory: Tensor
    """Memories of the methods, `[B, K]`."""
    half_time: Tensor
    """Step at which each mode was half learned, NaN before, `[B, r]`; -1 stands for NaN."""
    t: Tensor
    """Steps taken, whole number `[B]`."""


@dataclass(frozen=True)
class Problem:
    """Target, bases and methods of `B` members with factors of the same shapes."""

    M: Tensor
    """`[B, n, m]`."""
    U: Tensor
    """Left singular vectors of the target, `[B, n, r]`."""
    V: Tensor
    """Right singular vectors of the target, `[B, m, r]`."""
    s: Tensor
    """Singular values, `[B, r]`."""
    start: Tensor
    """`[B, P]`."""
    law: Tensor
    """Half times in closed form, `[B, r]`."""
    leaves: Leaves
    race: Race
    rate_schedules: tuple[str, ...]


class Draw(NamedTuple):
    """Bases and factors of one member."""

    U: np.ndarray
    """`[n, r]`."""
    V: np.ndarray
    """`[m, r]`."""
    factors: list[np.ndarray]
    """`[rows, columns]` each, W_1 first."""


def orthonormal_columns(stream: np.random.Generator, n: int, r: int) -> np.ndarray:
    """Draw orthonormal columns `[n, r]`: Q of a Gaussian matrix, with the diagonal of R positive."""
    Q, R = np.linalg.qr(stream.standard_normal((n, r)))
    return Q * np.sign(np.diag(R))


def draw(config: OptimizerDynamics) -> Draw:
    """Draw the bases of the target and the factors at the start."""
    stream, r, L = np.random.default_rng(config.seed), len(config.values), config.depth
    U, V = orthonormal_columns(stream, config.rows, r), orthonormal_columns(stream, config.columns, r)
    if config.start == "random":
        factors = [config.alpha * stream.standard_normal(shape) / shape[1] ** 0.5 for shape in config.shapes]
        return Draw(U, V, factors)
    bases = [V, *(orthonormal_columns(stream, config.width, r) for _ in range(L - 1)), U]
    if config.start == "diagonal":
        bases = [np.eye(len(basis), r) for basis in bases]
    factors = [config.alpha * bases[i + 1] @ bases[i].T for i in range(L)]
    return Draw(bases[-1], bases[0], factors)


def build(configs: Configs, device: torch.device) -> Problem:
    """Draw and assemble the problem of a batch."""
    drawn, one = [draw(config) for config in configs], configs[0]
    U, V = (tensor(np.stack([d[side] for d in drawn]), device) for side in (0, 1))
    s = tensor(one.values, device).expand(len(configs), -1)
    start = tensor(np.stack([np.concatenate([W.ravel() for W in d.factors]) for d in drawn]), device)
    leaves = tuple(Leaf(*shape) for shape in one.shapes)
    law = np.stack([laws.half_times(config, strengths(config, d)) for config, d in zip(configs, drawn, strict=True)])
    return Problem(
        M=U * s[:, None, :] @ V.mT, U=U, V=V, s=s, start=start, law=tensor(law, device), leaves=leaves,
        race=race([method_of(config) for config in configs], leaves, start, knobs_of(configs, device)),
        rate_schedules=tuple(config.schedule for config in configs),
    )  # fmt: skip


def members(problem: Problem, places: slice) -> Problem:
    """Return the problem of some members alone."""
    own = {name: getattr(problem, name)[places] for name in ("M", "U", "V", "s", "start", "law", "rate_schedules")}
    return replace(problem, race=problem.race.members(places), **own)


def gather(problem: Problem, index: Tensor) -> Problem:
    """Return the problem of the members at `index` `[b]`."""
    own = {name: getattr(problem, name)[index] for name in ("M", "U", "V", "s", "start", "law")}
    schedules = tuple(problem.rate_schedules[place] for place in index.tolist())
    return replace(problem, race=problem.race.gather(index), rate_schedules=schedules, **own)


def strengths(config: OptimizerDynamics, drawn: Draw | None = None) -> np.ndarray:
    """Return the strength `u0` `[r]` with which each mode begins to grow.

    Aligned: `alpha^L`. Two random factors: `|W_1 v_i + W_2^T u_i|^2 / 4`, the part that grows; where large modes
    are learned first, without what lies in the hidden directions of larger modes, which is gone by then. Deeper random
    ones: the entry of the product.
    """
    r = len(config.values)
    if config.start != "random":
        return np.full(r, config.alpha**config.depth)
    U, V, factors = drawn or draw(config)
    if config.depth == 2:
        growing = factors[0] @ V + factors[1].T @ U
        if config.method in LARGE_FIRST:
            return np.diag(np.linalg.qr(growing)[1]) ** 2 / 4
        return (growing**2).sum(0) / 4
    product = np.linalg.multi_dot(factors[::-1])
    return np.abs(np.einsum("ni,nm,mi->i", U, product, V))


def init(configs: Configs, problem: Problem) -> State:
    """Put every member at its start."""
    memory = problem.race.start(problem.start, knobs_of(configs, problem.start.device))
    half = torch.full_like(problem.s, -1)
    return State(problem.start, memory, half, torch.zeros(len(half), dtype=torch.long, device=half.device))


class Values(NamedTuple):
    """Loss, gradient and product at some parameters."""

    loss: Tensor
    """`[B]`."""
    gradient: Tensor
    """`[B, P]`."""
    product: Tensor
    """`[B, n, m]`."""


def evaluate(w: Tensor, M: Tensor, leaves: Leaves) -> Values:
    """Compute `½|W_L … W_1 − M|²` and its gradient at `w` `[B, P]`, for a target `M` `[B, n, m]`."""
    W = split(w, leaves)
    products: list[Tensor] = [W[0]]
    for factor in W[1:]:
        products.append(factor @ products[-1])
    back, gradients = products[-1] - M, []
    loss = back.square().sum((-2, -1)) / 2
    for at in range(len(W) - 1, 0, -1):
        gradients.append(back @ products[at - 1].mT)
        back = W[at].mT @ back
    return Values(loss, join([back, *gradients[::-1]]), products[-1])


def modes(problem: Problem, product: Tensor) -> Tensor:
    """Compute the strength `u_i^T P v_i` of each mode, `[B, r]`, in a product `[B, n, m]`."""
    return (problem.U * (product @ problem.V)).sum(1)


def step(problem: Problem, state: State, knobs: Knobs) -> State:
    """Take one step of each member's method on the factors `[B, P]`."""
    now = evaluate(state.w, problem.M, problem.leaves)
    rate = rates(problem.rate_schedules, state.t, knobs)
    w, memory = problem.race.step(state.w, state.memory, now.gradient, now.loss, rate, state.t + 1, knobs)
    return State(w, memory, _half_times(problem, state, now.product), state.t + 1)


def _half_times(problem: Problem, state: State, product: Tensor) -> Tensor:
    """Note the step `[B, r]` for modes that are half learned now and were not before."""
    reached = (state.half_time < 0) & (modes(problem, product) >= problem.s / 2)
    return torch.where(reached, state.t[:, None].to(product.dtype), state.half_time)


def observe(problem: Problem, state: State, knobs: Knobs) -> dict[str, Tensor]:
    """Compute all channels that are not thin, each `[B, *dims]`."""
    w = problem.race.reported(state.w, state.memory, knobs)
    now = evaluate(w, problem.M, problem.leaves)
    u, half = modes(problem, now.product), _half_times(problem, state, now.product)
    on = u.square().sum(1) / now.product.square().sum((-2, -1))
    channels = {
        "loss": now.loss,
        "rate": rates(problem.rate_schedules, state.t, knobs),
        "distance": lengths(w, problem.start),
        "d_estimate": problem.race.remembered(state.memory, "d"),
        "modes": u,
        "half_time": torch.where(half >= 0, half, torch.nan),
        "half_time_law": problem.law,
        "target": problem.s,
        "share_off": (1 - on).clamp_min(0).sqrt(),
    }
    return complete(channels, state.w)


def snapshot(problem: Problem, state: State, knobs: Knobs) -> dict[str, Tensor]:
    """Compute singular values `[B, n]` of the first factor and its gradient, and the update in their directions."""
    W = split(state.w, problem.leaves)[0]
    G = split(evaluate(state.w, problem.M, problem.leaves).gradient, problem.leaves)[0].nan_to_num(0)
    rate = rates(problem.rate_schedules, state.t, knobs)[:, None, None]
    update = (W - split(step(problem, state, knobs).w, problem.leaves)[0]) / rate
    left, values, right = svd(G)
    channels = {
        "update_spectrum": (left * (update @ right.mT)).sum(1),
        "update_law": problem.race.mapped(values, knobs),
        "gradient_spectrum": values / torch.linalg.vector_norm(values, dim=1, keepdim=True),
        "factor_spectrum": svdvals(W.nan_to_num(0)),
    }
    return complete(channels, state.w, thin=True)


def nbytes(configs: Sequence[OptimizerDynamics]) -> int:
    """Estimate the memory of a batch: factors and what methods remember, thrice, and the target with its bases."""
    one = configs[0]
    P = sum(rows * columns for rows, columns in one.shapes)
    grams = sum(rows**2 + columns**2 for rows, columns in one.shapes)
    kept = 3 * (6 * P + 2 * grams) + 4 * one.rows * one.columns + one.rows**2 + one.columns**2
    return 8 * len(configs) * (kept + 100)
