"""Predictions from the knobs alone, so that they move while a slider is dragged.

Gradient descent in the population limit (identity operator) needs r + k rows alone: `first_steps` follows it until the
signal is fitted. From there on, and for a small start from the first step on, it splits into parts, each solvable.
Notation: F = [U; J], G = [V; K] in the basis of the truth, Δ = FᵀF − GᵀG (conserved by the flow), a unit
vector w_i along row i of (U + V)/2, and N an orthonormal basis of the k − r idle columns, orthogonal to all w_i.

1. Signal mode i grows like (1 + ησ_i)^{2t} from a_i = |(u_i + v_i)/2|² and saturates at σ_i.
2. Cross terms: along w_i, K shrinks by 1 − η f_i² and J by 1 − η g_i² a step once mode i is fitted, where
   f_i², g_i² = (sqrt(x_i² + 4σ_i²) ± x_i)/2 and x_i = w_iᵀ Δ w_i.
3. Idle block: B = NᵀKᵀKN obeys the Riccati equation dB/dt = −η(2B² + ΔB + BΔ), whose inverse is linear:
   B(t)⁻¹ = e^{ηtΔ} (B₀⁻¹ + Δ⁻¹) e^{ηtΔ} − Δ⁻¹. So is that of A = NᵀJᵀJN = B + Δ, and |JKᵀ|² = tr(AB).
   Δ = 0 (symmetric, or balanced) gives the 1/t law, |JKᵀ|² = sum_i (2ηt + s_i⁻²)⁻²; any other Δ gives a linear rate,
   η min|λ(Δ)| ~ α² (Xiong, Ding, Du 2023, theorems 1.1-1.3; the closed form is ours).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engines.matrix_sensing.config import MatrixSensing
from engines.matrix_sensing.factor_parts import FactorParts, initial_parts
from engines.matrix_sensing.first_steps import learning

TINY, ROUNDING = 1e-300, 1e-13

LARGE, COARSE = 2_000_000, 80
"""Matrix entries above which the idle block is computed on this many steps and interpolated."""


class ModeErrors(NamedTuple):
    """Squares of the error of each mode, `[T, r]`."""

    share: np.ndarray
    """The learned share of the singular value (itself, not its square)."""
    signal: np.ndarray
    """`(UVᵀ - Σ)²`."""
    right: np.ndarray
    """`|U Kᵀ|²`."""
    left: np.ndarray
    """`|J Vᵀ|²`."""


def error(config: MatrixSensing, t: np.ndarray) -> np.ndarray:
    """|E| of gradient descent, or of the one-step method, in the population limit, `[T]`.

    Step by step until the modes are learned, and then each part of the error at its own rate; where that takes more
    than `STEPS` steps, in closed form from the start on, for a small start.
    """
    learned = learning(config)
    if learned is None:
        return _descent(config, t)
    last = len(learned.errors) - 1
    since, eta = np.maximum(t - last, 0), config.eta * config.factor
    later = np.sqrt(_remaining(learned.squares, eta * learned.rates, since) + idle(learned.factors, eta, since))
    return np.where(t < last, np.interp(t, np.arange(last + 1), learned.errors), later)


def _remaining(squares: np.ndarray, moved: np.ndarray, since: np.ndarray) -> np.ndarray:
    """Sum of the squares `[T]` after `since` steps, each of which multiplies a root by `1 - moved`.

    What steps that are too large multiply stays below the largest float.
    """
    return (squares * np.exp(np.minimum(-2 * since[:, None] * _decay(moved), 600))).sum(1)


def _descent(config: MatrixSensing, t: np.ndarray) -> np.ndarray:
    """|E| of gradient descent in closed form, `[T]`, for a start that is small against σᵣ."""
    factors = initial_parts(config)
    eta = config.eta * config.factor
    errors = _mode_errors(factors, eta, t)
    return np.sqrt((errors.signal + errors.right + errors.left).sum(1) + idle(factors, eta, t))


def lifted_rates(config: MatrixSensing) -> tuple[np.ndarray, np.ndarray]:
    """Squared sizes f² and g² of the modes after the lift, `[r]`: β², or a larger f² of `below_beta`, and σ²/f²."""
    f = _sizes(initial_parts(config))[0] if config.lift == "below_beta" else np.zeros(config.r)
    f = np.maximum(f, config.beta**2)
    return f, config.sigma**2 / f


def _sizes(factors: FactorParts) -> tuple[np.ndarray, np.ndarray]:
    """Squared sizes f² and g² of the learned modes, `(sqrt(x² + 4σ²) ± x)/2`, `[r]` each."""
    root = np.sqrt(factors.tilt**2 + 4 * factors.sigma**2)
    return (root + factors.tilt) / 2, (root - factors.tilt) / 2


def _mode_errors(factors: FactorParts, eta: float, t: np.ndarray) -> ModeErrors:
    f, g = _sizes(factors)
    both, left, right = (_decay(eta * rate) for rate in (f + g, f, g))
    odds = _odds(factors, eta, both, t)
    share = odds / (1 + odds)
    J = factors.cross[0] / (1 + _odds(factors, eta, 2 * right, t))
    K = factors.cross[1] / (1 + _odds(factors, eta, 2 * left, t))
    return ModeErrors(share, (factors.sigma / (1 + odds)) ** 2, share * f * K, share * g * J)


def _decay(moved: np.ndarray) -> np.ndarray:
    """Rate `-ln|1 - moved|` a step of what each step multiplies by `1 - moved`; negative where that grows."""
    return -np.log(np.maximum(np.abs(1 - moved), TINY))


def _odds(factors: FactorParts, eta: float, decay: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Odds of learned to unlearned signal, `[T, r]`: they grow by (1 + ησ)² a step, by e^decay once they pass 1."""
    growth = 2 * np.log1p(eta * factors.sigma)
    onset = np.log(np.maximum(factors.sigma / np.maximum(factors.grown, TINY), 1)) / growth
    since = t[:, None] - onset
    return np.exp(np.clip(np.where(since < 0, growth, decay) * since, -600, 600))


def idle(factors: FactorParts, eta: float, t: np.ndarray) -> np.ndarray:
    """|JKᵀ|² on the idle columns, `[T]`: the closed form of the Riccati equation, in the eigenbasis of Δ."""
    if not len(factors.delta) or not factors.idle[1].any():
        return np.zeros(len(t))
    if len(t) <= COARSE or len(t) * len(factors.delta) ** 2 <= LARGE:
        return _idle(factors, eta, t)
    # One k x k inverse a step is too dear for very wide factors; the curve is smooth on logarithmic axes.
    coarse = np.geomspace(1, t.max() + 1, COARSE) - 1
    logs = np.log(np.maximum(_idle(factors, eta, coarse), TINY))
    return np.exp(np.interp(np.log1p(t), np.log1p(coarse), logs))


def _idle(factors: FactorParts, eta: float, t: np.ndarray) -> np.ndarray:
    """`tr(AB) = tr(P⁻¹ Q⁻¹)` with `P = A₀⁻¹ + (e^{2ηtΔ} − 1)/Δ`, `Q = B₀⁻¹ + (1 − e^{−2ηtΔ})/Δ`: nothing cancels.

    The factors e^{±ηtΔ} around P⁻¹ and Q⁻¹ in `A = JᵀJ` and `B = KᵀK` meet in the trace and drop out.
    """
    d = factors.delta
    # Each step multiplies by 1 - eta |d|, where the flow decays by e^(-eta |d|).
    exponent = np.clip(2 * t[:, None] * np.sign(d) * np.maximum(_decay(eta * np.abs(d)), 0), -600, 600)
    small = np.abs(d) < 1e-14
    over = np.where(small, 1, d)
    P, Q = (
        _inverse(factors.idle[i], np.where(small, 2 * eta * t[:, None], sign * np.expm1(sign * exponent) / over))
        for i, sign in ((0, 1), (1, -1))
    )
    return (P * Q).sum((1, 2)).clip(0)


def _inverse(start: np.ndarray, added: np.ndarray) -> np.ndarray:
    """`(start⁻¹ + diag(added))⁻¹` `[T, q, q]`, scaled to a unit diagonal: entries differ by hundreds of decades."""
    # The eigenbasis of Δ grades A₀ and B₀: scaled to a unit diagonal, what is left of them is far from singular.
    size = np.sqrt(np.maximum(np.diag(start), TINY))
    shape = start / size / size[:, None] + ROUNDING * np.eye(len(start))
    matrix = np.linalg.inv(shape) / size / size[:, None] + added[:, :, None] * np.eye(len(start))
    scale = 1 / np.sqrt(np.einsum("tii->ti", matrix))
    return scale[:, :, None] * np.linalg.inv(scale[:, :, None] * matrix * scale[:, None, :]) * scale[:, None, :]


def late_rate(config: MatrixSensing) -> float:
    """Rate −d ln|E|/dt of the slowest part at late times: the idle block, or a mode that a large start delays."""
    learned, eta = learning(config), config.eta * config.factor
    factors = initial_parts(config) if learned is None else learned.factors
    rates = np.concatenate(_sizes(factors)) if learned is None else learned.rates[learned.squares > 0]
    if len(factors.delta) and all(block.any() for block in factors.idle):
        rates = np.append(rates, np.abs(factors.delta).min())
    return float(_decay(eta * rates).min())


def sensed_share(config: MatrixSensing) -> float:
    """Share of the late rate at `m → ∞` that m Gaussian measurements leave: `q/m · (1 - √((n₂ - r)/q))²`.

    The slowest errors are one idle column of F times any of `n₂ - r` directions. All p others that a solution with F
    of rank k and G of rank r can see decay much faster: they take p of the m measurements, `q = m - p` are left
    (Cochran's theorem), and the smallest eigenvalue of those is the edge of the Marchenko-Pastur law (Bai and Yin
    1993). Valid for asymmetric descent with k > r; a few per cent low for a slowest block this small, and a few high
    where a second idle column is as slow: 0.92 to 1.09 of it in 20 seeds of preset P6.
    """
    slowest = config.columns - config.r
    others = config.rows * config.r + slowest * (config.k - 1)
    left = config.m - others
    return left / config.m * (1 - np.sqrt(slowest / left)) ** 2


def signs(delta: np.ndarray, size: float) -> str:
    """Name the signs of the eigenvalues `delta [k - r]` on the idle columns: zero, positive, negative or both.

    They count as zero up to rounding of `size`.
    """
    if not len(delta) or np.abs(delta).max() <= ROUNDING * size:
        return "zero"
    return "positive" if delta.min() > 0 else "negative" if delta.max() < 0 else "both"
