"""Quadrature of `lambda(b) = b E_b[L]`, exact at every temperature, for products of vectors and of matrices. numpy.

Without a target each factor is drawn from N(0, I/gamma): in units of its width the loss of m factors has the strength
`c = b/gamma^m`, and `lambda = -d log E[exp(-c L)]/d log c`.
"""

from __future__ import annotations

from math import exp, log

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar
from scipy.special import loggamma

from engines.core.protocol.errors import ConfigError

STEPS = 6
"""Steps from the saddle of an integral to the next pole; its error is `exp(-2 pi 6)`."""

POINTS = 8001
"""Points of an integral over the log of a squared singular value."""

FAINT = log(1e-9)
"""Logarithm of `c E L` below which the coefficient is that: the sum along the line cancels to 1e-16, not to nothing."""

CONDITION = 1e9
"""Largest condition of a Pfaffian's matrix: up to it float64 leaves seven digits."""


def vectors(dims: tuple[int, ...], log_c: float) -> float:
    """Coefficient `lambda(c)` of `L = prod_i chi2(d_i)`, squared lengths of independent vectors of N(0, 1).

    `E[exp(-c L)] = 1/(2 pi i) int Gamma(z) prod_i Gamma(d_i/2 - z) (2^m c)^-z dz` (Mellin and Barnes) on the line
    through its saddle, between 0 and the first pole d/2; the slope in log c brings down a factor z.
    """
    mean = log_c + float(np.log(dims).sum())
    if mean < FAINT:
        return exp(mean)
    half, scale = np.array(dims, float)[:, None] / 2, log_c + len(dims) * log(2)
    first = float(half.min())

    def exponent(z: np.ndarray) -> np.ndarray:
        return loggamma(z) + loggamma(half - z).sum(0) - z * scale

    # By the logit of its place, as the saddle comes close to a pole where c is very large or small.
    minimum = minimize_scalar(
        lambda x: float(exponent(np.array([first / (1 + exp(-x))]))[0]), bounds=(-15, 15), method="bounded"
    )
    saddle = first / (1 + exp(-minimum.x))
    step = min(saddle, first - saddle, 0.5) / STEPS
    z = saddle + 1j * step * np.arange(round(60 / step))
    logs = exponent(z)
    weight = np.exp(logs - logs[0].real)
    weight[0] /= 2  # the other half line is the conjugate
    return float((z * weight).real.sum() / weight.real.sum())


def matrices(inputs: int, hidden: int, outputs: int, log_c: float) -> float | None:
    """Coefficient `lambda(c)` of `L = |B A|^2`, of matrices with entries N(0, 1); None where unresolved.

    A is `[hidden, inputs]`, B `[outputs, hidden]`. B is integrated out: `E[det(1 + 2 c A A^T)^(-outputs/2)]`, over
    eigenvalues s of `A A^T` of density `prod s^((|hidden - inputs| - 1)/2) e^(-s/2) |Delta(s)|`, is a Pfaffian of
    double integrals (de Bruijn 1955), and the slope of its logarithm half a trace. Resolved for up to about five
    eigenvalues; the smaller side is taken.
    """
    if min(hidden, outputs) < min(hidden, inputs):
        inputs, outputs = outputs, inputs
    k, power = min(hidden, inputs), (abs(hidden - inputs) + 1) / 2
    c = 2 * exp(min(log_c, 600.0))
    u = np.linspace(-max(log(c), 0) - 40 / power, log(1000 * (1 + k)), POINTS)
    s = np.exp(u)
    share = c * s / (1 + c * s)
    logs = power * u - s / 2 - outputs / 2 * np.log1p(c * s)
    root = np.exp((logs - logs.max()) / 2)[:, None]
    columns = s[:, None] ** np.arange(k) * root
    f = np.linalg.qr(columns / np.linalg.norm(columns, axis=0))[0] * root
    A, D = _skew(f, f), _skew(f * share[:, None], f) + _skew(f, f * share[:, None])
    if k % 2:
        A, D = _bordered(A, f.sum(0)), _bordered(D, (f * share[:, None]).sum(0))
    if np.linalg.cond(A) > CONDITION:
        return None
    return float(outputs / 4 * np.trace(np.linalg.solve(A, D)))


def _skew(f: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Double integrals `sum_{x < y} f_i(x) g_j(y) - f_i(y) g_j(x)`, `[k, k]`, half of x = y in each.

    f and g are columns `[points, k]`.
    """
    return (np.cumsum(f, 0) - f / 2).T @ g - f.T @ (np.cumsum(g, 0) - g / 2)


def _bordered(A: np.ndarray, edge: np.ndarray) -> np.ndarray:
    """Matrix A with one more row and column, for an odd number of eigenvalues."""
    return np.block([[A, edge[:, None]], [-edge[None], np.zeros((1, 1))]])


def deep_linear(widths: tuple[int, ...], b: float, gamma: float) -> float | None:
    """Coefficient `lambda(b)` of `1/2 |W_{L-1} .. W_0|^2` around 0; None where it is not in closed form.

    Exact through a layer of width 1, where the product is one of vectors, and for two layers. Raises `ConfigError`
    unless b and gamma are positive.
    """
    log_c = _strength(b, gamma, len(widths) - 1) - log(2)
    if min(widths) == 1:
        others = list(widths)
        others.remove(1)
        return vectors(tuple(others), log_c)
    return matrices(*widths, log_c) if len(widths) == 3 else None


def crossing_planes(n1: int, n2: int, b: ArrayLike, gamma: float = 1.0) -> np.ndarray:
    """Coefficient `lambda(b)` `[*]` of `|u|^2 |v|^2`, u in R^n1, v in R^n2, at `b [*]`. `w1^2 w2^2` is n1 = n2 = 1.

    Raises `ConfigError` unless b and gamma are positive.
    """
    return np.vectorize(lambda one: vectors((n1, n2), _strength(one, gamma, 2)))(b)


def crossing_box(ratio: ArrayLike) -> np.ndarray:
    """Parameters `N_eff(eps)` of `c w1² w2²` in [-1, 1]² at `ratio = c/eps`: `1 - 1/(1 + ln(ratio)/2)`, 0 up to 1.

    Of the shape `[*]` of the ratio. Derived from `V = 4 sqrt(eps/c) (1 + ln(c/eps)/2)`: interaction counts by the log
    of its strength over the level.
    """
    return 1 - 1 / (1 + np.log(np.maximum(ratio, 1)) / 2)


def _strength(b: float, gamma: float, factors: int) -> float:
    """Logarithm of the strength `b/gamma^m` of m factors. Raises `ConfigError` unless both are positive."""
    if not (b > 0 and gamma > 0):
        raise ConfigError(f"b = {b} and gamma = {gamma}; both must be positive")
    return log(b) - factors * log(gamma)
