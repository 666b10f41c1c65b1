"""`lambda(b) = b E_b[L]` under a Gaussian window N(0, I/gamma), by one integral over the log of a squared radius s.

All parameters but the radius of one group are Gaussian given it, and integrated out. numpy, b `[...]`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from engines.core.errors import ConfigError

POINTS = 8001
"""Of the trapezoidal rule in log s, whose error falls exponentially with their number."""


def radial(b: ArrayLike, gamma: float, n: int, power: float, stiffness: float) -> np.ndarray:
    """`E[p/(gamma + p)]`, `p = stiffness b s`, density `s^(n/2 - 1) e^(-gamma s/2) (gamma + p)^(-power/2)`, `[...]`.

    Raises `ConfigError` unless b and gamma are positive.
    """
    b = np.asarray(b, float)[..., None]
    if not (gamma > 0 and (b > 0).all()):
        raise ConfigError(f"b = {b[..., 0].tolist()} and gamma = {gamma}; both must be positive")
    # In units of 1/gamma. From where e^{-s/2} has vanished down to where s^{n/2} has, below the crossover at p = gamma.
    top, low = np.log(2000), np.log(gamma / (stiffness * b.max())) - 80 / n
    u = np.linspace(min(low, -80 / n), top, POINTS)
    s = np.exp(u)
    p = stiffness * b * s / gamma
    logs = n / 2 * u - s / 2 - power / 2 * np.log(gamma + p)
    weight = np.exp(logs - logs.max(-1, keepdims=True))
    return (weight * p / (gamma + p)).sum(-1) / weight.sum(-1)


def crossing_planes(n1: int, n2: int, b: ArrayLike, gamma: float = 1.0) -> np.ndarray:
    """`|u|^2 |v|^2`, `s = |u|^2`: `(n2/2) E[2 b s/(gamma + 2 b s)]`. `w1^2 w2^2` is n1 = n2 = 1."""
    return n2 / 2 * radial(b, gamma, n1, n2, 2)


def one_hidden(inputs: int, outputs: int, b: ArrayLike, gamma: float = 1.0) -> np.ndarray:
    """`1/2 |v u^T|^2` of one hidden unit, u in R^M, v in R^N, `s = |v|^2`: `(M/2) E[b s/(gamma + b s)]`."""
    return inputs / 2 * radial(b, gamma, outputs, inputs, 1)


def crossing_box(ratio: ArrayLike) -> np.ndarray:
    """`N_eff(eps)` of `c w1^2 w2^2` in the box [-1, 1]^2 at `ratio = c/eps`: `1 - 1/(1 + ln(ratio)/2)`, 0 up to 1.

    From `V = 4 sqrt(eps/c) (1 + ln(c/eps)/2)`: interaction counts by the log of its strength over the level.
    """
    return 1 - 1 / (1 + np.log(np.maximum(ratio, 1)) / 2)
