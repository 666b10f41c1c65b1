"""Laws in closed form, from the knobs and the drawn start alone. numpy, one member.

Notation of `config`: c = sqrt(lambda_W lambda_H), a = sqrt(lambda_H/lambda_W), rho = (1 - c)/a.
"""

from __future__ import annotations

import numpy as np

from engines.neural_collapse import draws
from engines.neural_collapse.config import NeuralCollapse


def optimum(config: NeuralCollapse) -> float:
    """Least loss: `f* = c (2 - c)/2`, 1/2 from c = 1 on; with a bias `(K - 1)/K` times that."""
    c = min(config.c, 1.0)
    return c * (2 - c) / 2 * (1 - config.bias / config.classes)


def feature_norm(config: NeuralCollapse) -> float:
    """`‖H‖/sqrt N` at the minimiser: `sqrt rho`, for a simplex `sqrt(rho (K - 1)/K)`."""
    return float(np.sqrt(config.rho * (1 - config.bias / config.classes)))


def frame_distance(classes: int) -> float:
    """`2 - 2 sqrt((K - 1)/K)`: NC3 (centred, squared) of an orthogonal frame, and NC2-OF squared of a simplex."""
    return float(2 - 2 * np.sqrt((classes - 1) / classes))


def rates(config: NeuralCollapse) -> np.ndarray:
    """Decay rates of the six kinds of direction near collapse, `[6]`, see `response`."""
    lambda_h = config.lambda_h
    return np.array([config.a, lambda_h, 4 * lambda_h * max(0.0, 1 - config.c), 0, 0, lambda_h])


def has_spare_directions(config: NeuralCollapse) -> bool:
    """Whether there are directions out of the span of the (centred) means; spread in them is the last to go."""
    return config.features > config.classes - config.bias


def slowest_rate(config: NeuralCollapse) -> float:
    """Rate of the spread within the classes that lasts longest near collapse: lambda_H out of the span, a in it."""
    return config.lambda_h if has_spare_directions(config) else config.a


def initial_traces(config: NeuralCollapse) -> tuple[float, float]:
    """`Tr Sigma_W` and `Tr Sigma_B` at the start."""
    M, Y, _ = draws.moments(config)
    C = M - M.mean(1, keepdims=True)
    return float((Y**2).sum()) / config.classes, float((C**2).sum()) / config.classes


def staircase(config: NeuralCollapse) -> np.ndarray:
    """Singular values `[d n]` of the block F_kk of the first-order response, descending.

    1 (d - K times), (1 + e)/2 (K - 1), e (1), beta/(beta + lambda_H) ((d - K)(n - 1)), beta/(beta + a) (K (n - 1)),
    with `e = beta/(beta + 4 lambda_H (1 - c))`. Without a bias, at a collapsed input of the minimiser's own length.
    """
    in_span, outside, e, *_ = config.beta / (config.beta + rates(config))
    d, K, n = config.features, config.classes, config.per_class
    steps = (1.0, d - K), ((1 + e) / 2, K - 1), (e, 1), (outside, (d - K) * (n - 1)), (in_span, K * (n - 1))
    return np.sort(np.concatenate([np.full(count, level) for level, count in steps]))[::-1]


def crosstalk(config: NeuralCollapse) -> float:
    """The one singular value of a block F_kk', k != k': `(1 - e)/2`."""
    return float(0.5 - 0.5 * config.beta / (config.beta + rates(config)[2]))


def stable_step(config: NeuralCollapse) -> float:
    """Step of the flow up to which the Runge-Kutta method is stable, `2.78/(1/(4 lambda_W) + lambda_H)`.

    A ridge classifier has singular values of at most `1/(2 sqrt lambda_W)`.
    """
    return 2.78 / (1 / (4 * config.lambda_w) + config.lambda_h)
