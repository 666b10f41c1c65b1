"""The regularised least-squares problem of free features, reduced: a batch of n samples a class is n columns no more.

    f(W, H; H0) = ‖WH - Y‖²/2Kn + lambda_W ‖W‖²/2K + lambda_H ‖H‖²/2Kn + beta ‖H - H0‖²/2Kn

Turning the columns of H by an orthogonal matrix that leaves Y's rows alone changes nothing, and one such matrix makes
all but K + r of them constant. So H is here `[M, D̃]`, `[B, d, K + r]`: the class means M and a factor D̃ of the
within-class covariance, `D̃ D̃ᵀ = K Sigma_W`; the targets are `[I, 0]`; and every formula reads as for n = 1.
A bias that is not decayed centres the classes: `C = H - H u uᵀ`, and the targets likewise, with the unit vector
u = 1/sqrt K on the class means, `[B, K + r, 1]` (u = 0 without a bias).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

Knobs = Mapping[str, Tensor]


def wide(value: Tensor) -> Tensor:
    """Reshape `[B]` to `[B, 1, 1]`."""
    return value[:, None, None]


def square(A: Tensor) -> Tensor:
    """Squared Frobenius norm, `[B, m, n] -> [B]`."""
    return A.square().sum((-2, -1))


def applied(A: Tensor, x: Tensor) -> Tensor:
    """Product `A x`, `[B, n, m]` with `[B, m, 1]`; its roundings do not depend on B, as those of `@` do."""
    return (A * x.mT).sum(-1, keepdim=True)


def _decay(H: Tensor, knobs: Knobs) -> Tensor:
    """The matrices lambda_W I `[B, d, d]` for features `H [B, d, K + r]`."""
    return wide(knobs["lambda_w"]) * torch.eye(H.shape[1], dtype=H.dtype, device=H.device)


@dataclass(frozen=True)
class FeatureTargets:
    """Targets of a batch, and the regularised least squares of features `H [B, d, K + r]` on them."""

    P: Tensor
    """Targets `[T, 0]`, `[B, K, K + r]`, T = I, or `I - 11ᵀ/K` with a bias."""
    u: Tensor | None
    """Unit vector of the global mean, `[B, K + r, 1]`; 0 without a bias, None where no member has one."""

    @property
    def K(self) -> int:
        """Number of classes, K."""
        return self.P.shape[1]

    def expand(self, count: int) -> FeatureTargets:
        """Repeat the task of a single member for several."""
        return FeatureTargets(self.P.expand(count, -1, -1), None if self.u is None else self.u.expand(count, -1, -1))

    def gather(self, index: Tensor) -> FeatureTargets:
        """Return the task of the members at `index` `[b]`."""
        return FeatureTargets(self.P[index], None if self.u is None else self.u[index])

    def centred(self, H: Tensor) -> Tensor:
        """Centred features `C = H - H u uᵀ`, `[B, d, K + r]`: without the global mean where there is a bias."""
        return H if self.u is None else torch.baddbmm(H, applied(H, self.u), self.u.mT, alpha=-1)

    def _classifier(self, C: Tensor, decay: Tensor) -> Tensor:
        """The best classifier `[B, K, d]` of centred features `C [B, d, K + r]`, with `decay`, lambda_W I `[B, d, d]`.

        Ridge regression, `W = P Cᵀ (C Cᵀ + lambda_W I)⁻¹`.
        """
        factor = torch.linalg.cholesky_ex(torch.baddbmm(decay, C, C.mT))[0]
        return torch.cholesky_solve(C[..., : self.K], factor).mT  # C Pᵀ is the first K columns of C

    def ridge(self, H: Tensor, knobs: Knobs) -> Tensor:
        """The best classifier of features `H [B, d, K + r]`, `[B, K, d]`."""
        return self._classifier(self.centred(H), _decay(H, knobs))

    def features(self, W: Tensor, H0: Tensor, knobs: Knobs) -> Tensor:
        """The best features of a classifier `W [B, K, d]` that hold on to `H0`, `[B, d, K + r]`.

        `H = B (Wᵀ P + beta C0) + beta/mu (H0 - C0)` with `mu = lambda_H + beta` and
        `B = (WᵀW + mu I)⁻¹ = (I - Wᵀ (W Wᵀ + mu I)⁻¹ W)/mu`, a solve of size K.
        """
        beta, C0 = wide(knobs["beta"]), self.centred(H0)
        mu = wide(knobs["lambda_h"]) + beta
        X = torch.baddbmm(beta * C0, W.mT, self.P)
        system = W @ W.mT + mu * torch.eye(self.K, dtype=W.dtype, device=W.device)
        inner = torch.cholesky_solve(W @ X, torch.linalg.cholesky_ex(system)[0])
        return torch.baddbmm(X, W.mT, inner, alpha=-1) / mu + beta / mu * (H0 - C0)

    def resistance(self, H: Tensor, knobs: Knobs) -> Callable[[Tensor], Tensor]:
        """Make the function of features `[B, d, K + r]` that is minus the velocity of the flow, `-dH/dt`.

        `Wᵀ (WC - P) + lambda_H H` with the best W; what knobs alone make is computed once, for features like H.
        """
        decay, lambda_h = _decay(H, knobs), wide(knobs["lambda_h"])

        def at(H: Tensor) -> Tensor:
            C = self.centred(H)
            W = self._classifier(C, decay)
            return torch.baddbmm(lambda_h * H, W.mT, torch.baddbmm(self.P, W, C, beta=-1))

        return at

    def velocity(self, H: Tensor, knobs: Knobs) -> Tensor:
        """Velocity of the flow, `dH/dt = -Wᵀ (WC - P) - lambda_H H` with the best W, `[B, d, K + r]`."""
        return -self.resistance(H, knobs)(H)

    def errors(self, W: Tensor, H: Tensor) -> tuple[Tensor, Tensor]:
        """Squared error made by the class means and by the spread within the classes, over 2K; each `[B]`."""
        error = W @ self.centred(H) - self.P
        return square(error[..., : self.K]) / (2 * self.K), square(error[..., self.K :]) / (2 * self.K)

    def loss(self, W: Tensor, H: Tensor, knobs: Knobs) -> Tensor:
        """Regularised loss f without the proximal term, `[B]`."""
        decay = knobs["lambda_w"] * square(W) + knobs["lambda_h"] * square(H)
        return sum(self.errors(W, H)) + decay / (2 * self.K)

    def proximal_term(self, H: Tensor, H0: Tensor, knobs: Knobs) -> Tensor:
        """Proximal term, `beta ‖H - H0‖²/2Kn`, `[B]`."""
        return knobs["beta"] * square(H - H0) / (2 * self.K)
