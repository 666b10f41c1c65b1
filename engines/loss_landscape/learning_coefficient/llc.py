"""The learning coefficient from recorded losses."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from engines.core.protocol.errors import ConfigError


class Estimate(NamedTuple):
    """Of lambda, from C independent chains."""

    value: Tensor
    """`[...]`."""
    error: Tensor
    """Standard error of the mean over chains; NaN for one chain; sees no bias, `[...]`."""
    chains: Tensor
    """One by one, `[..., C]`."""


def estimate(losses: Tensor, b: Tensor, baseline: Tensor | float = 0.0) -> Estimate:
    """`lambda = b (mean over draws of L - L(w*))` of losses `[T, ..., C]` after burn-in.

    `b` and the loss `baseline` at w*, on the data that the chains see, broadcast against `[..., C]`. Negative where
    w* is no minimum of that loss. Lau et al. 2023, arXiv 2308.12108.
    """
    chains = b * (losses.mean(0) - baseline)
    C = chains.shape[-1]
    spread = chains.std(-1, correction=1) if C > 1 else torch.full_like(chains[..., 0], torch.nan)
    return Estimate(chains.mean(-1), spread / C**0.5, chains)


def richardson(coarse: Estimate, fine: Estimate, ratio: float = 4.0) -> Estimate:
    """`(ratio fine - coarse)/(ratio - 1)`: what is left at step size 0 of a bias that is linear in it.

    Of two independent runs at eta and eta/ratio, chain by chain in any order. Its error is about 4/3 of that of the
    fine run. Raises `ConfigError` unless ratio > 1.
    """
    if not ratio > 1:
        raise ConfigError(f"the ratio of step sizes is {ratio}; it must be above 1")
    value, chains = (
        (ratio * f - c) / (ratio - 1) for f, c in ((fine.value, coarse.value), (fine.chains, coarse.chains))
    )
    error = ((ratio * fine.error).square() + coarse.error.square()).sqrt() / (ratio - 1)
    return Estimate(value, error, chains)
