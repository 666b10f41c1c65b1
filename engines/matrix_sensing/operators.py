"""Measurement operators A: how a batch of factor pairs becomes residuals, and residuals become gradients.

`A(X)_i = <A_i, X>/sqrt(m)`, so that `A*A(E) = (1/m) sum_i <A_i, E> A_i`. The error comes factored, `E = L Nᵀ`,
and may be noisy: the data is `A(M) + v e/sqrt(m)` with unit noise e and level v `[B, 1, 1]` (None: no noise).
Gaussian operators have mean `E[A*A] = I` and the restricted isometry property once m is large against n k
(Recht, Fazel, Parrilo 2010); rank-one and entry measurements do not have it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from math import sqrt
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from engines.core.numerics.svec import UpperTriangle


class Residual(NamedTuple):
    """The error of a batch as an operator sees it."""

    E: Tensor
    """`[B, n1, n2]`; where the operator never forms it, `A(E)` `[B, m]`."""
    R: Tensor
    """`A*(A(E) - v e/sqrt m)` `[B, n1, n2]`; where it is never formed, `A(E) - v e/sqrt m` `[B, m]`."""


class Operator(ABC):
    """Interface of a measurement operator A: residuals, their products with the factors, and losses, batched."""

    entrywise: ClassVar[bool] = False
    """Whether each member is computed by itself: no product serves several."""

    @property
    def keeps_symmetry(self) -> bool:
        """Whether `A*A` maps symmetric matrices to symmetric ones."""
        return False

    @abstractmethod
    def residual(self, L: Tensor, N: Tensor, level: Tensor | None) -> Residual:
        """Residual of `E = L Nᵀ`, with `L [B, n1, q]` and `N [B, n2, q]`."""

    @abstractmethod
    def right(self, residual: Residual, G: Tensor) -> Tensor:
        """Product `R G`, `[B, n1, k]`, with `G [B, n2, k]`."""

    @abstractmethod
    def left(self, residual: Residual, F: Tensor) -> Tensor:
        """Product `Rᵀ F`, `[B, n2, k]`, with `F [B, n1, k]`."""

    @abstractmethod
    def loss(self, residual: Residual, level: Tensor | None) -> Tensor:
        """Loss `(1/2m) sum_i (<A_i, E> - v e_i)²`, `[B]`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Identity(Operator):
    """The population limit m -> infinity: `A*A = I`. Base of all operators that form the matrix R."""

    entrywise: ClassVar[bool] = True

    bias: Tensor | None = None
    """`(1/m) sum_i e_i A_i` `[n1, n2]` for the unit noise e."""
    floor: float = 0.0
    """`|e|²/2m`."""

    @property
    def keeps_symmetry(self) -> bool:
        """Whether `A*A` maps symmetric matrices to symmetric ones: the identity does."""
        return True

    def normal(self, E: Tensor) -> Tensor:
        """Normal map `A*A(E)`, `[B, n1, n2] -> [B, n1, n2]`: here E itself."""
        return E

    def residual(self, L: Tensor, N: Tensor, level: Tensor | None) -> Residual:
        """Residual `E = L Nᵀ` and `R = A*A(E) - v bias`, both `[B, n1, n2]`; `L [B, n1, q]`, `N [B, n2, q]`."""
        E = torch.bmm(L, N.mT)  # what `@` asks for, with less to decide on the way
        R = self.normal(E)
        return Residual(E, R if level is None or self.bias is None else R - level * self.bias)

    def right(self, residual: Residual, G: Tensor) -> Tensor:
        """Product `R G`, `[B, n1, k]`, of the formed R with `G [B, n2, k]`."""
        return torch.bmm(residual.R, G)

    def left(self, residual: Residual, F: Tensor) -> Tensor:
        """Product `Rᵀ F`, `[B, n2, k]`, of the formed R with `F [B, n1, k]`."""
        return torch.bmm(residual.R.mT, F)

    def loss(self, residual: Residual, level: Tensor | None) -> Tensor:
        """Loss `<E, R>/2 - v <E, bias>/2 + v² |e|²/2m`, `[B]`; never below 0."""
        quadratic = 0.5 * (residual.E * residual.R).sum((-2, -1))
        if level is not None and self.bias is not None:
            noise = level.flatten() ** 2 * self.floor
            quadratic = quadratic - 0.5 * (level * residual.E * self.bias).sum((-2, -1)) + noise
        # A sum of squares: what is below 0 is rounding.
        return quadratic.clamp_min(0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Completion(Identity):
    """Uniformly observed entries: `A*A(E) = weights * E`."""

    weights: Tensor
    """`[n1, n2]`: n1 n2/m where observed, 0 elsewhere."""

    @property
    def keeps_symmetry(self) -> bool:
        """Whether `A*A` keeps symmetry: no, an entry may be observed where its mirror image is not."""
        return False

    def normal(self, E: Tensor) -> Tensor:
        """Normal map `A*A(E) = weights * E`, entry by entry, `[B, n1, n2] -> [B, n1, n2]`."""
        return self.weights * E


@dataclass(frozen=True, kw_only=True, eq=False)
class GaussianOperator(Identity):
    """Gaussian measurements: one or two matrix products serve the whole batch, `vec R = vec E · down · up`."""

    entrywise: ClassVar[bool] = False

    down: Tensor
    """`AᵀA/m [N, N]`, or `Aᵀ/sqrt(m) [N, m]` where two products are cheaper; in the operator's precision."""
    up: Tensor | None = None
    """`A/sqrt(m) [m, N]` for two products."""
    triangle: UpperTriangle | None = None
    """Set where only the symmetric part of E is seen: half the coordinates."""
    coarse: bool = False
    """Round E to bfloat16 as well; its exponent range is float32's, so that no scaling is needed."""

    @property
    def keeps_symmetry(self) -> bool:
        """Whether `A*A` keeps symmetry: where the coordinates are those of the upper triangle, mirrored back."""
        return self.triangle is not None

    def normal(self, E: Tensor) -> Tensor:
        """Normal map `A*A(E)`, `[B, n1, n2] -> [B, n1, n2]`; its symmetric part where `triangle` is set."""
        flat = self.triangle.upper(E) if self.triangle else E.flatten(1)
        low = _product(flat.bfloat16() if self.coarse else flat, self.down)
        back = (low if self.up is None else _product(low, self.up)).to(E.dtype)
        return self.triangle.mirrored(back) if self.triangle else back.view_as(E)


MANY = 32
"""Members from which on a processor multiplies quicker by a matrix that lies in memory column after column."""


def served(operator: Operator, members: int) -> Operator:
    """The operator laid out in memory for so many members that share it."""
    if not isinstance(operator, GaussianOperator) or operator.down.is_cuda or members < MANY:
        return operator
    down, up = (None if A is None else A.mT.contiguous().mT for A in (operator.down, operator.up))
    return replace(operator, down=down, up=up)


def _product(x: Tensor, A: Tensor) -> Tensor:
    """Product `x A`, `[B, m]`, in the type of A; of one in bfloat16 the sums are float32, which a GPU alone can do."""
    if A.dtype is torch.bfloat16:
        return torch.mm(x.bfloat16(), A, out_dtype=torch.float32)
    return x.to(A.dtype) @ A


@dataclass(frozen=True, kw_only=True, eq=False)
class RankOne(Operator):
    """`A_i = a_i b_iᵀ` with independent Gaussian a and b (unbiased, unlike a aᵀ); neither A nor E is formed."""

    a: Tensor
    """`[m, n1]`."""
    b: Tensor
    """`[m, n2]`."""
    noise: Tensor
    """Unit noise e, `[m]`."""

    def residual(self, L: Tensor, N: Tensor, level: Tensor | None) -> Residual:
        """Residual `E = z` and `R = z - v e/sqrt m`, both `[B, m]`; `L [B, n1, q]`, `N [B, n2, q]`.

        `z_i = a_iᵀ L Nᵀ b_i / sqrt m`, at a cost of `m (n1 + n2) q`.
        """
        z = ((self.a @ L) * (self.b @ N)).sum(-1) / sqrt(len(self.a))
        return Residual(z, z if level is None else z - level[:, 0] * self.noise / sqrt(len(self.a)))

    def right(self, residual: Residual, G: Tensor) -> Tensor:
        """Product `R G = (1/sqrt m) sum_i R_i a_i (b_iᵀ G)`, `[B, n1, k]`, with `R [B, m]` and `G [B, n2, k]`."""
        return self.a.mT @ (residual.R[..., None] * (self.b @ G)) / sqrt(len(self.a))

    def left(self, residual: Residual, F: Tensor) -> Tensor:
        """Product `Rᵀ F = (1/sqrt m) sum_i R_i b_i (a_iᵀ F)`, `[B, n2, k]`, with `R [B, m]` and `F [B, n1, k]`."""
        return self.b.mT @ (residual.R[..., None] * (self.a @ F)) / sqrt(len(self.a))

    def loss(self, residual: Residual, level: Tensor | None) -> Tensor:
        """Loss `|z - v e/sqrt m|²/2`, `[B]`."""
        return 0.5 * residual.R.square().sum(-1)
