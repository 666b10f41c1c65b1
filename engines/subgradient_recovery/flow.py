"""How a small start grows, as a flow in tau (the sum of the normalised steps), free of a particular draw.

Signal amplitudes a_j start at alpha sqrt(lam_j), the residual e at alpha sqrt(w). With t² = sum_j (sigma_j - a_j²)²,
th_j = phi(t) (sigma_j - a_j²)/t, th = max_j |th_j| and the norm of the noisy sub-gradient
n = max(th + w²/4 max(th, w/2), w):
    d ln a_j/dtau = 2 th_j/n,    d ln e/dtau = 2 w/n.
Half-times of the a_j were within 13 % of runs. The e of a run is smaller, since the noise directions turn while the
iterate moves: draw it as an upper band.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from engines.subgradient_recovery import draws, laws
from engines.subgradient_recovery.config import SubgradientRecovery

POINTS = 400
"""Steps of the integration."""

TRACKING = 1.3
"""Once all is learned the relative error follows the step size: it hops between about .8 and 2.1 times eta0 rho^t
from one step to the next, 1.3 times in the geometric mean."""

MOST = 0.7
HEAD = 100
"""Steps over which residual directions are iterated before the closed form."""


@dataclass(frozen=True)
class Flow:
    """The flow on a grid of tau."""

    tau: np.ndarray
    """`[N]`."""
    signal: np.ndarray
    """a_j² `[N, r]`."""
    residual: np.ndarray
    """e `[N]`, an upper band."""
    norm: np.ndarray
    """n `[N]`."""
    error: np.ndarray
    """|Delta|_F `[N]`."""

    def half_times(self, sigma: np.ndarray) -> np.ndarray:
        """Tau at which each a_j² passes sigma_j/2, infinite where it never does, `[r]`."""
        passed = self.signal >= sigma / 2
        return np.where(passed.any(0), self.tau[passed.argmax(0)], np.inf)


def spent(config: SubgradientRecovery, steps: np.ndarray) -> np.ndarray:
    """tau_t = B (1 - rho^t)."""
    return -laws.budget(config) * np.expm1(steps * np.log1p(-_shrink(config)))


def step_size(config: SubgradientRecovery, steps: np.ndarray) -> np.ndarray:
    """The normalised step eta0 rho^t."""
    return config.eta0 * np.exp(steps * np.log1p(-_shrink(config)))


def _shrink(config: SubgradientRecovery) -> float:
    return min(config.eta0 / laws.budget(config), 1 - 1e-12)


def follow(config: SubgradientRecovery) -> Flow:
    """The flow until the whole budget is spent."""
    return _follow(config.replace(budget=laws.budget(config)))


@lru_cache(maxsize=512)
def _follow(config: SubgradientRecovery) -> Flow:
    sigma, w, lam = config.sigma, laws.edge(config), laws.eigenvalues(config)[: config.r]
    sizes = np.geomspace(1e-9, 2 * np.linalg.norm(sigma), 160)
    lengths = laws.phi(config, sizes)
    pulled = lam * np.linalg.norm(sigma) / (float(laws.phi(config, np.linalg.norm(sigma))) * sigma)
    tau = _grid(config, lam)
    logs, grown, late = np.log(_start(config)), np.log(sigma) / 2, np.log(_bulk(config) * config.alpha)
    signal, (residual, norms, error) = np.empty((len(tau), config.r)), np.empty((3, len(tau)))
    turned = np.exp(logs) * w / (2 * lam)
    for i, ahead in enumerate(np.diff(tau, append=tau[-1])):
        signal[i], residual[i] = np.exp(2 * logs), np.exp(min(late, 600))
        left = sigma - signal[i]
        size = error[i] = max(float(np.sqrt(left @ left + 2 * signal[i] @ turned**2)), 1e-12)
        strength = np.interp(size, sizes, lengths) / size
        pull = pulled * strength * left
        norms[i] = lam[0] if config.method == "subgm_frozen" else max(np.abs(pull).max(), w)
        step = max(config.eta0 * (1 - tau[i] / config.budget), 1e-9)
        h = 2 * ahead / norms[i]
        noise = min(w / 2, MOST * strength * size / (2 * config.r) ** 0.5)
        turned = (turned + h * noise * np.exp(logs)) / (1 + h * strength * signal[i])
        logs = np.minimum(logs + np.log1p(2 * step * np.maximum(pull, 0) / norms[i]) / step * ahead, grown)
        late += np.log1p(2 * step * w / norms[i]) / step * ahead
    return Flow(tau, signal, residual, norms, error)


def _grid(config: SubgradientRecovery, lam: np.ndarray) -> np.ndarray:
    """Dense until about twice the time that learning takes, then coarse."""
    last = laws.learning_times(config.alpha, lam, config.sigma).max() * 2 + 4
    if last >= config.budget:
        return np.linspace(0, config.budget, POINTS)
    return np.concatenate([np.linspace(0, last, POINTS), np.linspace(last, config.budget, POINTS // 4)[1:]])


def _start(config: SubgradientRecovery) -> np.ndarray:
    """a_j at step 0: of the spectral start, or those that a Gaussian one seems to come from once it has grown.

    Its part in the first r eigenvectors, R/sqrt(d), becomes `diag(g) R` with `g_j = alpha^(-lam_j/lam_1)`, whose
    singular values over g_j count; where the draw is large, their mean squares.
    """
    lam = laws.eigenvalues(config)[: config.r]
    if config.init == "spectral":
        return config.alpha * np.sqrt(lam)
    drawn = draws.spectrum(config)
    if drawn is None:
        return config.alpha * np.sqrt((config.k - np.arange(config.r)) / config.d)
    grown = (1 / min(config.alpha, 1.0)) ** (lam / lam[0])
    R = drawn[1][:, : config.r].T @ draws.gaussian(config)
    return config.alpha / np.sqrt(config.d) * np.linalg.svd(grown[:, None] * R, compute_uv=False) / grown


def _bulk(config: SubgradientRecovery) -> float:
    """e/alpha at step 0."""
    if config.init == "random":
        return 1 + np.sqrt(config.k / config.d)
    return np.sqrt(laws.edge(config))


def error(config: SubgradientRecovery, steps: np.ndarray) -> np.ndarray:
    """Relative error `[T]`: the flow while it learns, then 1.3 of the step size, above the floor of dense noise.

    Not valid from a large start, nor below the floor of k > r.
    """
    flow, size = follow(config), float(np.linalg.norm(config.sigma))
    learning = np.interp(spent(config, steps), flow.tau, flow.error / size)
    return np.maximum(np.maximum(learning, TRACKING * step_size(config, steps)), laws.dense_floor(config) / size)


def population(config: SubgradientRecovery, steps: np.ndarray) -> np.ndarray:
    """Relative error of the noiseless `loss` step, whose mean is U - 2 eta0 Delta U, for m to infinity, `[T]`.

    Signal: logistic growth, then (1 - 4 eta0 sigma)^t. Misalignment F, fixed by the start: (1 - 2 eta0 sigma)^t.
    Residual directions: x <- x (1 - 2 eta0 x)², so 1/t.
    """
    eta, sigma, t = config.eta0, config.sigma, np.asarray(steps, float)
    growth = 2 * np.log1p(2 * eta * sigma)
    fast, slow = (-np.log(np.maximum(1 - rate * eta * sigma, 1e-12)) for rate in (4, 2))
    begun = np.minimum(_start(config) ** 2, sigma * (1 - 1e-9))
    since = t[:, None] + np.log(begun / (sigma - begun)) / growth
    odds = np.exp(np.clip(np.where(since < 0, growth, fast) * since, -600, 600))
    cross = 2 * sigma * _misaligned(config) ** 2 * odds / (1 + odds) * np.exp(-2 * slow * np.maximum(since, 0))
    parts = ((sigma / (1 + odds)) ** 2 + cross).sum(1) + (_idle(config, t) ** 2).sum(1)
    return np.sqrt(parts) / np.linalg.norm(sigma)


def _misaligned(config: SubgradientRecovery) -> np.ndarray:
    """|F| of each component at step 0: noise of norm w/2 against lam_j, or a Gaussian column's part outside."""
    outside = np.sqrt((config.d - config.r) / config.d)
    if config.init == "random":
        return np.full(config.r, config.alpha * outside)
    return _start(config) * outside * laws.edge(config) / (2 * laws.spikes(config))


def _idle(config: SubgradientRecovery, t: np.ndarray) -> np.ndarray:
    """Eigenvalues of the residual block, `[T, min(k, d) - r]`: iterated while they are large, then 1/x grows evenly."""
    x = _idle_start(config)
    head = [x]
    for _ in range(HEAD):
        head.append(head[-1] * (1 - 2 * config.eta0 * head[-1]) ** 2)
    late = 1 / (4 * config.eta0 * np.maximum(t - HEAD, 0)[:, None] + 1 / np.maximum(head[-1], 1e-300))
    return np.where(t[:, None] <= HEAD, np.array(head)[np.minimum(t, HEAD).astype(int)], late)


def _idle_start(config: SubgradientRecovery) -> np.ndarray:
    """At step 0: a semicircle's upper part, or the squares of a Gaussian block's singular values."""
    count, rows = config.k - config.r, config.d - config.r
    if config.init == "random":
        return config.alpha**2 * marchenko_pastur(rows, count) * count / config.d
    return config.alpha**2 * np.maximum(semicircle(rows, laws.edge(config))[:count], 0)


def semicircle(count: int, radius: float) -> np.ndarray:
    """The quantiles of a semicircle law at (i + 1/2)/count, descending: `1/2 + (x sqrt(1 - x²) + asin x)/pi`."""
    x = np.linspace(-1, 1, 2001)
    below = 0.5 + (x * np.sqrt(1 - x**2) + np.arcsin(x)) / np.pi
    return radius * np.interp((np.arange(count) + 0.5) / max(count, 1), below, x)[::-1]


def marchenko_pastur(rows: int, columns: int) -> np.ndarray:
    """Quantiles, descending, of the min(rows, columns) eigenvalues of `N Nᵀ/columns`, N Gaussian `[rows, columns]`."""
    size = min(rows, columns)
    if size == 0:
        return np.empty(0)
    share = np.sqrt(rows / columns)
    x = np.linspace(abs(1 - share), 1 + share, 4001)[1:-1]  # singular values: their density is bounded
    density = np.sqrt((x**2 - (1 - share) ** 2) * ((1 + share) ** 2 - x**2)) / x
    below = np.cumsum(density) / density.sum()
    return np.interp((np.arange(size) + 0.5) / size, below, x)[::-1] ** 2
