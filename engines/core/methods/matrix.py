"""Methods that treat a matrix as one: Muon, Shampoo, SOAP, ScaledGD."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

import torch
from torch import Tensor

from engines.core.methods import spectral
from engines.core.methods.method import (
    Inputs,
    Leaf,
    Leaves,
    Memory,
    Method,
    Moved,
    each,
    join,
    moved,
    moving_average,
    split,
    zeros,
)
from engines.core.numerics.lapack import eigh


@dataclass(frozen=True)
class Muon(Method):
    """Momentum, made orthogonal: `m <- beta m + (1-beta) g`, `u = c phi(m)` (Jordan et al. 2024).

    `nesterov` looks ahead, `x = (1-beta) g + beta m`. `scale` is c: `sqrt(max(1, rows/columns))` (original),
    `0.2 sqrt(max(rows, columns))` (match_rms_adamw) or 1 (none).
    """

    orthogonalise: str = "newton_schulz"
    steps: int = 5
    nesterov: bool = True
    scale: str = "original"

    @property
    def needs_host(self) -> bool:
        """Whether eigenvalues are solved for."""
        return self.orthogonalise == "polar"

    def init(self, w: Tensor, knobs: Mapping[str, Tensor], leaves: Leaves) -> Memory:
        """Return a momentum of zeros for parameters `w [b, P]`."""
        return zeros(w, "m")

    def update(self, x: Inputs, memory: Memory) -> Moved:
        """Step along the orthogonal momentum of every leaf of `[b, P]`."""
        beta = x.knobs["beta1"]
        m = moving_average(memory["m"], x.gradient, beta, x.room.get("m"))
        ahead = moving_average(m, x.gradient, beta) if self.nesterov else m
        return moved(x, each(ahead, x.leaves, self._orthogonal), scratch=True), {"m": m}

    def _orthogonal(self, X: Tensor, leaf: Leaf) -> Tensor:
        if self.orthogonalise == "polar":
            return self.factor(leaf) * spectral.polar(X, leaf)
        bf16 = self.orthogonalise == "newton_schulz_bf16"
        return self.factor(leaf) * spectral.newton_schulz(X, leaf, self.steps, bf16)

    def mapped(self, values: Tensor, leaf: Leaf, knobs: Mapping[str, Tensor]) -> Tensor:
        """Return `c phi` of the gradient's singular values `[b, n]`, or c; of momentum it is no function of them."""
        share = values / (values.norm(dim=1, keepdim=True) + 1e-7)
        alike = (values > spectral.CUT**0.5 * values[:, :1]).to(values.dtype)
        gain = alike if self.orthogonalise == "polar" else spectral.phi(share, self.steps)
        return torch.where(knobs["beta1"] == 0, self.factor(leaf) * gain, torch.nan)

    def factor(self, leaf: Leaf) -> float:
        """Return c for one leaf."""
        if self.scale == "match_rms_adamw":
            return 0.2 * sqrt(max(leaf.rows, leaf.columns))
        return sqrt(max(1.0, leaf.rows / leaf.columns)) if self.scale == "original" else 1.0


@dataclass(frozen=True)
class Shampoo(Method):
    """`L += g gᵀ, R += gᵀ g; u = L^(-1/4) g R^(-1/4)` (Gupta, Koren, Singer 2018).

    With `averaged` L and R are moving averages with beta2, their bias corrected.
    """

    averaged: bool = False

    @property
    def needs_host(self) -> bool:
        """Whether eigenvalues are solved for, or a step looks how many there were."""
        return True

    def init(self, w: Tensor, knobs: Mapping[str, Tensor], leaves: Leaves) -> Memory:
        """Begin with empty Gram matrices, for `[b, P]`."""
        return {"gram": w.new_zeros(len(w), sum(_gram_size(leaf) for leaf in leaves))}

    def update(self, x: Inputs, memory: Memory) -> Moved:
        """Step along the gradient between the roots of its Gram matrices, for `[b, P]`."""
        beta = x.knobs["beta2"] if self.averaged else torch.ones_like(x.rate)
        fresh = 1 - beta if self.averaged else beta
        new = join([_grams(g, leaf) for g, leaf in zip(split(x.gradient, x.leaves), x.leaves, strict=True)])
        gram = beta * memory["gram"] + fresh * new
        unbiased = gram / (1 - beta**x.t) if self.averaged else gram
        parts = zip(split(x.gradient, x.leaves), _split_grams(unbiased, x.leaves), x.leaves, strict=True)
        return moved(x, join([_between_roots(g, gram, leaf) for g, gram, leaf in parts])), {"gram": gram}


def _gram_size(leaf: Leaf) -> int:
    return leaf.diagonal or leaf.rows**2 + leaf.columns**2


def _grams(g: Tensor, leaf: Leaf) -> Tensor:
    """Squares `[b, n]` of a diagonal; `g gᵀ` and `gᵀ g` of a matrix, one after the other."""
    return g.square() if leaf.diagonal else join([g @ g.mT, g.mT @ g])


def _split_grams(gram: Tensor, leaves: Leaves) -> list[Tensor | tuple[Tensor, Tensor]]:
    parts, start = [], 0
    for leaf in leaves:
        flat = gram[:, start : start + _gram_size(leaf)]
        start += _gram_size(leaf)
        if leaf.diagonal:
            parts.append(flat)
        else:
            left, right = flat[:, : leaf.rows**2], flat[:, leaf.rows**2 :]
            parts.append((left.unflatten(1, (leaf.rows,) * 2), right.unflatten(1, (leaf.columns,) * 2)))
    return parts


def _between_roots(g: Tensor, gram: Tensor | tuple[Tensor, Tensor], leaf: Leaf) -> Tensor:
    if isinstance(gram, Tensor):
        return g * spectral.diagonal_power(gram, -0.5)
    return spectral.matrix_power(gram[0], -0.25) @ g @ spectral.matrix_power(gram[1], -0.25)


MASKED = 1e-26
"""Second moments below this fraction of the largest are rounding in an arbitrary basis, and move nothing."""


@dataclass(frozen=True)
class Soap(Method):
    """Adam in the eigenbasis of Shampoo's Gram matrices (Vyas et al. 2024); the first step only sets the basis.

    L and R are moving averages with `beta`; every `every` steps each basis takes one step of subspace iteration.
    """

    every: int = 10
    beta: float = 0.95

    @property
    def needs_host(self) -> bool:
        """Whether eigenvalues are solved for, or a step looks how many there were."""
        return True

    def init(self, w: Tensor, knobs: Mapping[str, Tensor], leaves: Leaves) -> Memory:
        """Begin without averages and basis, for `[b, P]`."""
        grams = w.new_zeros(len(w), sum(_gram_size(leaf) for leaf in leaves))
        return {**zeros(w, "m", "v"), "gram": grams, "basis": grams.clone()}

    def update(self, x: Inputs, memory: Memory) -> Moved:
        """Step as Adam does in the basis of every leaf of `[b, P]`, then refresh the bases."""
        step = int(x.t.max())  # members that diverged are frozen at an earlier one
        if step == 1:
            gram = (1 - self.beta) * self._new_grams(x)
            return x.w, {**memory, "gram": gram, "basis": self._eigenbases(gram, x.leaves)}
        b1, b2, t = x.knobs["beta1"], x.knobs["beta2"], x.t - 1
        bases = _split_grams(memory["basis"], x.leaves)
        m = moving_average(memory["m"], x.gradient, b1, x.room.get("m"))
        v = moving_average(memory["v"], _turned(x.gradient, bases, x.leaves).square_(), b2, x.room.get("v"))
        unbiased = v / (1 - b2**t)
        unmasked = unbiased > MASKED * unbiased.amax(1, keepdim=True)
        turned = _turned(m, bases, x.leaves).div_(1 - b1**t)
        u = turned.div_(unbiased.sqrt_().add_(x.knobs["eps"])).masked_fill_(~unmasked, 0)
        gram = torch.mul(memory["gram"], self.beta, out=x.room.get("gram"))
        gram.add_(self._new_grams(x).mul_(1 - self.beta))
        after = {"m": m, "v": v, "gram": gram, "basis": memory["basis"]}
        if step % self.every == 0:
            after["basis"], after["v"] = self._refreshed(gram, bases, v, x.leaves)
        return moved(x, _turned_back(u, bases, x.leaves), scratch=True), after

    @staticmethod
    def _new_grams(x: Inputs) -> Tensor:
        return join([_grams(g, leaf) for g, leaf in zip(split(x.gradient, x.leaves), x.leaves, strict=True)])

    @staticmethod
    def _eigenbases(gram: Tensor, leaves: Leaves) -> Tensor:
        """Eigenvectors `[b, n, n]` of both Gram matrices of each leaf, those of large eigenvalues first."""
        parts = _split_grams(gram, leaves)
        return join([torch.ones_like(p) if isinstance(p, Tensor) else join([_descending(p[0]), _descending(p[1])])
                     for p in parts])  # fmt: skip

    @staticmethod
    def _refreshed(gram: Tensor, bases: list, v: Tensor, leaves: Leaves) -> tuple[Tensor, Tensor]:
        """Sort each basis by its estimated eigenvalues, v with it, and take one step of subspace iteration."""
        new, second = [], []
        for G, Q, part in zip(_split_grams(gram, leaves), bases, split(v, leaves), strict=True):
            if isinstance(G, Tensor):
                new.append(torch.ones_like(G))
                second.append(part)
                continue
            (left, i), (right, j) = (_iterated(g, q) for g, q in zip(G, Q, strict=True))
            part = part.gather(1, i[:, :, None].expand_as(part)).gather(2, j[:, None, :].expand_as(part))
            new.append(join([left, right]))
            second.append(part)
        return join(new), join(second)


def _descending(A: Tensor) -> Tensor:
    finite = A.isfinite().all(-1, keepdim=True).all(-2, keepdim=True)
    vectors = eigh(torch.where(finite, A, 0))[1].flip(-1)
    return torch.where(finite, vectors, torch.nan)


def _iterated(A: Tensor, Q: Tensor) -> tuple[Tensor, Tensor]:
    """Return the next basis `[b, n, n]`, and the order `[b, n]` in which the columns of the last were taken."""
    estimates = torch.einsum("bij,bik,bkj->bj", Q, A, Q)
    order = estimates.argsort(descending=True, stable=True)
    turned = A @ Q.gather(2, order[:, None, :].expand_as(Q))
    finite = turned.isfinite().all(-1, keepdim=True).all(-2, keepdim=True)
    return torch.where(finite, torch.linalg.qr(torch.where(finite, turned, 0))[0], torch.nan), order


def _turned(flat: Tensor, bases: list, leaves: Leaves) -> Tensor:
    """Compute `Q_Lᵀ X Q_R` of every leaf of `[b, P]`."""
    parts = zip(split(flat, leaves), bases, strict=True)
    return join([x if isinstance(q, Tensor) else q[0].mT @ x @ q[1] for x, q in parts])


def _turned_back(flat: Tensor, bases: list, leaves: Leaves) -> Tensor:
    """Compute `Q_L X Q_Rᵀ` of every leaf of `[b, P]`."""
    parts = zip(split(flat, leaves), bases, strict=True)
    return join([x if isinstance(q, Tensor) else q[0] @ x @ q[1].mT for x, q in parts])


@dataclass(frozen=True)
class ScaledGD(Method):
    """Two factors, each step divided by the Gram matrix of the other: `u_1 = (W_2ᵀ W_2 + lam I)^-1 g_1` (Tong 2021)."""

    def update(self, x: Inputs, memory: Memory) -> Moved:
        """Step along the divided gradients of both leaves of `[b, P]`."""
        (g1, g2), (W1, W2) = split(x.gradient, x.leaves), split(x.w, x.leaves)
        damping = x.knobs["damping"]
        if x.leaves[0].diagonal:
            return moved(x, join([g1 / (W2.square() + damping), g2 / (W1.square() + damping)])), memory
        eye = damping[:, :, None] * torch.eye(W1.shape[1], dtype=W1.dtype, device=W1.device)
        u1 = torch.linalg.solve_ex(W2.mT @ W2 + eye, g1)[0]
        u2 = torch.linalg.solve_ex(W1 @ W1.mT + eye, g2, left=False)[0]
        return moved(x, join([u1, u2])), memory
