"""Whether chains have settled, and what holds them: the loss or the window."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from engines.core.protocol.errors import ConfigError


class Drift(NamedTuple):
    """First third of the draws less the last."""

    value: Tensor
    """Mean over chains, `[...]`."""
    error: Tensor
    """Its standard error over chains, `[...]`."""

    @property
    def settled(self) -> Tensor:
        """Below two standard errors; false for losses that are not finite."""
        return self.value.abs() < 2 * self.error


def drift(losses: Tensor) -> Drift:
    """Of `losses [T, ..., C]`. Raises `ConfigError` for fewer than 3 draws or 2 chains."""
    T, C = losses.shape[0], losses.shape[-1]
    if T < 3 or C < 2:
        raise ConfigError(f"drift was asked for of {T} draws of {C} chains; it needs 3 draws and 2 chains")
    each = losses[: T // 3].mean(0) - losses[-(T // 3) :].mean(0)
    return Drift(each.mean(-1), each.std(-1, correction=1) / C**0.5)


def r_hat(losses: Tensor) -> Tensor:
    """Split R-hat `[...]` of `losses [T, ..., C]`: `sqrt((W (n - 1)/n + B/n)/W)` over half chains of n draws.

    W is the mean variance within them and B/n the variance of their means; 1 where all agree, below 1.05 to be
    trusted. Gelman et al. 2013, section 11.4. Raises `ConfigError` for fewer than 4 draws.
    """
    n = len(losses) // 2
    if n < 2:
        raise ConfigError(f"R-hat was asked for of {len(losses)} draws; it needs 4")
    halves = losses[: 2 * n].unflatten(0, (2, n)).movedim(0, -1).flatten(-2)
    within = halves.var(0, correction=1).mean(-1)
    between = halves.mean(0).var(-1, correction=1)
    return ((within * (n - 1) / n + between) / within).sqrt()


def fill(distances: Tensor, gamma: Tensor | float, P: int) -> Tensor:
    """`gamma <|w - w*|^2>/P` of `distances [T, ..., C]`, `[...]`.

    1 where the window alone holds the chains, that is where the loss is not felt; `1 - N_eff/P` for a quadratic loss.
    """
    return (gamma * distances.mean(0)).mean(-1) / P
