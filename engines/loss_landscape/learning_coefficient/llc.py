"""The learning coefficient from recorded losses: estimate, diagnostics of the chains, plateau over temperatures."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from engines.core.protocol.errors import ConfigError


class Estimate(NamedTuple):
    """An estimate of lambda from C independent chains."""

    value: Tensor
    """Mean over the chains, `[*]`."""
    error: Tensor
    """Standard error of the mean over chains, `[*]`; NaN for one chain; does not contain any bias."""
    chains: Tensor
    """Estimates of the chains one by one, `[*, C]`."""


def estimate_llc(losses: Tensor, b: Tensor, baseline: Tensor | float = 0.0) -> Estimate:
    """Estimate `lambda = b (mean over draws of L - L(w*))` from losses `[T, *, C]` after burn-in.

    `b` and the loss `baseline` at w*, on the data that the chains see, broadcast against `[*, C]`. Negative where w*
    is no minimum of that loss. Lau et al. 2023, arXiv 2308.12108.
    """
    chains = b * (losses.mean(0) - baseline)
    C = chains.shape[-1]
    spread = chains.std(-1, correction=1) if C > 1 else torch.full_like(chains[..., 0], torch.nan)
    return Estimate(chains.mean(-1), spread / C**0.5, chains)


def richardson(coarse: Estimate, fine: Estimate, ratio: float = 4.0) -> Estimate:
    """Extrapolate to step size 0 a bias that is linear in it: `(ratio fine - coarse)/(ratio - 1)`.

    coarse and fine are independent runs at eta and eta/ratio; chains are paired in any order. The error is about 4/3 of
    that of the fine run. Raises `ConfigError` unless ratio > 1.
    """
    if not ratio > 1:
        raise ConfigError(f"the ratio of step sizes is {ratio}; it must be above 1")
    value, chains = (
        (ratio * f - c) / (ratio - 1) for f, c in ((fine.value, coarse.value), (fine.chains, coarse.chains))
    )
    error = ((ratio * fine.error).square() + coarse.error.square()).sqrt() / (ratio - 1)
    return Estimate(value, error, chains)


class Drift(NamedTuple):
    """Mean of the first third of the draws less that of the last."""

    value: Tensor
    """Mean over chains, `[*]`."""
    error: Tensor
    """Standard error of the drift over chains, `[*]`."""

    @property
    def settled(self) -> Tensor:
        """Whether the drift is below two standard errors, bool `[*]`; false for losses that are not finite."""
        return self.value.abs() < 2 * self.error


def drift(losses: Tensor) -> Drift:
    """Drift of losses `[T, *, C]` over the draws. Raises `ConfigError` for fewer than 3 draws or 2 chains."""
    T, C = losses.shape[0], losses.shape[-1]
    if T < 3 or C < 2:
        raise ConfigError(f"drift was asked for of {T} draws of {C} chains; it needs 3 draws and 2 chains")
    each = losses[: T // 3].mean(0) - losses[-(T // 3) :].mean(0)
    return Drift(each.mean(-1), each.std(-1, correction=1) / C**0.5)


def r_hat(losses: Tensor) -> Tensor:
    """Split R-hat `[*]` of `losses [T, *, C]`: `sqrt((W (n - 1)/n + B/n)/W)` over half chains of n draws.

    W is the mean variance within them and B/n the variance of their means; 1 where all agree, below 1.05 to be trusted.
    Gelman et al. 2013, section 11.4. Raises `ConfigError` for fewer than 4 draws.
    """
    n = len(losses) // 2
    if n < 2:
        raise ConfigError(f"R-hat was asked for of {len(losses)} draws; it needs 4")
    halves = losses[: 2 * n].unflatten(0, (2, n)).movedim(0, -1).flatten(-2)
    within = halves.var(0, correction=1).mean(-1)
    between = halves.mean(0).var(-1, correction=1)
    return ((within * (n - 1) / n + between) / within).sqrt()


def effective_sample_size(losses: Tensor) -> Tensor:
    """Number of independent draws `[*]` that tell the mean of `losses [T, *, C]` as well, `C T/(1 + 2 sum_t rho_t)`.

    rho_t is the autocorrelation within chains, less what chains disagree about; summed in pairs as long as these are
    positive, and never growing. Geyer 1992; Vehtari et al. 2021, arXiv 1903.08008. Raises `ConfigError` for fewer than
    4 draws.
    """
    T, C = losses.shape[0], losses.shape[-1]
    if T < 4:
        raise ConfigError(f"the effective sample size was asked for of {T} draws; it needs 4")
    power = torch.fft.rfft(losses - losses.mean(0), 2 * T, dim=0).abs().square()
    covariance = torch.fft.irfft(power, 2 * T, dim=0)[:T].mean(-1) / T  # [T, *], of chains on average
    within = covariance[0] * T / (T - 1)
    between = losses.mean(0).var(-1, correction=1) if C > 1 else torch.zeros_like(within)
    rho = 1 - (within - covariance) / (within * (T - 1) / T + between)
    pairs = rho[: T // 2 * 2].unflatten(0, (T // 2, 2)).sum(1)
    kept = (pairs > 0).long().cumprod(0) * pairs.cummin(0).values
    return C * T / (2 * kept.sum(0) - 1).clamp_min(1 / T)


def window_fill(distances: Tensor, gamma: Tensor | float, P: int) -> Tensor:
    """Share of the window that chains fill, `gamma <|w - w*|^2>/P` `[*]`, of squared distances `[T, *, C]`.

    1 where the window alone confines the chains, that is where the loss is not felt; `1 - N_eff/P` for a quadratic
    loss.
    """
    return (gamma * distances.mean(0)).mean(-1) / P


TOLERANCE = 0.05
"""Share of the mean within which estimates on a plateau agree, or two standard errors if these are larger."""

PRECISION = 0.1
"""Largest error of an estimate on a plateau, as a share of the mean: estimates that are all noise agree, too."""


class Plateau(NamedTuple):
    """Consecutive temperatures whose estimates agree."""

    first: int
    last: int
    value: float
    """Mean of the estimates, each weighted by its error."""
    error: float
    decades: float
    """Width of the range of b, in powers of ten."""


def plateau(b: np.ndarray, values: np.ndarray, errors: np.ndarray, tolerance: float = TOLERANCE) -> Plateau | None:
    """Find the widest range of ascending `b [S]` whose precise estimates are within tolerance of their mean.

    values and errors `[S]`; errors are at most `PRECISION` of the mean. None where no two neighbours agree: there is no
    number to be trusted. Where the multiplicity is above 1 lambda(b) creeps on as 1/ln b, and a plateau is where that
    is within the tolerance. Raises `ConfigError` unless b ascends and all errors are positive.
    """
    if len(b) < 2 or not (np.diff(b) > 0).all():
        raise ConfigError(f"b is {np.asarray(b).tolist()}; two ascending temperatures or more are needed")
    if not (errors > 0).all():
        raise ConfigError(f"errors of estimates are {np.asarray(errors).tolist()}; all must be positive")
    ranges = [(i, j) for i in range(len(b)) for j in range(i + 1, len(b))]
    plateaus = [one for i, j in ranges if (one := _plateau_between(i, j, b, values, errors, tolerance))]
    return max(plateaus, key=lambda one: one.decades, default=None)


def _plateau_between(
    i: int, j: int, b: np.ndarray, values: np.ndarray, errors: np.ndarray, tolerance: float
) -> Plateau | None:
    inside, weights = values[i : j + 1], 1 / errors[i : j + 1] ** 2
    mean = float((weights * inside).sum() / weights.sum())
    allowed = np.maximum(tolerance * abs(mean), 2 * errors[i : j + 1])
    precise = (errors[i : j + 1] <= PRECISION * mean).all()
    if not (precise and (np.abs(inside - mean) <= allowed).all()):
        return None
    return Plateau(i, j, mean, float(weights.sum() ** -0.5), float(np.log10(b[j] / b[i])))
