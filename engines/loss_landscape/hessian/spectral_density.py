"""Stochastic Lanczos quadrature: the spectrum of a matrix from a few random vectors.

The trace of a matrix from products with random vectors.
"""

from __future__ import annotations

from math import log, sqrt
from typing import NamedTuple

import torch
from torch import Tensor

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.hessian.lanczos import lanczos, ritz
from engines.loss_landscape.hessian.products import Product

RESOLVED, REFUSED = 0.8, 0.3
"""Lanczos steps over `sqrt(b h_max/gamma)`: counts are good to about 5 % from the first, of no use below the second."""


class Spectrum(NamedTuple):
    """`tr g(H) ~ P mean_j sum_i weights[j, i] g(nodes[j, i])` over the probes j."""

    nodes: Tensor
    """`[m, ..., k]`, ascending."""
    weights: Tensor
    """Squared first components of the eigenvectors of T; they sum to 1, `[m, ..., k]`."""
    P: int

    @property
    def top(self) -> Tensor:
        """Largest eigenvalue that any probe saw, `[...]`."""
        return self.nodes.amax(-1).amax(0)


class SoftCount(NamedTuple):
    """A soft count of eigenvalues, and whether the Lanczos steps sufficed for it. All `[..., T]` at T temperatures."""

    count: Tensor
    """NaN where refused."""
    error: Tensor
    """Standard error over the probes; does not see the error of too few steps, which is upwards as a rule."""
    ratio: Tensor
    """Steps over `sqrt(b h_max/gamma)`."""
    coarse: Tensor
    """Below `RESOLVED`: to be shown with a warning."""
    refused: Tensor
    """Below `REFUSED`."""


def spectrum(product: Product, probes: Tensor, k: int) -> Spectrum:
    """Nodes and weights of k Lanczos steps from `probes [m, ..., P]` with independent entries of mean 0, variance 1.

    Papyan 2018, arXiv 1811.07062. Exact for polynomials of degree 2k - 1 in the mean over probes.
    """
    nodes, vectors = ritz(lanczos(product, probes, k))
    return Spectrum(nodes, vectors[..., 0, :].square(), probes.shape[-1])


def soft_count(seen: Spectrum, b: Tensor, gamma: float = 1.0) -> SoftCount:
    """`N_eff(b) = sum_i b h_i/(b h_i + gamma)`, negative nodes taken as 0, at temperatures `b [T]`.

    The smallest eigenvalue that matters is gamma/b, and Lanczos needs about `sqrt(h_max b/gamma)` steps to tell it
    from zero; with fewer its weight is smeared over other nodes and the count as a rule comes out too large. Exact for
    k = P.
    """
    each = soft_count_by_probe(seen, b[:, None] * seen.nodes.clamp_min(0)[..., None, :], gamma)
    k = seen.nodes.shape[-1]
    ratio = k / (b * seen.top.clamp_min(0)[..., None] / gamma).sqrt()
    complete = k == seen.P
    coarse, refused = (((ratio < limit) & (not complete)) for limit in (RESOLVED, REFUSED))
    count = torch.where(refused, torch.nan, each.mean(0))
    return SoftCount(count, standard_error(each), ratio, coarse, refused)


def soft_count_by_probe(seen: Spectrum, scaled: Tensor, gamma: float) -> Tensor:
    """`P sum_i w_i x_i/(x_i + gamma)` of `x [m, ..., T, k]`, one for each probe `[m, ..., T]`."""
    return seen.P * (seen.weights[..., None, :] * scaled / (scaled + gamma)).sum(-1)


def standard_error(each: Tensor) -> Tensor:
    """Of the mean of independent `each [m, ...]`; NaN for a single one."""
    return each.std(0, correction=1) / sqrt(len(each)) if len(each) > 1 else torch.full_like(each[0], torch.nan)


def bandwidth(k: int, low: Tensor, high: Tensor) -> Tensor:
    """`2/((k - 1) sqrt(8 ln 3))` on [-1, 1]: half-way between k even nodes a Gaussian has fallen to a third.

    The rule of curvlinops after Papyan 2018.
    """
    return (high - low) / ((k - 1) * sqrt(8 * log(3)))


def density(
    seen: Spectrum, points: int = 1024, margin: float = 0.05, nodes: int | None = None
) -> tuple[Tensor, Tensor]:
    """A grid `[..., points]` over the spectrum and a margin each side, and the density on it: `P integral = 1`.

    `mean_j sum_i w_i N(.; theta_i, sigma^2)`: a blurred picture, in which single eigenvalues are as wide as sigma: that
    of as many nodes as there are, or of fewer, so that all eigenvalues together make a smooth curve.
    """
    low, high = seen.nodes.amin(-1).amin(0), seen.top
    spare = margin * (high - low)
    low, high = low - spare, high + spare
    grid = low[..., None] + (high - low)[..., None] * torch.linspace(0, 1, points).to(low)
    sigma = bandwidth(nodes or seen.nodes.shape[-1], low, high)[..., None, None]
    apart = (grid[..., None] - seen.nodes[..., None, :]) / sigma
    bumps = torch.exp(-apart.square() / 2) / (sigma * sqrt(2 * torch.pi))
    return grid, (seen.weights[..., None, :] * bumps).sum(-1).mean(0)


class TraceEstimate(NamedTuple):
    """An estimate `[...]` and its standard error over the probes."""

    value: Tensor
    error: Tensor


def hutchinson(product: Product, probes: Tensor) -> TraceEstimate:
    """`mean_j z_j . H z_j` over `probes [m, ..., P]` with independent entries of mean 0, variance 1.

    With signs the variance of one term is `2 sum_{i != j} H_ij^2`: none for a diagonal matrix. Hutchinson 1989.
    """
    each = (probes * product(probes)).sum(-1)
    return TraceEstimate(each.mean(0), standard_error(each))


def hutch_plus_plus(product: Product, sketch: Tensor, probes: Tensor) -> TraceEstimate:
    """`tr Q^T H Q + mean_j g_j . H g_j` with `Q = orth(H S)` and `g = (I - Q Q^T) z`.

    The trace on the range of a sketch `S [s, ..., P]` is exact, so that only what is orthogonal to it has a variance;
    exact for matrices of rank <= s. Meyer, Musco, Musco, Woodruff 2021. Raises `ConfigError` if s > P.
    """
    if len(sketch) > sketch.shape[-1]:
        raise ConfigError(f"the sketch has {len(sketch)} vectors; it may have at most P = {sketch.shape[-1]}")
    Q = torch.linalg.qr(product(sketch).movedim(0, -1))[0]
    inside = (Q.movedim(-1, 0) * product(Q.movedim(-1, 0))).sum((0, -1))
    outside = probes - ((probes[..., None, :] @ Q) @ Q.mT)[..., 0, :]
    rest = hutchinson(product, outside)
    return TraceEstimate(inside + rest.value, rest.error)
