"""Chains that sample a loss around its minimum.

Each member is one estimate of a learning coefficient by many chains.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from engines.core.numerics.noise import Noise
from engines.core.protocol.composite import Dynamics
from engines.loss_landscape.dynamics import sampling_target
from engines.loss_landscape.dynamics.protocol import Configs, Knobs, filled
from engines.loss_landscape.dynamics.sampling_target import SamplingTarget, eigenmodes, target_of
from engines.loss_landscape.hessian.lanczos import rademacher
from engines.loss_landscape.learning_coefficient import gibbs, samplers
from engines.loss_landscape.learning_coefficient.samplers import (
    NORMALS,
    ROWS,
    UNIFORMS,
    ChainPoint,
    Window,
    init_state,
    largest_curvature,
    step_size,
)
from engines.loss_landscape.models.deep_linear import DeepLinear

CHAINS_SHOWN = 400
"""Most chains whose places are recorded."""


class State(NamedTuple):
    """State of the C chains of each member, with sums after burn-in."""

    theta: Tensor
    """`[B, C, P]`."""
    loss: Tensor
    """Loss of each chain, `[B, C]`, on all data or on the minibatch of the step."""
    gradient: Tensor
    """`[B, C, P]`."""
    taken: Tensor
    """Number of accepted steps, `[B, C]`."""
    total: Tensor
    """Sum of losses after burn-in, `[B, C]`."""
    counted: Tensor
    """Number of steps after burn-in, whole number `[B]`."""
    t: Tensor
    """Number of steps, whole number `[B]`."""


@dataclass(frozen=True)
class Problem:
    """Target and noise of members that share all `shape` knobs."""

    optimizer: str
    target: SamplingTarget
    axes: Tensor
    """Two directions in which the chains are drawn, `[B, 2, P]`."""
    h_max: Tensor
    """Largest curvature at the centre, `[B]`."""
    baseline: Tensor
    """Loss at the centre, `[B]`."""
    centre: dict[str, Tensor]
    """Channels of the centre, which stay as they are."""
    normals: Noise
    uniforms: Noise
    rows: Noise | None
    linear: DeepLinear | None
    chains: int


def build(configs: Configs, device: torch.device) -> Problem:
    """Build the loss, its curvature and the counts at its minimum, on the CPU: chains of small losses."""
    one, target = configs[0], target_of(configs)
    seeds, C, P = [config.seed for config in configs], one.chains, target.star.shape[-1]
    modes = eigenmodes(target)
    h_max = modes.values[:, 0] if modes is not None else _largest_curvature(target)
    rows = Noise(seeds, ROWS, (C, one.batch_size), "rows", target.n) if one.batch_size and target.on else None
    linear = DeepLinear(one.sizes, one.rank, one.scale) if one.optimizer == "gibbs" else None
    with torch.no_grad():
        baseline = target.loss(target.star[:, None])[:, 0]
    return Problem(
        one.optimizer, target, sampling_target.display_axes(target, modes), h_max, baseline,
        sampling_target.centre_channels(configs, modes),
        Noise(seeds, NORMALS, (C, P), "normal"), Noise(seeds, UNIFORMS, (C,), "uniform"), rows, linear, C,
    )  # fmt: skip


def _largest_curvature(target: SamplingTarget) -> Tensor:
    """Largest curvature of a large network by Lanczos steps from one vector of signs for all members, `[B]`."""
    source = torch.Generator().manual_seed(0)
    begin = rademacher(source, target.star.shape[-1]).expand_as(target.star)
    with torch.enable_grad():
        return largest_curvature(lambda theta: target.loss(theta[:, None])[:, 0], target.star, begin)


def start(configs: Configs, problem: Problem) -> State:
    """State with all chains in the centre."""
    theta = problem.target.star[:, None].expand(-1, problem.chains, -1).clone()
    point = _init_state(problem, theta, 0)
    none, count = torch.zeros_like(point.loss), torch.zeros(len(theta), dtype=torch.long)
    return State(theta, point.loss, point.gradient, none, none.clone(), count, count.clone())


def _init_state(problem: Problem, theta: Tensor, t: int) -> ChainPoint:
    with torch.enable_grad():
        return init_state(_loss(problem, t), theta)


def _loss(problem: Problem, t: int):
    """Loss of step t: of all data, or of the rows that it draws."""
    on, rows = problem.target.on, problem.rows
    if rows is None or on is None:
        return problem.target.loss
    return lambda theta: on(theta, rows.at(t))


def step(problem: Problem, state: State, knobs: Knobs) -> State:
    """Take one step of all chains `[B, C, P]`, counted once burn-in is over; each knob is `[B]`."""
    t = int(state.t.max())
    moved = _gibbs_sweep(problem, state, knobs, t) if problem.linear else _langevin(problem, state, knobs, t)
    counts = (state.t >= knobs["burn_in"]).long()
    return State(
        moved.theta, moved.loss, moved.gradient, state.taken + moved.accepted,
        state.total + torch.where(counts[:, None] > 0, moved.loss, 0), state.counted + counts, state.t + 1,
    )  # fmt: skip


def _langevin(problem: Problem, state: State, knobs: Knobs, t: int) -> ChainPoint:
    b, gamma = (knobs[name][:, None] for name in ("n_beta", "gamma"))
    window = Window(problem.target.star[:, None], b, gamma)
    eta = step_size(problem.h_max, knobs["n_beta"], knobs["gamma"], 1.0) * knobs["kappa"]
    here = ChainPoint(state.theta, state.loss, state.gradient, torch.ones_like(state.loss))
    loss, normals = _loss(problem, t + 1), problem.normals.at(t)
    with torch.enable_grad():
        if problem.optimizer == "mala":
            return samplers.mala(loss, window, eta[:, None], here, normals, problem.uniforms.at(t))
        return samplers.sgld(loss, window, eta[:, None], here, normals)


def _gibbs_sweep(problem: Problem, state: State, knobs: Knobs, t: int) -> ChainPoint:
    """Draw every layer given the others, without a step size."""
    model, C = problem.linear, problem.chains
    assert model is not None
    layers = [W.flatten(0, 1) for W in model.split(state.theta)]
    noise = [W.flatten(0, 1) for W in model.split(problem.normals.at(t))]
    b = knobs["n_beta"].repeat_interleave(C)
    gamma = float(knobs["gamma"][0])
    swept = gibbs.gibbs_sweep(model, layers, b, gamma, noise)
    theta = torch.cat([W.flatten(-2) for W in swept], -1).unflatten(0, (-1, C))
    loss = model(theta)
    return ChainPoint(theta, loss, state.gradient, torch.ones_like(loss))


def observe(problem: Problem, state: State, knobs: Knobs) -> dict[str, Tensor]:
    """Channels `[B, *dims]` of the chains: loss, estimate and its error, distance, acceptance, norm, accuracies."""
    b, C = knobs["n_beta"][:, None], problem.chains
    above = state.loss - problem.baseline[:, None]
    counts = state.counted[:, None] > 0
    mean = torch.where(counts, state.total / state.counted.clamp_min(1)[:, None], state.loss)
    each = b * (mean - problem.baseline[:, None])
    error = each.std(-1) / C**0.5 if C > 1 else torch.full_like(each[:, 0], torch.nan)
    apart = (state.theta - problem.target.star[:, None]).square().sum(-1)
    values = {
        "loss": torch.where(state.t > 0, above.mean(-1), 0),  # not by rounding above itself
        "llc": each.mean(-1),
        "llc_error": error,
        "distance": apart.mean(-1).sqrt(),
        "acceptance": (state.taken / state.t[:, None]).mean(-1),  # not known before the first step
        "weight_norm": state.theta.square().sum(-1).mean(-1).sqrt(),
        **problem.target.accuracies,
    }
    return filled(values, len(above), thin=False)


def snapshot(problem: Problem, state: State, knobs: Knobs) -> dict[str, Tensor]:
    """Channels `[B, *dims]` of the chains in a plane, and of the centre."""
    apart = state.theta[:, :CHAINS_SHOWN] - problem.target.star[:, None]
    x, y = (apart @ problem.axes.mT).unbind(-1)
    places = {"point_x": x, "point_y": y, "point_class": torch.zeros_like(x)}
    return filled(places | sampling_target.with_effective_parameters(problem.centre, knobs), len(x), thin=True)


CHAINS = Dynamics(problem=build, init=start, step=step, observe=observe, snapshot=snapshot)
