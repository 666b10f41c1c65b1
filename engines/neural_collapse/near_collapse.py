"""Near collapse, beyond first order: exact in the class means, first order only in the spread in their span.

With the spread within the classes left out of it, the classifier of means `C = U diag(s) Vᵀ` is
`W = V diag(w) Uᵀ`, `w = s/x`, `x = s² + lambda_W`: U and V stand still, and each length s moves alone.

    flow:   ds/dt = s (lambda_W/x² - lambda_H)
    layer:  s (lambda_H + beta - lambda_W/x²) = beta s0        (s, x of the layer's output)

Spread out of the span, Z = (I - U Uᵀ) Y = (..) diag(sigma) Sᵀ, shrinks by lambda_H alone. Spread in it, `Uᵀ Y`, is
damped by the classifier, as far as that does not lean on Z to tell samples apart: in the basis S of samples, by
`D = lambda_W/(lambda_W + sigma²)`. What is left of the entry (i, j):

    flow:   d log/dt = -lambda_H - (lambda_W + (s² - lambda_W) D)/x²
    layer:  beta/(lambda_H + beta + w² D + lambda_W w (lambda_H + beta)/(beta x s0) (1 - D))

The term with 1 - D is the turn of U by the spread. numpy, one member; with a bias the means are centred.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engines.neural_collapse import draws
from engines.neural_collapse.config import NeuralCollapse

HALVINGS = 60
"""Bisections of an interval, which shrinks to its rounding."""

GRID = 200
"""Moments between which the damping of a flow is integrated, besides those that are asked for."""

LARGEST_FALL = 65.0
"""Largest fall of the logarithm of NC1 before rounding drowns it."""

GAUSS = (0.5 - 0.5 / 3**0.5, 0.5 + 0.5 / 3**0.5)
"""Nodes of the Gauss quadrature of order 4 in the unit interval, both of weight 1/2."""


@dataclass(frozen=True)
class MeansAndSpread:
    """Class means of a member at step 0, and the spread in their coordinates; k = K, with a bias K - 1."""

    s: np.ndarray
    """Lengths of the means, `[k]`."""
    ones: np.ndarray
    """Components `Vᵀ 1` of the vector of ones, `[k]`; 0 with a bias, where the means are centred."""
    inside: np.ndarray
    """Spread in the span, `[k, J + k]`: J columns in the basis S of samples, then a factor of the remainder."""
    sigma: np.ndarray
    """Singular values of the spread out of the span, in the basis S, `[J + k]`; 0 in the last k places."""


def begin(config: NeuralCollapse) -> MeansAndSpread:
    """Compute the start of a member from its draw: means, and spread in and out of their span."""
    M, Y, _ = draws.moments(config)
    U, s, VT = np.linalg.svd(M @ draws.projector(config), full_matrices=False)
    k = config.classes - config.bias
    U, s, V = U[:, :k], s[:k], VT[:k].T
    inside = U.T @ Y
    _, sigma, ST = np.linalg.svd(Y - U @ inside, full_matrices=False)
    J = max(0, min(config.features - k, Y.shape[1]))
    S, sigma = ST[:J].T, sigma[:J]
    shared = inside @ S
    factor = np.asarray(np.linalg.qr((inside - shared @ S.T).T, mode="r")).T
    factor = np.pad(factor, ((0, 0), (0, max(0, k - factor.shape[1]))))
    ones = np.zeros(k) if config.bias else V.sum(0)
    return MeansAndSpread(s, ones, np.concatenate([shared, factor], 1), np.concatenate([sigma, np.zeros(k)]))


@dataclass(frozen=True)
class MeansCourse:
    """Course of the means and of the spread at T steps."""

    s: np.ndarray
    """Lengths of the means, `[T, k]`."""
    kept: np.ndarray
    """Logarithms of the shares of the spread in the span that are left, `[T, k, J + k]`."""
    outside: np.ndarray
    """Share of the spread out of the span that is left, `[T]`."""


def path(config: NeuralCollapse, start: MeansAndSpread, steps: np.ndarray) -> MeansCourse:
    """Follow a start to `steps` `[T]` by the flow, by layers, or by one layer (solved at every step but step 0)."""
    if config.model == "central_path":
        return _flow(config, start, steps * config.step_size)
    layers = steps if config.model == "layers" else np.minimum(steps, 1)
    return _layers(config, start, np.floor(layers).astype(int))


def _flow(config: NeuralCollapse, start: MeansAndSpread, times: np.ndarray) -> MeansCourse:
    end = float(times.max(initial=0))
    moments = np.unique(np.concatenate([[0.0], times, end * np.linspace(0, 1, GRID) ** 2]))
    gaps = np.diff(moments)
    kept = np.zeros((len(moments), len(start.s), len(start.sigma)))
    for node in GAUSS:
        at = moments[:-1] + node * gaps
        kept[1:] -= gaps[:, None, None] / 2 * _damping(config, start, at)
    places = np.searchsorted(moments, times)
    return MeansCourse(lengths(config, start.s, times), kept.cumsum(0)[places], np.exp(-config.lambda_h * times))


def _damping(config: NeuralCollapse, start: MeansAndSpread, times: np.ndarray) -> np.ndarray:
    """Rates `-d log/dt` of the entries of the spread in the span, `[T, k, J + k]`."""
    lambda_w, lambda_h = config.lambda_w, config.lambda_h
    square = lengths(config, start.s, times)[..., None] ** 2
    D = lambda_w / (lambda_w + (start.sigma * np.exp(-lambda_h * times[:, None])) ** 2)
    return lambda_h + (lambda_w + (square - lambda_w) * D[:, None]) / (square + lambda_w) ** 2


def lengths(config: NeuralCollapse, s0: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Lengths s of the means at `times [T]` of the flow, `[T, k]`, from `s0 [k]`: for 0 < c < 1 and s0 > 0.

    With `x = s² + lambda_W`, `x* = 1/a`, and `z = ln((x* - x)/(x* - x0))`, time is in closed form
    `t = A ln((x - lambda_W)/(x0 - lambda_W)) - B z + C ln((x* + x)/(x* + x0))`, rising as z falls: bisection.
    """
    lambda_w, lambda_h, final = config.lambda_w, config.lambda_h, 1 / config.a
    x0 = np.asarray(s0) ** 2 + lambda_w
    A = lambda_w**2 / (2 * lambda_h * (final**2 - lambda_w**2))
    B, C = final / (4 * lambda_h * (final - lambda_w)), -final / (4 * lambda_h * (final + lambda_w))

    def x_at(z: np.ndarray) -> np.ndarray:
        return final - (final - x0) * np.exp(z)

    def time(z: np.ndarray) -> np.ndarray:
        x = x_at(z)
        return A * np.log((x - lambda_w) / (x0 - lambda_w)) - B * z + C * np.log((final + x) / (final + x0))

    t, high = np.asarray(times, float)[:, None], np.zeros((len(times), len(x0)))
    low = -(t / B + 1) * np.ones_like(high)
    while (late := time(low) < t).any():
        low = np.where(late, 2 * low, low)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        early = time(middle) < t
        low, high = np.where(early, low, middle), np.where(early, middle, high)
    return np.sqrt(np.maximum(x_at((low + high) / 2) - lambda_w, 0))


def _layers(config: NeuralCollapse, start: MeansAndSpread, counts: np.ndarray) -> MeansCourse:
    beta, mu, lambda_w = config.beta, config.beta + config.lambda_h, config.lambda_w
    s, sigma, kept = start.s, start.sigma, np.zeros((len(start.s), len(start.sigma)))
    course = [(s, kept)]
    for _ in range(int(counts.max(initial=0))):
        s0, s, sigma = s, layer(config, s), sigma * beta / mu
        x, D = s**2 + lambda_w, lambda_w / (lambda_w + sigma**2)
        turned = lambda_w * mu / (beta * x**2) * (s / s0)
        kept = kept + np.log(beta / (mu + ((s / x) ** 2)[:, None] * D + turned[:, None] * (1 - D)))
        course.append((s, kept))
    lengths_of, logs = (np.array(values)[counts] for values in zip(*course, strict=True))
    return MeansCourse(lengths_of, logs, (beta / mu) ** counts)


def layer(config: NeuralCollapse, s0: np.ndarray) -> np.ndarray:
    """Lengths of the means after one layer, `[k]`, from their lengths `s0 [k]` before it; s0 > 0.

    `s (lambda_H + beta - lambda_W/x²) - beta s0` rises where its bracket is positive, and has its one zero there.
    """
    beta, lambda_h, lambda_w = config.beta, config.lambda_h, config.lambda_w
    least = max(0.0, (lambda_w / (lambda_h + beta)) ** 0.5 - lambda_w) ** 0.5
    low, high = np.full_like(s0, least), np.maximum(s0, config.rho**0.5) * (1 + 1e-12) + least
    for _ in range(HALVINGS):
        s = (low + high) / 2
        below = s * (lambda_h + beta - lambda_w / (s**2 + lambda_w) ** 2) < beta * s0
        low, high = np.where(below, s, low), np.where(below, high, s)
    return (low + high) / 2


@dataclass(frozen=True)
class CollapseLaw:
    """Predicted channels of collapse at T steps, each `[T]`, and the estimated errors of their logarithms."""

    trace_within: np.ndarray
    nc1_trace: np.ndarray
    nc1: np.ndarray
    off_trace: float
    """Estimate of the largest error of the logarithm of both traces."""
    off_nc1: float
    """Estimate of the largest error of the logarithm of NC1."""


def predict_metrics(config: NeuralCollapse, steps: np.ndarray) -> CollapseLaw:
    """Predict NC1 and the trace within the classes at `steps [T]`: for means of full rank, and 0 < c < 1."""
    start = begin(config)
    steps = np.concatenate([[0.0], steps])  # what has fallen, has since step 0
    course, K = path(config, start, steps), config.classes
    within, outside, nc1 = np.zeros(len(steps)), (start.sigma**2).sum() * course.outside**2, np.zeros(len(steps))
    z = start.ones / course.s
    p = g = np.zeros((len(steps), len(start.sigma)))
    for i, s in enumerate(course.s.T):
        entries = start.inside[i] * np.exp(course.kept[:, i])
        within += (entries**2).sum(1)
        nc1 += (entries**2).sum(1) / s**2
        p, g = p + z[:, i, None] * entries, g + (z[:, i] / s**2)[:, None] * entries
    if not config.bias:  # C = M T has no component along z: the pseudo-inverse leaves it out
        size = (z**2).sum(1)
        nc1 += -2 * (p * g).sum(1) / size + (p**2).sum(1) * ((z / course.s) ** 2).sum(1) / size**2
    between = (course.s**2).sum(1) - ((course.s * start.ones) ** 2).sum(1) / K
    eta, turn, over = _next(config, start)
    late = 1 - course.outside ** (4 * (1 - config.c))  # lengths return like exp(-4 lambda_H (1 - c) t)
    fallen = np.log(within[:1] / np.maximum(within, 1e-300)).clip(0, LARGEST_FALL)
    off = eta * (1 + late / (2 * config.c)) + turn + over * fallen  # of an exponent, a share
    share = within / np.maximum(within + outside, 1e-300)
    off_trace = float((share * off).max(initial=0)) + eta / 2 + over
    whole = within + outside
    return CollapseLaw(whole[1:] / K, (whole / between)[1:], nc1[1:] / K, off_trace, float(off.max(initial=0)))


def _next(config: NeuralCollapse, start: MeansAndSpread) -> tuple[float, float, float]:
    """Estimate what the next order changes in lengths, in directions of samples, and in the spread out of the span.

    The spread in the span acts on a classifier as `S/x` more weight decay: lengths move by about half of that, and
    return with the rate 4 lambda_H (1 - c), so that the damping w² is off for as long: a further 1/(2c) times. Where
    the classifier leans on the spread out of the span, the basis S of samples turns, and that spread takes over
    `1 - D` of the other.
    """
    square, lambda_w = (start.inside**2).sum(0), config.lambda_w
    D = lambda_w / (lambda_w + start.sigma**2)
    eta = np.linalg.norm(start.inside * np.sqrt(D), 2) ** 2 / (float(start.s.min()) ** 2 + lambda_w)
    turn = float((square * start.sigma**2 / (lambda_w + start.sigma**2) ** 2).max())
    over = float((square * (1 - D)).sum()) / max(float((start.sigma**2).sum()), 1e-300)
    return float(eta), turn, over


def fastest(config: NeuralCollapse) -> float:
    """Largest rate along the flow: lengths grow at up to `lambda_W/x²`, spread is damped at `s²/x²`."""
    s, lambda_w = begin(config).s, config.lambda_w
    low, high = min(s.min(), config.rho**0.5), max(s.max(), config.rho**0.5)
    at = np.array([low, high, np.clip(lambda_w**0.5, low, high)]) ** 2  # s²/x² is largest at s² = lambda_W
    return config.lambda_h + float((np.maximum(at, lambda_w) / (at + lambda_w) ** 2).max())
