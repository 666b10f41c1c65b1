"""One step of every method, side by side in one batch. `R = A*A(E)`; `R` is `sym(R)` in the symmetric model.

Notation as in the papers: gradient descent and the one-step method (Xiong, Ding, Du 2023), ScaledGD (Tong, Ma,
Chi 2021), ScaledGD(lambda) (Xu, Shen, Chi, Ma 2023), PrecGD (Zhang, Fattahi, Zhang 2021), alternating
Gauss-Newton (Jia, Feng, Meng, Sun 2024), Nesterov (Xu, Wang, Zhao, Ward, Tao 2024).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from engines.core.numerics.lapack import svd
from engines.core.numerics.low_rank import divide, singular_values
from engines.matrix_sensing.problem import Problem, State

Knobs = Mapping[str, Tensor]
NewFactors = tuple[Tensor, Tensor, Tensor]


class MethodInputs(NamedTuple):
    """Members of one method: factors `[B, n, k]`, gradients `R G` and `Rᵀ F`, and what the method may need."""

    F: Tensor
    G: Tensor
    gF: Tensor
    gG: Tensor
    P: Tensor
    eta: Tensor
    """`[B, 1, 1]`, with the gradient convention in it."""
    loss: Callable[[], Tensor]
    knobs: Knobs
    problem: Problem


def steps(problem: Problem, state: State, knobs: Knobs, count: int) -> State:
    """Take `count` steps of each member's own method, F `[B, n1, k]` and G `[B, n2, k]`.

    Each operator is applied once a step; what knobs alone make is computed once for all steps.
    """
    eta = (knobs["eta"] * problem.scale)[:, None, None]
    due = lifts_due(problem, state, knobs)
    for done in range(count):
        residual = problem.residual(state.F, state.G)
        loss = partial(problem.loss, residual)
        if due is None or done in due:
            at = apply_lift(problem, state, knobs, state.t + done, loss if due is None else None)
            due = due if at is state else lifts_due(problem, at, knobs)
            state = at
        gradients = problem.gradients(residual, state.F, state.G)
        F, G, P = _moved(problem, state, gradients, eta, loss, knobs)
        if problem.any_symmetric and not problem.all_symmetric:
            G = torch.where(problem.symmetric[:, None, None], F, G)
        state = State(F, G, P, state.lifted_at, state.t)
    return state._replace(t=state.t + count)


def _moved(
    problem: Problem, state: State, gradients: tuple[Tensor, Tensor], eta: Tensor, loss: Any, knobs: Knobs
) -> NewFactors:
    whole = MethodInputs(state.F, state.G, *gradients, state.P, eta, loss, knobs, problem)
    if len(problem.groups) == 1:
        F, G, P = METHODS[problem.groups[0].method](whole)
        return F, F if problem.all_symmetric else G, P
    F, G, P = state.F.clone(), state.G.clone(), state.P.clone()
    for method, index, part in problem.groups:
        F[index], G[index], P[index] = METHODS[method](_point_of_group(whole, index, part))  # type: ignore[arg-type]
    return F, F if problem.all_symmetric else G, P


def _point_of_group(whole: MethodInputs, index: Tensor, part: Problem) -> MethodInputs:
    F, G, gF, gG, P, eta = (value[index] for value in whole[:6])
    knobs = {name: value[index] for name, value in whole.knobs.items()}
    return MethodInputs(F, G, gF, gG, P, eta, lambda: whole.loss()[index], knobs, part)


def gd(p: MethodInputs) -> NewFactors:
    """Gradient descent, `F - eta R G` and `G - eta Rᵀ F`, `[B, n1, k]` and `[B, n2, k]`."""
    F = p.F - p.eta * p.gF
    return F, F if p.problem.all_symmetric else p.G - p.eta * p.gG, p.P


def nesterov(p: MethodInputs) -> NewFactors:
    """Nesterov's method on stacked factors `[B, n1 + n2, k]`: a gradient step at Y, then `Y = P⁺ + mu (P⁺ - P)`."""
    stepped = torch.cat([p.F - p.eta * p.gF, p.G - p.eta * p.gG], 1)
    ahead = stepped + p.knobs["momentum"][:, None, None] * (stepped - p.P)
    return ahead[:, : p.F.shape[1]], ahead[:, p.F.shape[1] :], stepped


def scaled_gd(p: MethodInputs) -> NewFactors:
    """ScaledGD: `F - eta R G (Gᵀ G)⁻¹`, `[B, n1, k]`, and its mirror image for G `[B, n2, k]`; needs k = r."""
    return _preconditioned(p, torch.zeros_like(p.knobs["eta"]))


def scaled_gd_lambda(p: MethodInputs) -> NewFactors:
    """ScaledGD(lambda): `F - eta R G (Gᵀ G + lambda I)⁻¹`, `[B, n1, k]`, with constant `lambda = damping sigma_r`."""
    return _preconditioned(p, p.knobs["damping"] * p.problem.sigma[:, -1])


def prec_gd(p: MethodInputs) -> NewFactors:
    """PrecGD: `F - eta R G (Gᵀ G + lambda I)⁻¹`, `[B, n1, k]`; `lambda = sqrt(2 loss)` falls with the error."""
    return _preconditioned(p, (2 * p.loss()).clamp_min(0).sqrt())


def _preconditioned(p: MethodInputs, damping: Tensor) -> NewFactors:
    F = p.F - p.eta * divide(p.gF, p.G, p.problem.padded, damping)
    return F, p.G - p.eta * divide(p.gG, p.F, p.problem.padded, damping), p.P


def agn(p: MethodInputs) -> NewFactors:
    """Alternating Gauss-Newton: `F - eta R (G⁺)ᵀ`, `[B, n1, k]`, the residual anew, then `G - eta Rᵀ (F⁺)ᵀ`."""
    undamped = torch.zeros_like(p.knobs["eta"])
    F = p.F - p.eta * divide(p.gF, p.G, p.problem.padded, undamped)
    gG = p.problem.gradients(p.problem.residual(F, p.G), F, p.G)[1]
    return F, p.G - p.eta * divide(gG, F, p.problem.padded, undamped), p.P


METHODS = {
    "gd": gd,
    "scaled_gd": scaled_gd,
    "scaled_gd_lambda": scaled_gd_lambda,
    "prec_gd": prec_gd,
    "agn": agn,
    "nesterov": nesterov,
}


def lifts_due(problem: Problem, state: State, knobs: Knobs) -> Collection[float] | None:
    """Count the steps, a number each, after which members are lifted, F `[B, n1, k]` and G `[B, n2, k]` those of now.

    None while one waits for its trigger, which may fire at any step.
    """
    if "one_step" not in problem.methods:
        return ()
    if bool(_waiting(problem, state).any()):
        return None
    return set((knobs["lift_at"] - state.t)[problem.lift.active].tolist())


def _waiting(problem: Problem, state: State) -> Tensor:
    return problem.lift.active & ~problem.lift.hand & (state.lifted_at < 0)


def apply_lift(problem: Problem, state: State, knobs: Knobs, t: Tensor, loss: Callable[[], Tensor] | None) -> State:
    """Apply the one modified step to the members whose trigger fires now.

    With the thin SVD `F = A S Bᵀ`: `F <- beta A`, `G <- G B S / beta`. The product is unchanged, `Fᵀ F` becomes
    `beta² I`, and the noise part of G shrinks to `O(alpha²/beta)` (Xiong, Ding, Du 2023, section 5). F `[B, n1, k]` and
    G `[B, n2, k]` are those of `state` after `t [B]` steps; `loss()` `[B]` is given where a trigger is waited for.
    """
    fire = problem.lift.active & (t == knobs["lift_at"])
    if loss is not None:
        fire = fire | _triggered(problem, state, _waiting(problem, state), loss())
    if not bool(fire.any()):
        return state
    F, G = lifted(state.F, state.G, knobs["beta"], problem.lift.low, problem.padded)
    one = fire[:, None, None]
    lifted_at = torch.where(fire, t, state.lifted_at)
    return state._replace(F=torch.where(one, F, state.F), G=torch.where(one, G, state.G), lifted_at=lifted_at)


def lifted(F: Tensor, G: Tensor, beta: Tensor, low: Tensor, padded: Tensor) -> tuple[Tensor, Tensor]:
    """Factors `[B, n, k]` of the same product with all singular values of F at beta, or where `low` at least beta.

    `padded` `[B, k]` are the columns that a member does not have: they stay zero.
    """
    U, S, Vh = svd(torch.where(F.isfinite(), F, 0.0))
    level = beta[:, None].expand_as(S)
    level = torch.where(low[:, None], torch.maximum(S, level), level)
    # Singular values descend, so that those of the zero columns are the last ones, as the padded columns are.
    own = ~padded[:, None, :]
    return U * level[:, None, :] * own, G @ Vh.mT * (S / level)[:, None, :] * own


def _triggered(problem: Problem, state: State, waiting: Tensor, loss: Tensor) -> Tensor:
    """`sqrt(2 loss)` below a fraction of sigma_r: the true one, or the value before the largest ratio gap."""
    fraction = (2 * loss).clamp_min(0).sqrt() / problem.lift.level
    # The estimate costs an SVD, and is never above the product of the norms.
    largest = torch.linalg.matrix_norm(state.F) * torch.linalg.matrix_norm(state.G)
    fire = waiting & (fraction < torch.where(problem.lift.estimated, largest, problem.sigma[:, -1]))
    unsure = (fire & problem.lift.estimated).nonzero().flatten()
    if len(unsure):
        fire[unsure] = fraction[unsure] < estimate_sigma(state.F[unsure], state.G[unsure], problem.padded[unsure])
    return fire


def estimate_sigma(F: Tensor, G: Tensor, padded: Tensor) -> Tensor:
    """The singular value of `F Gᵀ` before the largest ratio gap, `[B]`: an estimate of sigma_r without the truth."""
    values = singular_values(F, G).clamp_min(1e-300)
    if values.shape[-1] == 1:
        return values[:, 0]
    # The gap before a column that a member does not have is none.
    rank = (values[:, :-1] / values[:, 1:]).masked_fill(padded[:, 1:], 0).argmax(-1, keepdim=True)
    return values.gather(-1, rank)[:, 0]
