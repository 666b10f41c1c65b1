"""Estimates from a few random vectors: spectral density and soft counts by stochastic Lanczos quadrature, the trace."""

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
    """Nodes and weights of quadrature: `tr g(H) ~ P mean_j sum_i weights[j, i] g(nodes[j, i])` over the probes j."""

    nodes: Tensor
    """Ritz values, ascending, `[m, *, k]`."""
    weights: Tensor
    """Squared first components of the eigenvectors of T; they sum to 1, `[m, *, k]`."""
    P: int

    @property
    def top(self) -> Tensor:
        """Largest node of any probe, `[*]`."""
        return self.nodes.amax(-1).amax(0)


class SoftCount(NamedTuple):
    """A soft count of eigenvalues, and whether the Lanczos steps sufficed for it. All `[*, T]` at T temperatures."""

    count: Tensor
    """Effective parameters N_eff; NaN where refused."""
    error: Tensor
    """Standard error over the probes; does not see the error of too few steps, which is upwards as a rule."""
    ratio: Tensor
    """Lanczos steps over `sqrt(b h_max/gamma)`."""
    coarse: Tensor
    """Whether the ratio is below `RESOLVED`: to be shown with a warning."""
    refused: Tensor
    """Whether the ratio is below `REFUSED`."""


def spectrum(product: Product, probes: Tensor, k: int) -> Spectrum:
    """Estimate the spectrum by k Lanczos steps from random `probes [m, *, P]`.

    Their entries are independent, of mean 0 and variance 1. Exact for polynomials of degree 2k - 1 in the mean over
    probes. Papyan 2018, arXiv 1811.07062.
    """
    nodes, vectors = ritz(lanczos(product, probes, k))
    return Spectrum(nodes, vectors[..., 0, :].square(), probes.shape[-1])


def soft_count(spectrum: Spectrum, b: Tensor, gamma: float = 1.0) -> SoftCount:
    """Estimate `N_eff(b) = sum_i b h_i/(b h_i + gamma)`, negative nodes taken as 0, at temperatures `b [T]`.

    The smallest eigenvalue that matters is gamma/b, and Lanczos needs about `sqrt(h_max b/gamma)` steps to tell it from
    zero; with fewer its weight is smeared over other nodes and the count as a rule comes out too large. Exact for k =
    P.
    """
    each = soft_count_by_probe(spectrum, b[:, None] * spectrum.nodes.clamp_min(0)[..., None, :], gamma)
    k = spectrum.nodes.shape[-1]
    ratio = k / (b * spectrum.top.clamp_min(0)[..., None] / gamma).sqrt()
    complete = k == spectrum.P
    coarse, refused = (((ratio < limit) & (not complete)) for limit in (RESOLVED, REFUSED))
    count = torch.where(refused, torch.nan, each.mean(0))
    return SoftCount(count, standard_error(each), ratio, coarse, refused)


def soft_count_by_probe(spectrum: Spectrum, scaled: Tensor, gamma: float) -> Tensor:
    """Soft counts `P sum_i w_i x_i/(x_i + gamma)` of `x [m, *, T, k]`, one for each probe, `[m, *, T]`."""
    return spectrum.P * (spectrum.weights[..., None, :] * scaled / (scaled + gamma)).sum(-1)


def standard_error(each: Tensor) -> Tensor:
    """Standard error of the mean of independent `each [m, *]`, `[*]`; NaN for a single one."""
    return each.std(0, correction=1) / sqrt(len(each)) if len(each) > 1 else torch.full_like(each[0], torch.nan)


def bandwidth(k: int, low: Tensor, high: Tensor) -> Tensor:
    """Width of the Gaussians of a density, `(high - low)/((k - 1) sqrt(8 ln 3))`, `[*]`.

    Half-way between k even nodes a Gaussian has fallen to a third: the rule of curvlinops after Papyan 2018.
    """
    return (high - low) / ((k - 1) * sqrt(8 * log(3)))


def density(
    spectrum: Spectrum, points: int = 1024, margin: float = 0.05, nodes: int | None = None
) -> tuple[Tensor, Tensor]:
    """Grid `[*, points]` over the spectrum and a margin each side, and the density on it: `P integral = 1`.

    `mean_j sum_i w_i N(.; theta_i, sigma^2)`: a blurred picture, in which single eigenvalues are as wide as sigma, see
    `bandwidth`; of as many nodes as there are, or of fewer, so that all eigenvalues together make a smooth curve.
    """
    low, high = spectrum.nodes.amin(-1).amin(0), spectrum.top
    spare = margin * (high - low)
    low, high = low - spare, high + spare
    grid = low[..., None] + (high - low)[..., None] * torch.linspace(0, 1, points).to(low)
    sigma = bandwidth(nodes or spectrum.nodes.shape[-1], low, high)[..., None, None]
    apart = (grid[..., None] - spectrum.nodes[..., None, :]) / sigma
    bumps = torch.exp(-apart.square() / 2) / (sigma * sqrt(2 * torch.pi))
    return grid, (spectrum.weights[..., None, :] * bumps).sum(-1).mean(0)


class TraceEstimate(NamedTuple):
    """An estimate `[*]` and its standard error over the probes."""

    value: Tensor
    error: Tensor


def hutchinson(product: Product, probes: Tensor) -> TraceEstimate:
    """Estimate the trace `mean_j z_j . H z_j` from `probes [m, *, P]` with independent entries of mean 0, variance 1.

    With signs the variance of one term is `2 sum_{i != j} H_ij^2`: none for a diagonal matrix. Hutchinson 1989.
    """
    each = (probes * product(probes)).sum(-1)
    return TraceEstimate(each.mean(0), standard_error(each))


def hutch_plus_plus(product: Product, sketch: Tensor, probes: Tensor) -> TraceEstimate:
    """Estimate the trace `tr Q^T H Q + mean_j g_j . H g_j` with `Q = orth(H S)` and `g = (I - Q Q^T) z`.

    The trace on the range of a sketch `S [s, *, P]` is exact, so that only what is orthogonal to it has a variance;
    probes z `[m, *, P]`. Exact for matrices of rank <= s. Meyer, Musco, Musco, Woodruff 2021. Raises `ConfigError` if
    s > P.
    """
    if len(sketch) > sketch.shape[-1]:
        raise ConfigError(f"the sketch has {len(sketch)} vectors; it may have at most P = {sketch.shape[-1]}")
    Q = torch.linalg.qr(product(sketch).movedim(0, -1))[0]
    inside = (Q.movedim(-1, 0) * product(Q.movedim(-1, 0))).sum((0, -1))
    outside = probes - ((probes[..., None, :] @ Q) @ Q.mT)[..., 0, :]
    remainder = hutchinson(product, outside)
    return TraceEstimate(inside + remainder.value, remainder.error)
