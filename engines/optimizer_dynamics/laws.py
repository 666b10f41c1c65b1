"""Laws in closed form of the factorisation: when each mode reaches a share of its singular value.

`s` are singular values, `u0` the strengths at the start, `eta` the step size, `L` the number of factors; all derived
for balanced aligned factors, where a mode is one number `a` and its strength `u = a^L`.
"""

from __future__ import annotations

import numpy as np
from scipy.integrate import quad
from scipy.special import hyp2f1

from engines.core.methods.names import ENTRYWISE
from engines.core.methods.spectral import QUINTIC
from engines.optimizer_dynamics.config import OptimizerDynamics

GAINS = (0.682, 1.134)
"""Bounds of five Newton-Schulz steps on [0.01, 1]: what they make of an update of size 1."""


def newton_schulz_cut(steps: int = 5) -> float:
    """Return the share of the gradient up to which so many Newton–Schulz steps only multiply: one over the slope at 0.

    >>> round(1 / newton_schulz_cut())
    485
    """
    return QUINTIC[0] ** -steps


def gradient_descent(s: np.ndarray, u0: np.ndarray, eta: float, L: int = 2, f: float = 0.5) -> np.ndarray:
    """Compute the steps of gradient descent to `u = f s`.

    s and u0 are `[r]`. Two factors: `ln[(s/u0-1) f/(1-f)] / (2 ln(1+eta s))`, within a step at eta = 0.01, s <= 4.
    More: the flow, by a hypergeometric function, within 1 to 1.5 % there.
    """
    if L == 2:
        return np.log((s / u0 - 1) * f / (1 - f)) / (2 * np.log1p(eta * s))

    def F(u: np.ndarray) -> np.ndarray:
        return -(u ** (2 / L - 1)) / ((1 - 2 / L) * s) * hyp2f1(1, 2 / L - 1, 2 / L, u / s)

    return (F(f * s) - F(u0)) / (L * eta)


def growth(s: np.ndarray, eta: float, beta: float, nesterov: bool) -> np.ndarray:
    """Compute the factor `[r]` by which a small mode's `a` grows in one step of momentum, two factors; s `[r]`.

    It is the largest root of `z² - (1+beta+eta s) z + beta`, or of `z² - (1+beta)(1+eta s) z + beta (1+eta s)`.
    """
    linear = (1 + beta) * (1 + eta * s) if nesterov else 1 + beta + eta * s
    constant = beta * (1 + eta * s) if nesterov else beta
    return (linear + np.sqrt(linear**2 - 4 * constant)) / 2


def momentum(s: np.ndarray, u0: np.ndarray, eta: float, beta: float, nesterov: bool) -> np.ndarray:
    """Compute the half times `[r]` of momentum, two factors: `ln(s/u0) / (2 ln z)`, z by `growth`.

    Up to 3.4 % early at beta = 0.95.
    """
    return np.log(s / u0) / (2 * np.log(growth(s, eta, beta, nesterov)))


def uniform_speed(s: np.ndarray, u0: np.ndarray, eta: float, L: int = 2, f: float = 0.5) -> np.ndarray:
    """Compute the steps `[r]` of methods that move every factor at one speed, polar Muon and signs, to `u = f s`.

    `((f s)^(1/L) - u0^(1/L))/eta`, of s and u0 `[r]`.
    """
    return ((f * s) ** (1 / L) - u0 ** (1 / L)) / eta


def shampoo(s: np.ndarray, u0: np.ndarray, eta: float, L: int = 2, f: float = 0.5) -> np.ndarray:
    """Compute the steps of Shampoo with summed Gram matrices to `u = f s`.

    s and u0 are `[r]`. Two factors: `s (f - ln(1-f)) / (16 eta²)`; more:
    `dt = (s u - u²/2) / (2 L² u^(2-2/L) (s-u) eta²) du`.
    """
    if L == 2:
        return s * (f - np.log1p(-f)) / (16 * eta**2)

    def one(value: float, begin: float) -> float:
        def slowness(v: float) -> float:  # over the root of u, where nothing is singular
            return v * (value - v**L / 2) / (2 * L * (value - v**L) * eta**2)

        return quad(slowness, begin ** (1 / L), (f * value) ** (1 / L))[0] if begin < f * value else np.nan

    return np.array([one(float(value), float(begin)) for value, begin in zip(s, u0, strict=True)])


ADAM = {0.1: 0.1858, 0.5: 0.4550, 0.9: 0.7774}
"""c_f of Adam's law with a long memory: the share f of a mode is learned after `c_f sqrt(s)/eta` steps."""


def adam(s: np.ndarray, eta: float, f: float = 0.5) -> np.ndarray:
    """Compute the steps of Adam without momentum and with a long memory to `u = f s`, two factors.

    `c_f sqrt(s)/eta`, `[r]`, for f = 0.1, 0.5 or 0.9: others raise `KeyError`.
    """
    return ADAM[f] * np.sqrt(s) / eta


def natural(s: np.ndarray, u0: np.ndarray, eta: float, f: float = 0.5) -> np.ndarray:
    """Compute the steps of natural gradient (ScaledGD) to `u = f s`: nearly the same for every mode.

    `ln((1 - u0/s)/(1 - f))/(2 eta)`, `[r]`.
    """
    return np.log((1 - u0 / s) / (1 - f)) / (2 * eta)


def half_times(config: OptimizerDynamics, u0: np.ndarray) -> np.ndarray:
    """Compute half times `[r]` by the law of a configuration's method; NaN where there is none, or it began beyond.

    Where there is one, modes of aligned factors meet it within a twentieth and three steps.
    """
    s, eta, L, method = config.values, config.eta, config.depth, config.method
    none = np.full(len(s), np.nan)
    if not _holds(config, u0):
        return none
    with np.errstate(all="ignore"):
        times = none
        if method == "gd":
            times = gradient_descent(s, u0, eta, L)
        elif method in ("heavy_ball", "nesterov") and L == 2:
            times = np.where(u0 < 0.05 * s, momentum(s, u0, eta, config.beta1, method == "nesterov"), np.nan)
        elif method == "sign" or (method == "muon" and config.orthogonalise == "polar"):
            times = uniform_speed(s, u0, eta * gain(config), L)
        elif method == "shampoo" and eta < FINE:  # else the few steps of a law are wide apart
            times = shampoo(s, u0, eta, L)
            times = np.where((u0 < 1e-3 * s) & (times > (100 if L == 2 else 200)), times, np.nan)
        elif method in ("adam", "soap") and L == 2 and config.beta1 == 0:
            times = adam(s, eta)
            remembered = (1 - config.beta2) * times < 0.5
            times = np.where(remembered & (u0 < 4e-4 * s) & (config.eps < 1e-3 * np.sqrt(u0) * s), times, np.nan)
        elif method == "scaled_gd" and config.damping == 0:
            times = natural(s, u0, eta)
    return np.where(u0 < s / 2, times, np.nan)


FINE = 0.1
"""Step size from which on Shampoo crosses a mode in a few steps, which no flow describes."""

SMALL = 0.01
"""Largest strength of the start over the smallest singular value at which random starts align in time."""


def _holds(config: OptimizerDynamics, u0: np.ndarray) -> bool:
    """Whether what all laws assume does: a rate that stays, no decay, and factors that are aligned, or will be."""
    if config.alpha == 0 or config.schedule != "constant" or config.weight_decay or config.warmup > 1:
        return False
    limit = curvature_limit(config)
    if limit and config.eta > limit:
        return False
    if config.start != "random":
        return config.method not in ENTRYWISE or config.start == "diagonal"
    if config.method not in ("gd", "heavy_ball", "nesterov", "muon") or (config.depth > 2 and config.method != "muon"):
        return False
    return bool(u0.max() <= SMALL * config.values.min()) and not learned_together(config)


APART = 1.3
"""Ratio of neighbouring singular values from which on a random start's modes do not turn into each other.

Half times of 20 starts a ratio, three sizes, two widths: off by up to 23 % at 1.05, 9 % at 1.2, 4.9 % at 1.3.
"""


def learned_together(config: OptimizerDynamics) -> float:
    """Return the singular value whose larger neighbour is so near that both are learned together; 0 where none is.

    Muon learns all at one speed, so that neighbours do not matter.
    """
    s = config.values
    near = np.flatnonzero(s[:-1] < APART * s[1:]) if config.method != "muon" else []
    return float(s[near[0] + 1]) if len(near) else 0.0


def curvature_limit(config: OptimizerDynamics) -> float:
    """Return the largest stable step size of methods that follow the gradient, 0 for others.

    The curvature at the solution is `L s^(2-2/L)` for the largest s; momentum beta allows `2 + 2 beta` over it, and
    Nesterov's `(2 + 2 beta)/(1 + 2 beta)`.
    """
    beta = config.beta1
    factor = {"gd": 2.0, "heavy_ball": 2 + 2 * beta, "nesterov": (2 + 2 * beta) / (1 + 2 * beta)}.get(config.method)
    if factor is None:
        return 0.0
    return factor / (config.depth * config.values[0] ** (2 - 2 / config.depth))


def gain(config: OptimizerDynamics) -> float:
    """Return the geometric mean of the scales over the layers: how much faster than eta factors grow."""
    return float(np.exp(np.mean(np.log(scales(config)))))


def scales(config: OptimizerDynamics) -> list[float]:
    """Return the factor by which Muon's update of each layer is larger than its orthogonal matrix; 1 for others."""
    if config.method != "muon" or config.scale == "none":
        return [1.0] * len(config.shapes)
    if config.scale == "match_rms_adamw":
        return [0.2 * max(shape) ** 0.5 for shape in config.shapes]
    return [max(1.0, rows / columns) ** 0.5 for rows, columns in config.shapes]
