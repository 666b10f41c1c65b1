"""How a small start grows, as a flow in tau (the sum of the normalised steps), from the spectrum of the draw's own Q0.

While U Uᵀ is negligible the direction is -Q0 exactly, so that component j grows as lam_j. With amplitudes a_j from
alpha sqrt(lam_j) on, misalignments F_j (how far component j is turned out of the true space) and
|Delta|² = sum_j (sigma_j - a_j²)² + 2 a_j² F_j², component j is pulled by
p_j = (lam_j/theta_j) phi(|Delta|) (sigma_j - a_j²)/|Delta|, theta_j its mean at the origin; the sub-gradient has norm
n = max(max_j p_j, w). A step of size eta multiplies a_j by 1 + 2 eta p_j/n and the residual e by 1 + 2 eta b/n,
b = max(w, lam_(r+1)) as this draw has it.
Noise of norm w/2 turns a component, the pull turns it back:
dF_j/dtau = (2/n)(a_j w/2 - a_j² F_j phi/|Delta|).
Half-times of the a_j were within 5 % of runs. The e of a run is smaller, since the noise directions turn while the
iterate moves: draw it as an upper band.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from engines.subgradient_recovery import draws, laws
from engines.subgradient_recovery.config import SubgradientRecovery

POINTS = 400
"""Steps of the integration while the signal is learned."""

TRACKING = 1.3
"""Relative error over the step size eta0 rho^t once all is learned: the geometric mean of hops between about .8 and 2.1
from one step to the next."""

TURNING = 0.7
"""Largest strength with which noise turns a component, against the pull that turns it back, at every |Delta|."""

RATE = 8.0
"""Least rate of the squared residual after all is learned, over w p: a guess, for small p and r."""

HEAD = 100
"""Steps over which residual directions are iterated before the closed form."""


@dataclass(frozen=True)
class Flow:
    """The flow on a grid of tau."""

    tau: np.ndarray
    """Grid, `[N]`."""
    signal: np.ndarray
    """Squared amplitudes a_j², `[N, r]`."""
    residual: np.ndarray
    """Residual e, `[N]`, an upper band."""
    norm: np.ndarray
    """Norm n of the sub-gradient, `[N]`."""
    error: np.ndarray
    """Distance |Delta|_F, `[N]`."""

    def half_times(self, sigma: np.ndarray) -> np.ndarray:
        """Times tau, `[r]`, at which each a_j² passes `sigma [r]`/2; infinite where it never does."""
        passed = self.signal >= sigma / 2
        return np.where(passed.any(0), self.tau[passed.argmax(0)], np.inf)


def time_spent(config: SubgradientRecovery, steps: np.ndarray) -> np.ndarray:
    """Time `tau_t = B (1 - rho^t)` that `steps [T]` have spent, `[T]`."""
    return -laws.budget(config) * np.expm1(steps * np.log1p(-_shrink(config)))


def step_size(config: SubgradientRecovery, steps: np.ndarray) -> np.ndarray:
    """Normalised step `eta0 rho^t` at `steps [T]`, `[T]`."""
    return config.eta0 * np.exp(steps * np.log1p(-_shrink(config)))


def _shrink(config: SubgradientRecovery) -> float:
    return min(config.eta0 / laws.budget(config), 1 - 1e-12)


def follow(config: SubgradientRecovery) -> Flow:
    """Integrate the flow until the budget is spent; once for members that differ in knobs without effect on it."""
    method = "subgm_frozen" if config.method == "subgm_frozen" else "subgm"
    k = config.r if config.init == "spectral" else config.k
    same = {name: getattr(config, name) for name in ("d", "r", "m", "alpha", "eta0", "init", *draws.DATA)}
    return _follow(SubgradientRecovery(**same, k=k, method=method, budget=laws.budget(config)))


@lru_cache(maxsize=512)
def _follow(config: SubgradientRecovery) -> Flow:
    sigma, w, values = config.sigma, laws.edge(config), laws.start_eigenvalues(config)
    lam, bulk = values[: config.r], max(w, values[-1])
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
        noise = min(w / 2, TURNING * strength * size / (2 * config.r) ** 0.5)
        turned = (turned + h * noise * np.exp(logs)) / (1 + h * strength * signal[i])
        logs = np.minimum(logs + np.log1p(2 * step * np.maximum(pull, 0) / norms[i]) / step * ahead, grown)
        late += np.log1p(2 * step * bulk / norms[i]) / step * ahead
    return Flow(tau, signal, residual, norms, error)


def _grid(config: SubgradientRecovery, lam: np.ndarray) -> np.ndarray:
    """Grid of tau, `[N]`: dense until about twice the time that learning takes, then coarse."""
    last = laws.learning_times(config.alpha, lam, config.sigma).max() * 2 + 4
    if last >= config.budget:
        return np.linspace(0, config.budget, POINTS)
    return np.concatenate([np.linspace(0, last, POINTS), np.linspace(last, config.budget, POINTS // 4)[1:]])


def _start(config: SubgradientRecovery) -> np.ndarray:
    """Amplitudes a_j at step 0, `[r]`: of the spectral start, or those that a grown Gaussian start seems to come from.

    The part of that start in the first r eigenvectors, R/sqrt(d), becomes `diag(g) R` with
    `g_j = alpha^(-lam_j/lam_1)`, whose singular values over g_j count; where the draw is large, their mean squares.
    """
    lam = laws.start_eigenvalues(config)[: config.r]
    if config.init == "spectral":
        return config.alpha * np.sqrt(lam)
    drawn = draws.spectrum(config)
    if drawn is None:
        return config.alpha * np.sqrt((config.k - np.arange(config.r)) / config.d)
    grown = (1 / min(config.alpha, 1.0)) ** (lam / lam[0])
    R = drawn[1][:, : config.r].T @ draws.gaussian(config)
    return config.alpha / np.sqrt(config.d) * np.linalg.svd(grown[:, None] * R, compute_uv=False) / grown


def _bulk(config: SubgradientRecovery) -> float:
    """Residual over alpha, e/alpha, at step 0.

    Of a spectral start whose leading eigenvectors have the part `C = Vᵀ W_r` in the true space,
    |G| <= sqrt(lam_b)/sigma_min(C): what cancels in S leaves at most so much outside of it, as long as Q = -Q0.
    """
    if config.init == "random":
        return 1.2 * (1 + np.sqrt(config.k / config.d))
    edge, overlap = max(laws.edge(config), laws.start_eigenvalues(config)[-1]), draws.overlap_with_truth(config)
    if overlap is None:
        return float(np.sqrt(edge))
    return float(np.sqrt(edge) / max(np.linalg.svd(overlap[:, : config.r], compute_uv=False)[-1], 1e-3))


def error(config: SubgradientRecovery, steps: np.ndarray) -> np.ndarray:
    """Relative error `[T]`: the flow while it learns, then 1.3 of the step size, above the floor of dense noise.

    Not valid from a large start; for k > r it ends where `spare_error` is above it.
    """
    flow, size = follow(config), float(np.linalg.norm(config.sigma))
    learning = np.interp(time_spent(config, steps), flow.tau, flow.error / size)
    return np.maximum(np.maximum(learning, TRACKING * step_size(config, steps)), laws.dense_floor(config) / size)


def spare_error(config: SubgradientRecovery, steps: np.ndarray) -> np.ndarray:
    """Relative error `[T]` that the directions which the truth does not use make at most, k > r.

    `e(tau_r)² exp(rate (tau - tau_r)) / |X*|` from the time tau_r on at which all is learned, and e² before. After it
    only the share p of the outliers stays coherent, while the direction has the norm phi/sqrt(r) of an error with r
    equal eigenvalues: the rate is `4 w p sqrt(r)/phi(0)`, and taken as `RATE w p` at least. Heuristic.
    """
    flow, size, tau = follow(config), float(np.linalg.norm(config.sigma)), time_spent(config, steps)
    learned = float(flow.half_times(config.sigma).max())
    share = 1.0 if config.noise > 0 else config.outlier_fraction
    rate = laws.edge(config) * share * max(RATE, 4 * config.r**0.5 / (laws.ROOT * (1 - config.outlier_fraction)))
    grown = np.exp(np.minimum(rate * np.maximum(tau - learned, 0), 600))
    return np.interp(np.minimum(tau, learned), flow.tau, flow.residual) ** 2 * grown / size


def population(config: SubgradientRecovery, steps: np.ndarray) -> np.ndarray:
    """Relative error `[T]` of the noiseless `loss` step, whose mean is U - 2 eta0 Delta U.

    Signal: logistic growth at the rates of this draw, then (1 - 4 eta0 sigma)^t. Misalignment F, fixed by the start:
    (1 - 2 eta0 sigma)^t. Spare directions: x <- x (1 - 2 eta0 x)²: 1/t from a large start, a floor from a small one.
    """
    eta, sigma, t = config.eta0, config.sigma, np.asarray(steps, float)
    growth = 2 * np.log1p(2 * eta * np.linalg.norm(sigma) / laws.ROOT * laws.start_eigenvalues(config)[: config.r])
    fast, slow = (-np.log(np.maximum(1 - rate * eta * sigma, 1e-12)) for rate in (4, 2))
    begun = np.minimum(_start(config) ** 2, sigma * (1 - 1e-9))
    since = t[:, None] + np.log(begun / (sigma - begun)) / growth
    odds = np.exp(np.clip(np.where(since < 0, growth, fast) * since, -600, 600))
    cross = 2 * sigma * _misaligned(config) ** 2 * odds / (1 + odds) * np.exp(-2 * slow * np.maximum(since, 0))
    parts = ((sigma / (1 + odds)) ** 2 + cross).sum(1)
    return np.hypot(np.sqrt(parts) / np.linalg.norm(sigma), idle(config, t))


def idle(config: SubgradientRecovery, t: np.ndarray) -> np.ndarray:
    """Relative error that the spare directions alone make under the loss step, `[T]`: a part of `population`."""
    return np.linalg.norm(_idle(config, t), axis=1) / np.linalg.norm(config.sigma)


def _misaligned(config: SubgradientRecovery) -> np.ndarray:
    """Misalignments |F_j| at step 0, `[r]`: noise of norm w/2 against lam_j, or a Gaussian column's part outside."""
    outside = np.sqrt((config.d - config.r) / config.d)
    if config.init == "random":
        return np.full(config.r, config.alpha * outside)
    return _start(config) * outside * laws.edge(config) / (2 * laws.spikes(config))


def _idle(config: SubgradientRecovery, t: np.ndarray) -> np.ndarray:
    """Eigenvalues of the residual block, `[T, min(k, d) - r]`: iterated while they are large, then 1/x grows evenly."""
    x = _idle_start(config)
    head = [x]
    for _ in range(HEAD):
        head.append(np.minimum(head[-1] * (1 - 2 * config.eta0 * head[-1]) ** 2, 1e30))
    late = 1 / (4 * config.eta0 * np.maximum(t - HEAD, 0)[:, None] + 1 / np.maximum(head[-1], 1e-150))
    return np.where(t[:, None] <= HEAD, np.array(head)[np.minimum(t, HEAD).astype(int)], late)


def _idle_start(config: SubgradientRecovery) -> np.ndarray:
    """Squares of the spare directions, `[min(k, d) - r]`: `leftover`, or those of a random start at step 0."""
    if config.init == "random":
        count, rows = config.k - config.r, config.d - config.r
        return config.alpha**2 * marchenko_pastur(rows, count) * count / config.d
    return leftover(config)


def leftover(config: SubgradientRecovery) -> np.ndarray:
    """Squares of the spare directions of a spectral start when all is learned without noise, `[k - r]`.

    `alpha² lam_i (sigma_r/(lam_r alpha²))^(lam_i/lam_r)` for r < i <= k, with the spectrum of this draw, or a
    semicircle's upper part where that is large.
    """
    drawn, last = draws.spectrum(config), laws.start_eigenvalues(config)[config.r - 1]
    bulk = semicircle(config.d - config.r, laws.edge(config)) if drawn is None else drawn[0][config.r :]
    lam = np.maximum(bulk[: config.k - config.r], 1e-12)
    return config.alpha**2 * lam * np.maximum(config.sigma[-1] / (last * config.alpha**2), 1.0) ** (lam / last)


def semicircle(count: int, radius: float) -> np.ndarray:
    """Quantiles of a semicircle law at (i + 1/2)/count, `[count]`, descending: `1/2 + (x sqrt(1 - x²) + asin x)/pi`."""
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
