"""Quantitative laws of robust recovery, from the knobs alone.

Notation: Delta = UUᵀ - X*, t = |Delta|_F, w the edge of the noise in a sub-gradient, theta_i its signal eigenvalues
at the origin, tau_t = sum of the normalised steps up to t. Gaussian measurements, noise independent of them.
The statements are shaped like those of Ma and Fattahi 2022; the constants are short derivations, each held
against runs or quadrature by the tests.
"""

from __future__ import annotations

from math import log

import numpy as np
import numpy.typing as npt
from scipy.special import erf, erfcx

from engines.subgradient_recovery import draws
from engines.subgradient_recovery.config import SubgradientRecovery

ROOT = np.sqrt(2 / np.pi)
"""Mean E|z| of a standard normal z."""

LONGEST = 1000.0
"""The largest budget that is set by itself."""

SHORTEST = 2.0
"""The smallest budget that is set by itself."""


def edge(config: SubgradientRecovery) -> float:
    """Edge `w = sqrt(2d/m)` of the noise: the norm of (1/m) sum ±sym(A_i) for random signs and large d."""
    return float(np.sqrt(2 * config.d / config.m))


def phi(config: SubgradientRecovery, size: npt.ArrayLike) -> np.ndarray:
    """Length of the mean sub-gradient at distances `size [*]`, `[*]`: E[Q] = phi Delta/|Delta|_F.

    `phi = sqrt(2/pi) E_s[exp(-s²/2t²)]`. With dense noise of deviation nu and T² = t² + nu²:
    `sqrt(2/pi) (t/T) ((1 - p) + p E_o[exp(-o²/2T²)])`, o the law of the outliers. Between sqrt(2/pi)(1 - p) and
    sqrt(2/pi) without dense noise. Not valid for sign flips, which depend on the measurement.
    """
    t = np.asarray(size, dtype=float)
    T = np.hypot(t, config.noise)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(T == 0, 1.0, t / np.maximum(T, 1e-300))  # where there is no size, none of phi
    p = config.outlier_fraction
    return ROOT * share * ((1 - p) + p * _spared(config, np.maximum(T, 1e-300)))


def _spared(config: SubgradientRecovery, T: np.ndarray) -> np.ndarray:
    """Mean E[exp(-o²/2T²)] over the outliers o, `[*]`: the share of an outlier's weight that points to the truth."""
    size = config.outlier_scale
    if size == 0:
        return np.ones_like(T)
    if config.outlier_kind == "cauchy":
        return erfcx(size / (np.sqrt(2) * T))
    if config.outlier_kind == "uniform":
        return np.sqrt(np.pi / 2) * T / size * erf(size / (np.sqrt(2) * T))
    if config.outlier_kind == "constant":
        return np.exp(-0.5 * np.minimum(size / T, 1e6) ** 2)
    return T / np.hypot(T, size)


def loss_gap(config: SubgradientRecovery, size: np.ndarray) -> np.ndarray:
    """Mean of f(U) - f(truth) for the l1 loss, `E|<A, Delta> - s| - E|s|`, at distances `size [*]`, `[*]`.

    It is the integral of phi from 0 to |Delta|_F.
    """
    t = np.asarray(size, dtype=float)
    nodes, weights = np.polynomial.legendre.leggauss(24)
    return 0.5 * t * (phi(config, 0.5 * t[..., None] * (nodes + 1)) * weights).sum(-1)


def spikes(config: SubgradientRecovery) -> np.ndarray:
    """Signal eigenvalues of Q0, `[r]`: `theta + w²/4theta` where theta > w/2, else lost in the bulk at w."""
    w, norm = edge(config), np.linalg.norm(config.sigma)
    theta = phi(config, norm) * config.sigma / norm
    return np.where(theta > w / 2, theta + w**2 / (4 * np.maximum(theta, 1e-300)), w)


def threshold(config: SubgradientRecovery) -> float:
    """Number of measurements above which the weakest signal eigenvalue separates from the noise, theta_r > w/2.

    `m > d |X*|_F² / (2 phi² sigma_r²)`, which is (pi/4) d r/(1 - p)² for huge outliers at kappa = 1.
    """
    norm = np.linalg.norm(config.sigma)
    return float(config.d * norm**2 / (2 * phi(config, norm) ** 2 * config.sigma[-1] ** 2))


def learning_times(alpha: float, eigenvalues: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """Times tau_i, `[r]`, at which component i of a small spectral start reaches sqrt(sigma_i), were it alone.

    `lam_1/(2 lam_i) ln(sqrt(sigma_i/lam_i)/alpha)`. Exact for the first; the later ones come sooner, since the norm
    of the sub-gradient falls with each component that is learned.
    """
    lam = np.maximum(eigenvalues, 1e-300)
    return lam[0] / (2 * lam) * np.log(np.maximum(np.sqrt(sigma / lam) / alpha, 1.0))


def automatic(config: SubgradientRecovery, eigenvalues: np.ndarray) -> float:
    """Automatic step budget B, from lam_1 and lam_r of the start's matrix, `eigenvalues [n]`, n >= r.

    With `L = ln(1/alpha)` and the learning time `tau_r = lam_1/(2 lam_r) ln(1/(alpha sqrt(lam_r)))`,
    `B = max(.7 L + 1, min(1.1 tau_r + 1.5, L + 1))`; sigma_1 is taken as 1, since signs carry no scale. A start that
    is not small still has a way of about 1 to go, hence at least 2. `benchmarks recovery` counts its successes.
    """
    first, last = float(eigenvalues[0]), max(float(eigenvalues[config.r - 1]), 1e-300)
    size = log(1 / config.alpha)
    tau = first / (2 * last) * log(1 / (config.alpha * last**0.5))
    return float(min(max(0.7 * size + 1, min(1.1 * tau + 1.5, size + 1), SHORTEST), LONGEST))


def start_eigenvalues(config: SubgradientRecovery) -> np.ndarray:
    """Eigenvalues lam_1 ... lam_r of the start's matrix, and lam_b, the largest of the others, `[r + 1]`.

    They are those of this very draw; predicted where that is large.
    """
    drawn = draws.spectrum(config)
    if drawn is None:
        return np.append(spikes(config), edge(config))
    return np.append(np.maximum(drawn[0], 1e-12), edge(config))[: config.r + 1]


def budget(config: SubgradientRecovery) -> float:
    """Budget B of a configuration: the knob, or where that is 0 the automatic one."""
    return config.budget or automatic(config, start_eigenvalues(config))


def density(config: SubgradientRecovery) -> float:
    """Density g0 of the whole noise at zero; infinite where a share of the measurements is exact."""
    nu, p = config.noise, config.outlier_fraction
    if nu == 0:
        return np.inf
    at_zero = {
        "gaussian": 1 / np.sqrt(2 * np.pi * (config.outlier_scale**2 + nu**2)),
        "constant": np.exp(-0.5 * min(config.outlier_scale / nu, 1e3) ** 2) / (np.sqrt(2 * np.pi) * nu),
        "uniform": erf(config.outlier_scale / (np.sqrt(2) * nu)) / (2 * max(config.outlier_scale, 1e-300)),
        "cauchy": erfcx(config.outlier_scale / (np.sqrt(2) * nu)) / (np.sqrt(2 * np.pi) * nu),
    }
    return (1 - p) / (np.sqrt(2 * np.pi) * nu) + p * at_zero.get(config.outlier_kind, 0.0)


def dense_floor(config: SubgradientRecovery) -> float:
    """Error |Delta|_F of least absolute deviations under dense noise, `sqrt(dof/m)/(2 g0)`: one for k = r and k = d."""
    return float(np.sqrt(config.unknowns / config.m) / (2 * density(config)))
