"""One step of every chain. Pure: random numbers are arguments, and what is known at a point comes with its state."""

from __future__ import annotations

import torch
from torch import Tensor

from engines.loss_landscape.learning_coefficient.state import Loss, State, Window, energy, force, opened


def sgld(loss: Loss, w: Window, eta: Tensor, state: State, normals: Tensor) -> State:
    """`theta' = theta - (eta/2) grad U(theta) + sqrt(eta) xi`, the Euler-Maruyama step of Langevin's equation.

    `eta [..., C]`; normals xi `[..., C, P]`. Biased by the step size, see `predictions.euler`, and without limit where
    `eta kappa_max >= 4`. With a loss on a fresh minibatch at each step the recorded losses are of draws that do not
    depend on the point, hence unbiased. Welling, Teh 2011; Lau et al. 2023, arXiv 2308.12108.
    """
    eta = eta[..., None]
    return opened(loss, state.theta - eta / 2 * force(state, w) + eta.sqrt() * normals)


def mala(loss: Loss, w: Window, eta: Tensor, state: State, normals: Tensor, uniform: Tensor) -> State:
    """The step of `sgld` as a proposal, accepted so that the density is exact: no step bias, for full losses only.

    `log a = U - U' + (|w' - w + (eta/2) grad U|^2 - |w - w' + (eta/2) grad U'|^2)/(2 eta)`; uniform `[..., C]` in
    (0, 1). A high acceptance does not show that the chains have explored the density. Roberts, Tweedie 1996.
    """
    new = sgld(loss, w, eta, state, normals)
    moved, half = new.theta - state.theta, eta[..., None] / 2
    there = (moved + half * force(state, w)).square().sum(-1)
    back = (half * force(new, w) - moved).square().sum(-1)
    log_a = energy(state, w) - energy(new, w) + (there - back) / (2 * eta)
    taken = uniform.log() < log_a  # a proposal that is not finite is not taken
    return chosen(taken, new, state)._replace(accepted=taken.to(state.loss.dtype))


def chosen(taken: Tensor, new: State, old: State) -> State:
    """Chain by chain one of two states, `taken [..., C]`."""
    pairs = zip(new, old, strict=True)
    return State(*(torch.where(taken[..., None] if a.ndim > taken.ndim else taken, a, b) for a, b in pairs))
