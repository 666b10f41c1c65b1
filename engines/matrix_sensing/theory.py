"""Predictions from the knobs alone, in closed form, so that they move while a slider is dragged.

The population limit (identity operator) of small-start gradient descent splits into three parts, each solvable.
Notation: F = [U; J], G = [V; K] in the basis of the truth, Δ = FᵀF − GᵀG (conserved by the flow), a unit vector
w_i along row i of (U₀ + V₀)/2, and N an orthonormal basis of the k − r idle columns, orthogonal to all w_i.

1. Signal mode i grows like (1 + ησ_i)^{2t} from a_i = |(u_i + v_i)/2|² and saturates at σ_i.
2. Cross terms: along w_i, K shrinks by 1 − η f_i² and J by 1 − η g_i² a step once mode i is fitted, where
   f_i², g_i² = (sqrt(x_i² + 4σ_i²) ± x_i)/2 and x_i = w_iᵀ Δ w_i.
3. Idle block: B = NᵀKᵀKN obeys the Riccati equation dB/dt = −η(2B² + ΔB + BΔ), whose inverse is linear:
   B(t)⁻¹ = e^{ηtΔ} (B₀⁻¹ + Δ⁻¹) e^{ηtΔ} − Δ⁻¹. So is that of A = NᵀJᵀJN = B + Δ, and |JKᵀ|² = tr(AB).
   Δ = 0 (symmetric, or balanced) gives the 1/t law, |JKᵀ|² = sum_i (2ηt + s_i⁻²)⁻²; Δ > 0 gives the linear
   rate η λ_min(Δ) ~ α² (Xiong, Ding, Du 2023, theorems 1.1-1.3; the closed form is ours).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from engines.core.random import orthonormal
from engines.matrix_sensing.config import MatrixSensing
from engines.matrix_sensing.draws import FACTORS, directions, scaled

TINY = 1e-300

LARGE, COARSE = 2_000_000, 80
"""Matrix entries above which the idle block is computed on this many steps and interpolated."""


@dataclass(frozen=True)
class Start:
    """What of the start matters, in the limit of small alpha."""

    sigma: np.ndarray
    """`[r]`."""
    grown: np.ndarray
    """a_i, `[r]`."""
    tilt: np.ndarray
    """x_i, `[r]`."""
    cross: np.ndarray
    """|J w_i|² and |K w_i|², `[2, r]`."""
    idle: np.ndarray
    """A₀ = NᵀJᵀJN and B₀ = NᵀKᵀKN in the eigenbasis of Δ, `[2, k - r, k - r]`."""
    delta: np.ndarray
    """Eigenvalues of Δ on the idle columns, `[k - r]`, ascending."""
    imbalance_min: float
    """Smallest eigenvalue of all of Δ."""


def start(config: MatrixSensing) -> Start:
    """Split the starting point of a configuration."""
    left, right, F, G = _drawn(config)
    F, G = scaled(config, F, G)
    U, V = left.T @ F, right.T @ G
    J, K = F - left @ U, G - right @ V
    grown = (U + V) / 2
    # Modes are learned in order, and each learned one removes its direction from the rows still to come.
    columns, triangle = np.linalg.qr(grown.T, mode="complete")
    along, N = columns[:, : len(grown)], columns[:, len(grown) :]
    delta, basis = np.linalg.eigh(N.T @ (J.T @ J - K.T @ K) @ N)
    parts = (J @ N @ basis, K @ N @ basis)
    imbalance = F.T @ F - G.T @ G
    tilt = np.einsum("ki,kl,li->i", along, imbalance, along)
    cross = np.stack([((block @ along) ** 2).sum(0) for block in (J, K)])
    return Start(
        config.sigma,
        np.diag(triangle) ** 2,
        tilt,
        cross,
        np.stack([part.T @ part for part in parts]),
        delta,
        np.linalg.eigvalsh(imbalance)[0],
    )


def _drawn(config: MatrixSensing) -> tuple[np.ndarray, ...]:
    # Unit scale: alpha and the ratio are applied later, so that dragging them costs nothing.
    return _cached(config.replace(alpha=1.0, init_ratio=1.0, eta=0.1, beta=1.0, m=4, operator="identity", noise=0.0))


@lru_cache(maxsize=256)
def _cached(config: MatrixSensing) -> tuple[np.ndarray, ...]:
    """U*, V* and the directions of F₀, G₀: the run's own, or as likely ones where an operator is drawn between."""
    own = config.operator_seed < 0
    stream = np.random.default_rng(config.seed if own else config.operator_seed)
    left = orthonormal(stream, config.rows, config.r)
    right = left if config.psd else orthonormal(stream, config.columns, config.r)
    return left, right, *directions(config, stream if own else np.random.default_rng([config.seed, FACTORS]))


def error(config: MatrixSensing, t: np.ndarray) -> np.ndarray:
    """|E| of gradient descent, or of the one-step method, in the population limit, `[T]`.

    From step 0 to |E| = 1e-12 the run is met within 10 % for alpha <= 0.01 and within a factor 1.6 at 0.1; from
    alpha = 0.3 on the modes mix while they are learned, and late values of an asymmetric run can be 10 times off.
    """
    return _descent(config, t) if config.method != "one_step" else _lifted(config, t)


def _descent(config: MatrixSensing, t: np.ndarray) -> np.ndarray:
    begun = start(config)
    eta = config.eta * config.factor
    fitted, cross = _signal(begun, eta, t)
    return np.sqrt(fitted + cross + idle(begun, eta, t))


def lift_time(config: MatrixSensing) -> float:
    """T₃: when the closed form falls below the trigger (infinite where it never does)."""
    if config.lift_at >= 0 or config.trigger == "hand":
        return config.lift_at if config.lift_at >= 0 else np.inf
    t = np.unique(np.geomspace(1, 1e6, 1000).round())
    below = np.flatnonzero(_descent(config, t) < config.trigger_level * config.sigma[-1])
    return float(t[below[0]]) if len(below) else np.inf


def lifted_rate(config: MatrixSensing) -> float:
    """`-ln(1 - η min(β², σᵣ²/β²))` after a full lift; `σᵣ` in place of `σᵣ²/β²` after a low one."""
    smallest = config.sigma[-1]
    other = smallest if config.lift == "low" else smallest**2 / config.beta**2
    return float(-np.log1p(-min(config.eta * min(config.beta**2, other), 1 - 1e-12)))


def _lifted(config: MatrixSensing, t: np.ndarray) -> np.ndarray:
    """Descent up to the lift, then its linear rate from the error that the lift found."""
    at = lift_time(config)
    level = _descent(config, np.array([min(at, 1e9)]))[0]
    return np.where(t <= at, _descent(config, t), level * np.exp(-lifted_rate(config) * np.maximum(t - at, 0)))


def _signal(begun: Start, eta: float, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Squares of the signal part and of the cross part, `[T]` each."""
    sigma, root = begun.sigma, np.sqrt(begun.tilt**2 + 4 * begun.sigma**2)
    f, g = (root + begun.tilt) / 2, (root - begun.tilt) / 2
    both, left, right = (-np.log(np.maximum(1 - eta * rate, TINY)) for rate in (f + g, f, g))
    odds = _odds(begun, eta, both, t)
    J = begun.cross[0] / (1 + _odds(begun, eta, 2 * right, t))
    K = begun.cross[1] / (1 + _odds(begun, eta, 2 * left, t))
    return ((sigma / (1 + odds)) ** 2).sum(1), (odds / (1 + odds) * (f * K + g * J)).sum(1)


def _odds(begun: Start, eta: float, decay: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Learned over unlearned, `[T, r]`: grows with (1 + ησ)² a step, and after it passes 1 with e^decay."""
    growth = 2 * np.log1p(eta * begun.sigma)
    onset = np.log(np.maximum(begun.sigma / np.maximum(begun.grown, TINY), 1)) / growth
    since = t[:, None] - onset
    return np.exp(np.clip(np.where(since < 0, growth, decay) * since, -600, 600))


def idle(begun: Start, eta: float, t: np.ndarray) -> np.ndarray:
    """|JKᵀ|² on the idle columns, `[T]`: the closed form of the Riccati equation, in the eigenbasis of Δ."""
    if not len(begun.delta) or not begun.idle[1].any():
        return np.zeros(len(t))
    if len(t) <= COARSE or len(t) * len(begun.delta) ** 2 <= LARGE:
        return _idle(begun, eta, t)
    # One k x k inverse a step is too dear for very wide factors; the curve is smooth on logarithmic axes.
    coarse = np.geomspace(1, t.max() + 1, COARSE) - 1
    logs = np.log(np.maximum(_idle(begun, eta, coarse), TINY))
    return np.exp(np.interp(np.log1p(t), np.log1p(coarse), logs))


def _idle(begun: Start, eta: float, t: np.ndarray) -> np.ndarray:
    """`tr(AB) = tr(P⁻¹ Q⁻¹)` with `P = A₀⁻¹ + (e^{2ηtΔ} − 1)/Δ`, `Q = B₀⁻¹ + (1 − e^{−2ηtΔ})/Δ`: nothing cancels.

    The factors e^{±ηtΔ} around P⁻¹ and Q⁻¹ in `A = JᵀJ` and `B = KᵀK` meet in the trace and drop out.
    """
    d = begun.delta
    exponent = np.clip(2 * eta * t[:, None] * d, -600, 600)
    small = np.abs(d) < 1e-14
    over = np.where(small, 1, d)
    P, Q = (
        _inverse(begun.idle[i], np.where(small, 2 * eta * t[:, None], sign * np.expm1(sign * exponent) / over))
        for i, sign in ((0, 1), (1, -1))
    )
    return (P * Q).sum((1, 2)).clip(0)


def _inverse(start: np.ndarray, added: np.ndarray) -> np.ndarray:
    """`(start⁻¹ + diag(added))⁻¹` `[T, q, q]`, scaled to a unit diagonal: entries differ by hundreds of decades."""
    matrix = np.linalg.pinv(start, hermitian=True) + added[:, :, None] * np.eye(len(start))
    scale = 1 / np.sqrt(np.einsum("tii->ti", matrix))
    return scale[:, :, None] * np.linalg.inv(scale[:, :, None] * matrix * scale[:, None, :]) * scale[:, None, :]


def tail_rate(config: MatrixSensing) -> float:
    """Rate −d ln|E|/dt of the idle block at late times, `−ln(1 − η λ_min(Δ))`; 0 for a balanced start."""
    smallest = start(config).delta[:1]
    return float(-np.log1p(-config.eta * max(smallest[0], 0.0))) if len(smallest) else np.inf
