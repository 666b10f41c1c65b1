"""Chains that sample a loss inside a Gaussian window: state, kernels, step size, the loop, and their noise.

Density `exp(-b L(w) - gamma |w - w*|^2/2)`; b multiplies the mean loss. Chains are leading axes: theta `[*, C, P]`
under a loss `[*, C, P] -> [*, C]`; b, gamma and step sizes are numbers or broadcast against `[*, C]`, so that
temperatures and step sizes are swept in one batch. A step is pure: random numbers are arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import NamedTuple

import torch
from torch import Tensor

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.hessian.lanczos import largest_eigenpairs
from engines.loss_landscape.hessian.products import reverse_over_reverse

Loss = Callable[[Tensor], Tensor]
"""Map parameters `[*, C, P]` to losses `[*, C]`, each of its own chain alone."""


class Window(NamedTuple):
    """The parameters of the sampled density besides the loss."""

    star: Tensor
    """Centre w* of the window, `[P]` or `[*, C, P]`."""
    b: Tensor
    """Inverse temperature of the mean loss, `[*, C]`."""
    gamma: Tensor
    """Precision of the window, `[*, C]`."""


class ChainPoint(NamedTuple):
    """A point of each chain with its loss and gradient, so that a step needs one gradient."""

    theta: Tensor
    """`[*, C, P]`."""
    loss: Tensor
    """`[*, C]`."""
    gradient: Tensor
    """Gradient of the loss alone, `[*, C, P]`."""
    accepted: Tensor
    """1 where the last proposal was accepted, `[*, C]`."""


def window(star: Tensor, b: Tensor | float, gamma: Tensor | float = 1.0) -> Window:
    """Make a window around `star [P]` or `[*, C, P]`; b and gamma are numbers or `[*, C]`.

    Raises `ConfigError` unless b and gamma are positive.
    """
    knobs = (torch.as_tensor(value, dtype=star.dtype, device=star.device) for value in (b, gamma))
    one = Window(star, *knobs)
    for name, value in (("b", one.b), ("gamma", one.gamma)):
        if not bool((value > 0).all()):
            raise ConfigError(f"{name} is {value.tolist()}; it must be positive")
    return one


def init_state(loss: Loss, theta: Tensor) -> ChainPoint:
    """Evaluate loss and gradient at `theta [*, C, P]`: the state before the first step."""
    at = theta.detach()
    if (own := getattr(loss, "loss_and_gradient", None)) is not None:  # a network knows a quicker way
        value, gradient = own(at)
    else:
        value = loss(at.requires_grad_())
        (gradient,) = torch.autograd.grad(value.sum(), at)  # chains are independent: each gets that of its own
    return ChainPoint(at.detach(), value.detach(), gradient, torch.ones_like(value, requires_grad=False))


def force(state: ChainPoint, w: Window) -> Tensor:
    """Gradient of the energy, `grad U = b grad L + gamma (theta - w*)`, `[*, C, P]`."""
    return w.b[..., None] * state.gradient + w.gamma[..., None] * (state.theta - w.star)


def energy(state: ChainPoint, w: Window) -> Tensor:
    """Energy `U = b L + gamma |theta - w*|^2/2` of the density `exp(-U)`, `[*, C]`."""
    return w.b * state.loss + w.gamma * (state.theta - w.star).square().sum(-1) / 2


def sgld(loss: Loss, w: Window, eta: Tensor, state: ChainPoint, normals: Tensor) -> ChainPoint:
    """Langevin step by Euler and Maruyama, `theta' = theta - (eta/2) grad U(theta) + sqrt(eta) xi`.

    `eta [*, C]`; normals xi `[*, C, P]`. Biased by the step size, see `quadratic_predictions.euler`, and unstable
    where `eta kappa_max >= 4`. With a loss on a fresh minibatch at each step the recorded losses are of draws that do
    not depend on the point, hence unbiased. Welling, Teh 2011; Lau et al. 2023, arXiv 2308.12108.
    """
    eta = eta[..., None]
    return init_state(loss, state.theta - eta / 2 * force(state, w) + eta.sqrt() * normals)


def mala(loss: Loss, w: Window, eta: Tensor, state: ChainPoint, normals: Tensor, uniform: Tensor) -> ChainPoint:
    """Metropolis-adjusted Langevin step: `sgld`, accepted or not so that the density is exact; for full losses only.

    `log a = U - U' + (|w' - w + (eta/2) grad U|^2 - |w - w' + (eta/2) grad U'|^2)/(2 eta)`; eta `[*, C]`, normals
    `[*, C, P]`, uniform `[*, C]` in (0, 1). No bias by the step size. A high acceptance does not show that the
    chains have explored the density. Roberts, Tweedie 1996.
    """
    new = sgld(loss, w, eta, state, normals)
    moved, half = new.theta - state.theta, eta[..., None] / 2
    there = (moved + half * force(state, w)).square().sum(-1)
    back = (half * force(new, w) - moved).square().sum(-1)
    log_a = energy(state, w) - energy(new, w) + (there - back) / (2 * eta)
    taken = uniform.log() < log_a  # a proposal that is not finite is not taken
    return select_chains(taken, new, state)._replace(accepted=taken.to(state.loss.dtype))


def select_chains(taken: Tensor, new: ChainPoint, old: ChainPoint) -> ChainPoint:
    """Take the new state where `taken [*, C]`, else the old one, chain by chain."""
    pairs = zip(new, old, strict=True)
    return ChainPoint(*(torch.where(taken[..., None] if a.ndim > taken.ndim else taken, a, b) for a, b in pairs))


KAPPA = 0.05
"""Usual `eta kappa_max`: a bias of at most 1.3 % where the loss is quadratic."""


def largest_curvature(loss: Loss, star: Tensor, start: Tensor, k: int = 20) -> Tensor:
    """Estimate the largest eigenvalue `[*]` of the Hessian at `star [*, P]` by k Lanczos steps; never too large.

    start `[*, P]` is the vector of the first step.
    """
    return largest_eigenpairs(reverse_over_reverse(loss, star), start, min(k, star.shape[-1]), 1).values[..., 0]


def step_size(h_max: Tensor, b: Tensor | float, gamma: Tensor | float, kappa: float = KAPPA) -> Tensor:
    """Step size `eta = kappa/(b h_max + gamma)`, `[*]`; a negative h_max, at no minimum, counts as 0.

    Good for quadratic losses: singular and deep ones curve more away from w*, and need `richardson` besides. Raises
    `ConfigError` unless 0 < kappa < 4, beyond which the step is unstable.
    """
    if not 0 < kappa < 4:
        raise ConfigError(f"kappa = eta kappa_max is {kappa}; it must lie between 0 and 4")
    return kappa / (b * h_max.clamp_min(0) + gamma)


def relaxation(eta: float, stiffness: float) -> float:
    """Steps `2/(eta kappa)` in which a mode of stiffness `kappa = b h + gamma` forgets by 1/e; the least is gamma."""
    return 2 / (eta * stiffness)


def burn_in(eta: float, stiffness: float, times: float = 4.0) -> int:
    """Number of steps to discard: `times` the relaxation of a mode of this stiffness."""
    return ceil(times * relaxation(eta, stiffness))


Kernel = Callable[[ChainPoint], ChainPoint]
"""One step of all chains."""


class ChainTrace(NamedTuple):
    """Losses and distances of T recorded points, and how many steps were accepted."""

    losses: Tensor
    """`[T, *, C]`."""
    distances: Tensor
    """`|theta - w*|^2`, `[T, *, C]`."""
    acceptance: Tensor
    """Share of all steps that were accepted, recorded or not, `[*, C]`."""


def langevin_kernel(loss: Loss, w: Window, eta: Tensor | float, generator: torch.Generator) -> Kernel:
    """Make the step of `sgld` with noise from a generator; eta broadcasts against `[*, C]`."""
    size = torch.as_tensor(eta, dtype=w.b.dtype, device=w.b.device)
    return lambda state: sgld(loss, w, size, state, normals_like(state.theta, generator))


def mala_kernel(loss: Loss, w: Window, eta: Tensor | float, generator: torch.Generator) -> Kernel:
    """Make the step of `mala` with noise from a generator; eta broadcasts against `[*, C]`."""
    size = torch.as_tensor(eta, dtype=w.b.dtype, device=w.b.device)

    def step(state: ChainPoint) -> ChainPoint:
        uniform = torch.rand(state.loss.shape, generator=generator, dtype=w.b.dtype, device=w.b.device)
        return mala(loss, w, size, state, normals_like(state.theta, generator), uniform)

    return step


def normals_like(like: Tensor, generator: torch.Generator) -> Tensor:
    """Draw standard normals `[*, C, P]` of the shape, type and device of `like [*, C, P]`."""
    return torch.randn(like.shape, generator=generator, dtype=like.dtype, device=like.device)


def run_chains(
    step: Kernel, state: ChainPoint, steps: int, star: Tensor, every: int = 1
) -> tuple[ChainPoint, ChainTrace]:
    """Take `steps` steps from a state and record the point after each `every`-th of them.

    star `[P]` or `[*, C, P]` is the point from which distances are measured. Raises `ConfigError` unless 1 <= every
    <= steps.
    """
    if not 1 <= every <= steps:
        raise ConfigError(f"every {every}-th of {steps} steps was to be recorded; it may be 1 to the number of steps")
    losses, distances, accepted = [], [], torch.zeros_like(state.loss)
    for done in range(1, steps + 1):
        state = step(state)
        accepted += state.accepted
        if done % every == 0:
            losses.append(state.loss)
            distances.append((state.theta - star).square().sum(-1))
    return state, ChainTrace(torch.stack(losses), torch.stack(distances), accepted / steps)


NORMALS, UNIFORMS, ROWS = 11, 12, 13
"""Purposes of a member's random streams, see `numerics.noise`."""
