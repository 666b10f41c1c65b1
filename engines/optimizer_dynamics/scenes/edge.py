"""Scene D: the edge of stability. Curvature rises until a step size is just too long for it, and stays there.

Of a network the curvature's largest eigenvalues are followed by subspace iteration: four vectors, one product each a
step. The central flow (Cohen et al. 2024) is what the iterates do without their oscillation,
`dw/dt = -(grad L + ½ sigma² grad S)` with `sigma²` such that the sharpness `S` stays at `2/eta`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from engines.core.compute.batching import tensor
from engines.core.methods.method import Leaf
from engines.core.methods.racing import Race, lengths, race
from engines.core.numerics.lapack import eigh
from engines.optimizer_dynamics.config import OptimizerDynamics
from engines.optimizer_dynamics.scenes import central_flow
from engines.optimizer_dynamics.scenes.small_models import (
    PARAMETERS,
    Network,
    ProductLoss,
    SmallModel,
    Valley,
    images,
    network_start,
)
from engines.optimizer_dynamics.scenes.training import Configs, Knobs, complete, knobs_of, method_of, rates

VECTORS = 4
"""Directions of large curvature that are followed; of two parameters there are two."""


class State(NamedTuple):
    """State of `B` members."""

    w: Tensor
    """`[B, P]`."""
    memory: Tensor
    """Memories of the methods, `[B, K]`."""
    before: Tensor
    """The last two points, `[B, 2, P]`: the oscillation is read off them."""
    basis: Tensor
    """Orthonormal directions of large curvature, `[B, k, P]`."""
    t: Tensor
    """Steps taken, whole number `[B]`."""
    flows: Tensor
    """Places of the central flow and of the gradient flow, a step behind, `[B, 2, P]`; 0 before they begin."""
    flow_basis: Tensor
    """Directions of large curvature at the central flow, `[B, k, P]`."""
    flow_variance: Tensor
    """Trace of the central flow's Sigma, `[B]`."""
    flow_begun: Tensor
    """Step at which the flows began, whole number `[B]`; -1 before."""


@dataclass(frozen=True)
class Problem:
    """Model, start and methods of `B` members."""

    model: SmallModel
    start: Tensor
    """`[B, P]`."""
    race: Race
    methods: tuple[str, ...]
    rate_schedules: tuple[str, ...]


def start_of(config: OptimizerDynamics) -> np.ndarray:
    """Return the parameters `[P]` at the start."""
    if config.model == "network":
        return network_start(config.seed)
    if config.model == "valley":
        return np.array([config.product, config.sharpness])
    # `x y = f` and `x² + y² = l`, x the larger.
    gap = np.sqrt(config.sharpness**2 / 4 - config.product**2)
    x = np.sqrt(config.sharpness / 2 + gap)
    return np.array([x, config.product / x])


def build(configs: Configs, device: torch.device) -> Problem:
    """Assemble the problem of a batch."""
    start = tensor(np.stack([start_of(config) for config in configs]), device)
    model: SmallModel
    if configs[0].model == "network":
        model = Network(*(tensor(values, device) for values in images()))
    elif configs[0].model == "valley":
        model = Valley(tensor([config.rise for config in configs], device))
    else:
        model = ProductLoss(tensor([config.centre for config in configs], device))
    return Problem(
        model=model,
        start=start,
        race=race([method_of(c) for c in configs], (Leaf(start.shape[1], 1),), start, knobs_of(configs, device)),
        methods=tuple(config.method for config in configs),
        rate_schedules=tuple(config.schedule for config in configs),
    )


def capturable(problem: Problem) -> bool:
    """Whether a CUDA graph can record a step: whether flows of a network go is read on the host."""
    return not problem.race.needs_host and not isinstance(problem.model, Network)


def init(configs: Configs, problem: Problem) -> State:
    """Put every member at its start, with the same directions to begin with."""
    w = problem.start
    count, P = min(VECTORS, w.shape[1]), w.shape[1]
    first = np.linalg.qr(np.random.default_rng(0).standard_normal((P, count)))[0].T
    basis = tensor(first, w.device).expand(len(w), -1, -1).clone()
    memory = problem.race.start(w, knobs_of(configs, w.device))
    for _ in range(30 if P > 2 else 4):
        basis = _turned(problem, w, basis, None)
    t = torch.zeros(len(w), dtype=torch.long, device=w.device)
    return State(w, memory, torch.stack([w, w], 1), basis, t, 0 * torch.stack([w, w], 1), basis, 0 * w[:, 0], t - 1)


def _turned(problem: Problem, w: Tensor, basis: Tensor, scale: Tensor | None) -> Tensor:
    """Take a step of subspace iteration of `D H D`: directions `[B, k, P]`; scale `D` is `[B, P]`."""
    image = _image(problem, w, basis, scale)
    finite = image.isfinite().all(-1, keepdim=True).all(-2, keepdim=True)
    Q = torch.linalg.qr(torch.where(finite, image, 0).mT)[0].mT
    return torch.where(finite, Q, torch.nan)


def _image(problem: Problem, w: Tensor, basis: Tensor, scale: Tensor | None) -> Tensor:
    if scale is None:
        return problem.model.curvature(w, basis)
    return scale[:, None] * problem.model.curvature(w, scale[:, None] * basis)


def top_curvature(problem: Problem, w: Tensor, basis: Tensor, scale: Tensor | None) -> tuple[Tensor, Tensor]:
    """Compute the largest Ritz value `[B]` of `D H D` in the span of `basis`, and its direction `[B, P]`."""
    image = _image(problem, w, basis, scale)
    small = basis @ image.mT
    finite = small.isfinite().all(-1, keepdim=True).all(-2, keepdim=True)
    values, vectors = eigh(torch.where(finite, (small + small.mT) / 2, 0))
    top = torch.where(finite[:, 0, 0], values[:, -1], torch.nan)
    return top, (vectors[:, :, -1:] * basis).sum(1)


def scale_of(problem: Problem, state: State, knobs: Knobs) -> Tensor | None:
    """Return `D = (sqrt v^ + eps)^(-1/2)` `[B, P]` of members with averaged squares, 1 of others; None if all are."""
    if not set(problem.methods) & {"adam", "rmsprop"}:
        return None
    scale = torch.ones_like(state.w)
    for group in problem.race.groups:
        memory = group.unpack(state.memory[group.places])
        if "v" in memory:
            beta, t = knobs["beta2"][group.places][:, None], state.t[group.places][:, None].clamp_min(1)
            corrected = getattr(group.method, "corrected", True)
            v = memory["v"] / (1 - beta**t) if corrected else memory["v"]
            root = v.sqrt() + knobs["eps"][group.places][:, None]
            scale[group.places] = torch.where(state.t[group.places][:, None] > 0, root.clamp_min(1e-150) ** -0.5, 1)
    return scale


def thresholds(problem: Problem, knobs: Knobs) -> Tensor:
    """Return the curvature times step size `[B]` beyond which each method is unstable.

    Gradient descent 2; heavy ball `2 + 2b`; Nesterov `(2+2b)/(1+2b)`; averaged momentum, Adam's, `(2+2b)/(1-b)`; of own
    methods nobody knows it, NaN.
    """
    b = knobs["beta1"]
    forms = {"heavy_ball": 2 + 2 * b, "nesterov": (2 + 2 * b) / (1 + 2 * b), "adam": (2 + 2 * b) / (1 - b),
             "own": torch.full_like(b, torch.nan)}  # fmt: skip
    every = [forms[name] if name in forms else torch.full_like(b, 2.0) for name in problem.methods]
    return torch.stack([value[i] for i, value in enumerate(every)])


def step(problem: Problem, state: State, knobs: Knobs) -> State:
    """Take one step of each member's method on parameters `[B, P]`, and one of the subspace iteration."""
    loss, gradient = problem.model.loss_and_gradient(state.w)
    rate = rates(problem.rate_schedules, state.t, knobs)
    basis = _turned(problem, state.w, state.basis, scale_of(problem, state, knobs))
    w, memory = problem.race.step(state.w, state.memory, gradient, loss, rate, state.t + 1, knobs)
    before = torch.stack([state.before[:, 1], state.w], 1)
    return _with_flows(problem, state._replace(w=w, memory=memory, before=before, basis=basis, t=state.t + 1), knobs)


def smoothed(state: State) -> Tensor:
    """Compute the iterates a step ago without the part that changes its sign with every step, `[B, P]`."""
    return (state.before[:, 0] + 2 * state.before[:, 1] + state.w) / 4


def _with_flows(problem: Problem, state: State, knobs: Knobs) -> State:
    """Take one step of the flows of those members that have some, and begin those whose step has come."""
    if not isinstance(problem.model, Network):
        return state
    start, last = knobs["flow_start"], state.t - 1
    begins = (start >= 0) & (start <= last) & (state.flow_begun < start)
    goes = (state.flow_begun >= 0) & ~begins
    if not bool((begins | goes).any()):
        return state
    begun = torch.where(begins, last, state.flow_begun)
    flows = torch.where(begins[:, None, None], smoothed(state)[:, None], state.flows)
    basis = torch.where(begins[:, None, None], state.basis, state.flow_basis)
    variance = torch.where(begins, 0, state.flow_variance)
    for member in goes.nonzero().flatten().tolist():
        if problem.methods[member] != "gd":
            continue
        eta, at = float(rates(problem.rate_schedules, last, knobs)[member]), slice(member, member + 1)
        central = central_flow.step(problem.model, central_flow.FlowState(flows[at, 0], basis[at], 0.0), eta)
        plain = central_flow.step(
            problem.model, central_flow.FlowState(flows[at, 1], basis[at], 0.0), eta, central=False
        )
        flows[at], basis[at], variance[at] = torch.stack([central.w, plain.w], 1), central.basis, central.variance
    return state._replace(flows=flows, flow_basis=basis, flow_variance=variance, flow_begun=begun)


def _flow_values(problem: Problem, state: State, rate: Tensor) -> dict[str, Tensor]:
    """Compute the channels of the flows, NaN `[B]` where there are none."""
    runs = (state.flow_begun >= 0) & torch.tensor([name == "gd" for name in problem.methods], device=rate.device)
    if not bool(runs.any()) or not isinstance(problem.model, Network):
        return {}
    away = lengths(state.flows.flatten(0, 1), smoothed(state).repeat_interleave(2, 0)).unflatten(0, (-1, 2))
    loss = problem.model.loss_and_gradient(state.flows[:, 0])[0] + state.flow_variance / rate
    distances = {"central_distance": away[:, 0], "gradient_distance": away[:, 1],
             "central_variance": state.flow_variance, "central_loss": loss}  # fmt: skip
    return {name: torch.where(runs, values, torch.nan) for name, values in distances.items()}


def observe(problem: Problem, state: State, knobs: Knobs) -> dict[str, Tensor]:
    """Compute all channels that are not thin, each `[B, *dims]`."""
    loss, _ = problem.model.loss_and_gradient(state.w)
    rate = rates(problem.rate_schedules, state.t, knobs)
    scale = scale_of(problem, state, knobs)
    top, _ = top_curvature(problem, state.w, _turned(problem, state.w, state.basis, scale), scale)
    # Half the second difference: the part of the iterates that changes its sign with every step.
    swing = (state.before[:, 0] - 2 * state.before[:, 1] + state.w) / 4
    channels = {
        "loss": loss,
        "rate": rate,
        "distance": lengths(state.w, problem.start),
        "d_estimate": problem.race.remembered(state.memory, "d"),
        "sharpness": top,
        "edge_ratio": top * rate / thresholds(problem, knobs),
        "oscillation": torch.where(state.t > 1, swing.square().sum(1), torch.nan),
    }
    channels |= _flow_values(problem, state, rate)
    if isinstance(problem.model, ProductLoss):
        channels |= {"residual": state.w.prod(1) - problem.model.c, "length": state.w.square().sum(1)}
    if isinstance(problem.model, Valley):
        channels |= {"residual": state.w[:, 0], "length": state.w[:, 1]}
    return complete(channels, state.w)


def snapshot(problem: Problem, state: State, knobs: Knobs) -> dict[str, Tensor]:
    """Return no thin channel `[B, *dims]` of its own."""
    return complete({}, state.w, thin=True)


def nbytes(configs: Sequence[OptimizerDynamics]) -> int:
    """Estimate the memory of a batch: parameters, memories and directions, and activations of a product."""
    P = PARAMETERS if configs[0].model == "network" else 2
    return len(configs) * 8 * (60 * P + 12 * VECTORS * 100 * 12) + 2**20
