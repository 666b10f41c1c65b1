"""One iteration of every method, side by side in one batch: `U <- U - eta Z`, two products with the measurements.

With `Q = (1/m) sum_i psi(res_i) sym(A_i)` the (sub-)gradient is `D = 2 Q U`, exactly: the absolute value is convex
and the inner map smooth. Methods: SubGM (Ma, Fattahi 2022), plain geometric steps (Li, Zhu, So, Vidal 2018), Polyak
(Charisopoulos et al. 2019), ScaledSM (Tong, Ma, Chi 2021), OPSA (Giampouras, Cai, Vidal 2024), trimmed and
median-truncated gradient (Li, Chi, Zhang, Liang 2017), prox-linear (Drusvyatskiy, Lewis 2018), double
over-parameterisation (You, Zhu, Qu, Ma 2020).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from typing import NamedTuple

import torch
from torch import Tensor

from engines.core.compute.batching import scattered
from engines.core.numerics.low_rank import divide
from engines.subgradient_recovery.losses import LOSSES, PSI, Knobs, apply
from engines.subgradient_recovery.problem import Problem, State, operator_norm
from engines.subgradient_recovery.prox_linear import prox_linear

TINY = 1e-300

FAINT = 1e-30
"""Least damping: columns that are exactly zero stay so."""


class Residuals(NamedTuple):
    """Residuals of a batch at one point, and the direction that they make."""

    R: Tensor
    """Residuals `<A_i, UUᵀ> - y_i`, `[B, m]`."""
    Q: Tensor
    """Direction `(1/m) sum_i psi(res_i) sym(A_i)`, `[B, d, d]`."""
    norm: Tensor
    """Operator norm of Q, `[B]`."""
    loss: Tensor
    """`[B]`."""


ALL = frozenset({"norm", "loss"})
"""Quantities that are computed only where somebody reads them."""


def measure(problem: Problem, state: State, knobs: Knobs, needs: Set[str] = ALL) -> Residuals:
    """Measure the iterate `[B, d, k]` and weigh its residuals; NaN is what `needs` leaves out of `ALL`."""
    R = problem.sensing.forward(torch.bmm(state.U, state.U.mT)).sub_(problem.y)
    explained = R if problem.doubled is None else R + state.g.square() - state.h.square()
    Q = problem.sensing.adjoint(apply(PSI, problem.weighings, explained, knobs))
    unread = torch.full_like(problem.scale, torch.nan)
    norm = operator_norm(Q).clamp_min(TINY) if "norm" in needs else unread
    return Residuals(R, Q, norm, apply(LOSSES, problem.losses, R, knobs) if "loss" in needs else unread)


def shrink(problem: Problem, knobs: Knobs) -> Tensor:
    """Decay of the steps, `rho = 1 - eta0/B`, `[B]`; 1 for methods without a schedule."""
    budget = torch.where(knobs["budget"] > 0, knobs["budget"], problem.budget)
    return (1 - problem.decays * knobs["eta0"] / budget).clamp_min(0)


class MethodInputs:
    """Members of one method, each of whose values is taken out of the batch when it is read."""

    U: Tensor
    """`[B, d, k]`."""
    D: Tensor
    """The (sub-)gradient, `[B, d, k]`."""
    step: Tensor
    """eta0 rho^t, `[B]`."""
    eta0: Tensor
    norm: Tensor
    """Operator norm of the direction Q now, `[B]`."""
    scale: Tensor
    """Operator norm of the direction at the origin, `[B]`."""
    loss: Tensor
    gap: Tensor
    """Loss above that of the truth, at least 0."""
    damping: Tensor
    padded: Tensor

    def __init__(self, whole: Mapping[str, Tensor], places: Tensor | slice) -> None:
        self._whole, self._places = whole, places

    def __getattr__(self, name: str) -> Tensor:
        if name.startswith("_") or name not in self._whole:
            raise AttributeError(f"a method is given no {name}")
        return self._whole[name] if isinstance(self._places, slice) else self._whole[name][self._places]

    def divided(self, damping: Tensor) -> Tensor:
        """Preconditioned gradient `D (UᵀU + damping I)⁻¹`, `[B, d, k]`, with damping `[B]`."""
        return divide(self.D, self.U, self.padded, damping)

    def polyak(self, Z: Tensor) -> Move:
        """Polyak step `(f - f_true)/<D, Z>`, `[B]`, along a direction `Z [B, d, k]` (Charisopoulos et al. 2019)."""
        return Z, self.gap / (self.D * Z).sum((-2, -1)).clamp_min(TINY)

    def constant(self) -> Move:
        """Direction `[B, d, k]` and one size `[B]` for all iterations, in units of the direction at the origin."""
        return self.D, self.eta0 / self.scale


NORMALISED = "subgm"
"""The method whose steps are divided by the norm of the direction; the others do without its eigenvalues."""

BY_LOSS = ("subgm_loss", "polyak", "scaled_sm", "opsa", "opsa_gap")
"""Methods whose steps are as long as the loss says; to one that is not among them loss and gap are NaN."""


def needed(problem: Problem) -> Set[str]:
    """Name what the methods of a batch read beside residuals and direction."""
    methods = [method for method, _ in problem.methods]
    norm, loss = NORMALISED in methods, any(method in BY_LOSS for method in methods)
    return {name for name, reads in (("norm", norm), ("loss", loss)) if reads}


Move = tuple[Tensor, Tensor]
"""Direction Z `[B, d, k]` and step size eta `[B]`."""

METHODS: dict[str, Callable[[MethodInputs], Move]] = {
    NORMALISED: lambda p: (p.D, p.step / p.norm),
    "subgm_frozen": lambda p: (p.D, p.step / p.scale),
    "subgm_loss": lambda p: (p.D, p.eta0 * torch.pi / 2 * p.loss),
    "geometric": lambda p: (p.D, p.step),
    "gd": MethodInputs.constant,
    "trimmed": MethodInputs.constant,
    "median": MethodInputs.constant,
    "dop": MethodInputs.constant,
    "polyak": lambda p: p.polyak(p.D),
    "scaled_sm": lambda p: p.polyak(p.divided(torch.zeros_like(p.gap))),
    "opsa": lambda p: p.polyak(p.divided(p.damping.clamp_min(FAINT))),
    "opsa_gap": lambda p: p.polyak(p.divided((p.damping * p.gap).clamp_min(FAINT))),
    "prox_linear": lambda p: (torch.zeros_like(p.D), torch.ones_like(p.gap)),
}
"""Step rules. Prox-linear is no multiple of the gradient: its step is added by `steps`."""


def move(problem: Problem, state: State, knobs: Knobs, now: Residuals) -> Move:
    """Direction `[B, d, k]` and step size `[B]` of each member's own method."""
    whole = {
        "U": state.U, "D": torch.bmm(now.Q, state.U).mul_(2), "eta0": knobs["eta0"],
        "step": knobs["eta0"] * state.decay, "norm": now.norm, "scale": problem.scale, "loss": now.loss,
        "damping": knobs["damping"], "gap": (now.loss - problem.true_loss).clamp_min(0), "padded": problem.padded,
    }  # fmt: skip
    moves = [METHODS[method](MethodInputs(whole, places)) for method, places in problem.methods]
    parts = [(move, places) for move, (_, places) in zip(moves, problem.methods, strict=True)]
    return scattered(parts, lambda move, _: move[0]), scattered(parts, lambda move, _: move[1])


def steps(problem: Problem, state: State, knobs: Knobs, count: int) -> State:
    """Take `count` iterations of each member's own method on U `[B, d, k]`."""
    needs, rho, first = needed(problem), shrink(problem, knobs), problem.decays * knobs["eta0"]
    for _ in range(count):
        now = measure(problem, state, knobs, needs)
        Z, eta = move(problem, state, knobs, now)
        change = Z * -eta[:, None, None]
        if problem.proximal is not None:
            change = prox_linear(problem, state, problem.proximal, now.R, change)
        state = State(
            U=state.U + change,
            decay=state.decay * rho,
            spent=state.spent + first * state.decay,
            moved=_moved(problem, state, change),
            **_doubled(problem, state, knobs, eta, now.R),
        )
    return state


def _moved(problem: Problem, state: State, change: Tensor) -> Tensor:
    """How far a prox-linear member went, against its size: it stops when it has arrived."""
    if problem.proximal is None:
        return state.moved
    return torch.linalg.matrix_norm(change) / torch.linalg.matrix_norm(state.U).clamp_min(TINY)


def _doubled(problem: Problem, state: State, knobs: Knobs, eta: Tensor, R: Tensor) -> dict[str, Tensor]:
    """Double over-parameterisation: gradient steps of the outliers g² - h² on the same squared loss."""
    if problem.doubled is None:
        return {"g": state.g, "h": state.h}
    explained = R + state.g.square() - state.h.square()
    speed = (problem.doubled * knobs["learning_rate_ratio"] * eta)[:, None]
    return {"g": state.g - 2 * speed * explained * state.g, "h": state.h + 2 * speed * explained * state.h}
