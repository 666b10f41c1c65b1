"""Chains around w*: where they begin, how large their steps are, and their losses as they come."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, isfinite
from typing import NamedTuple

import torch
from torch import Tensor

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.learning_coefficient.run import Step, Trace, langevin, metropolis, normal, run
from engines.loss_landscape.learning_coefficient.state import State, Window, opened, window
from engines.loss_landscape.learning_coefficient.step_size import burn_in, largest_curvature, step_size
from engines.loss_landscape.probes.eigenvalues import Eigenvalues
from engines.loss_landscape.probes.landscape import Landscape

PILOT, ACCEPTED = 150, 0.8
"""Steps of the pilot, and the share of them that its step size is adapted to."""

QUADRATIC = 1.5
"""Chains begin as draws of the quadratic approximation where their loss is what it says, up to this factor."""

STIFF = (0, 1, 10, 100)
"""Directions that are drawn so: all, or those whose curvature `b h` is so many times gamma; else none."""

BLOCKS = 25
"""Of steps, after each of which is shown what is known."""

LARGEST = 3e8
"""Numbers that the outputs of all chains may take."""


class Begun(NamedTuple):
    """Chains at K temperatures, before the steps that count."""

    b: Tensor
    """`[K]`, ascending."""
    gamma: float
    theta: Tensor
    """`[K, C, P]`."""
    settled: bool
    """Whether they began as draws of the quadratic approximation, at all temperatures."""
    curvature: Tensor
    """Mean largest curvature where they are, `[K]`."""
    h_max: float
    """At w*."""


class Sampled(NamedTuple):
    """What S step sizes at K temperatures have given so far."""

    eta: Tensor
    """`[K, S]`."""
    burn: int
    full: int
    """Steps that four relaxations of the window would take."""
    losses: Tensor
    """`[T, K, S, C]`, burn-in included."""
    distances: Tensor
    """`[T, K, S, C]`, squared."""
    acceptance: Tensor
    """`[K, S]`."""


def admitted(one: Landscape, chains: int) -> None:
    """Raise `ConfigError` for more chains than memory holds."""
    size = chains * (one.P + (one.outputs(one.star).numel() if one.outputs else one.n))
    if size > LARGEST:
        raise ConfigError(
            f"{chains} chains need {size:.1e} numbers at once, at most {LARGEST:.0e} are held: take fewer"
        )


def begin(one: Landscape, found: Eigenvalues, b: Tensor, gamma: float, C: int, source: torch.Generator) -> Begun:
    """Chains that have found where the density is: a pilot of MALA, its step size adapted.

    From draws of the quadratic approximation, in all directions or in stiff ones, where the loss is what that
    says; else from w*. Raises `ConfigError` for a curvature that is no number.
    """
    if not isfinite(found.largest * float(b.max())):
        raise ConfigError(f"the curvature at w* is {found.largest:g}: no step is small enough; scale the samples")
    w = window(one.star, b[:, None], gamma)
    theta, settled = _laplace(one, found, w, C, source)
    h_max = max(0.0, found.largest)
    eta = step_size(torch.full_like(w.b, h_max), w.b, gamma, 0.5)
    state = opened(one.loss, theta)
    for t in range(PILOT):
        state = metropolis(one.loss, w, eta, source)(state)
        eta = eta * ((state.accepted.mean(-1, keepdim=True) - ACCEPTED) / (1 + t / 10) ** 0.5).exp()
    curvature = largest_curvature(one.loss, state.theta, source, 10).clamp_min(0).mean(-1)
    return Begun(b, gamma, state.theta, settled, curvature, h_max)


def _laplace(one: Landscape, found: Eigenvalues, w: Window, C: int, source: torch.Generator) -> tuple[Tensor, bool]:
    star = one.star.expand(len(w.b), C, -1)
    if found.vectors is None:
        return star, False
    pull = w.b * found.seen.nodes[0].clamp_min(0)
    drawn = normal(star, source) / (pull + w.gamma).sqrt()[:, None]
    for stiff in STIFF:
        kept = pull >= stiff * w.gamma
        theta = star + drawn * kept[:, None] @ found.vectors.mT
        rise = (w.b * (one.loss(theta) - one.loss(one.star))).mean(-1)
        foretold = (kept * pull / (pull + w.gamma)).sum(-1) / 2
        if bool(((rise < QUADRATIC * foretold) & (rise > foretold / QUADRATIC)).all()):
            return theta, stiff == 0
    return star, False


def sampled(
    one: Landscape, begun: Begun, method: str, kappa: float, burn: int, draws: int, source: torch.Generator
) -> Iterator[Sampled]:
    """Steps of `kappa/(b h + gamma)` from where chains began, and for Richardson of a quarter of that beside them."""
    h = begun.curvature.clamp_min(begun.h_max)
    eta = step_size(h, begun.b, begun.gamma, kappa)[:, None] * torch.tensor(
        [1, 0.25] if method == "richardson" else [1]
    )
    full = burn_in(float(eta.min()), begun.gamma)
    burn = burn or min(full, draws // 4 if begun.settled else 2 * draws)
    w = window(one.star, begun.b[:, None, None], begun.gamma)
    step = (metropolis if method == "mala" else langevin)(one.loss, w, eta[..., None], source)
    state = opened(one.loss, begun.theta[:, None].expand(-1, eta.shape[1], -1, -1))
    known: list[Trace] = []
    for trace in _blocks(step, state, burn + draws, one.star):
        known.append(trace)
        losses, distances = (torch.cat([getattr(part, name) for part in known]) for name in ("losses", "distances"))
        accepted = torch.stack([part.acceptance for part in known]).mean(0).mean(-1)
        yield Sampled(eta, burn, full, losses, distances, accepted)


def _blocks(step: Step, state: State, steps: int, star: Tensor) -> Iterator[Trace]:
    size, done = ceil(steps / BLOCKS), 0
    while done < steps:
        now = min(size, steps - done)
        state, trace = run(step, state, now, star)
        done += now
        yield trace
