"""Soft ranks against the partition function, the cut-off identity and the exact count, also on planted blocks."""

from functools import cache

import numpy as np
import pytest
import torch
from scipy.stats import gamma as gamma_law
from torch.nn.functional import one_hot

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.degeneracy.count import count
from engines.loss_landscape.hessian import effective_dimension
from engines.loss_landscape.hessian.effective_dimension import soft_rank
from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.models.planted_networks import staircase
from tests.loss_landscape.degeneracy import oracles
from tests.loss_landscape.degeneracy.linear_regions import hessian_eigenvalues
from tests.loss_landscape.hessian.dense_gram import gram
from tests.loss_landscape.hessian.volume import (
    hard_rank,
    inverse_temperature,
    mean_loss,
    null_eigenvectors,
    volume_slope,
)


def spectra(members: int = 3) -> torch.Tensor:
    """Log-uniform 1e-6 .. 1e2, the largest 100, a third zero."""
    h = 10 ** (8 * torch.rand(members, 30, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) - 6)
    h[:, ::3] = 0
    h[:, 1] = 100
    return h


def test_the_soft_rank_is_the_slope_of_the_partition_function():
    """`N_eff = -2 d log Z/d log b`, `Z = prod (1 + b h/gamma)^(-1/2)`, by autograd; relative 1e-12."""
    h = spectra()
    log_b = torch.tensor([-3.0, 1.0, 8.0], dtype=torch.float64, requires_grad=True)
    log_Z = -0.5 * torch.log1p(log_b.exp() * h[..., None] / 2.5).sum((0, 1))
    (slope,) = torch.autograd.grad(log_Z.sum(), log_b)
    found = effective_dimension.soft_rank(h[:, None], log_b.detach().exp(), 2.5)
    assert found.shape == (3, 3)
    torch.testing.assert_close(found.sum(0), -2 * slope, rtol=1e-12, atol=0)
    torch.testing.assert_close(
        effective_dimension.soft_rank(h, 10.0, 2.5), effective_dimension.soft_rank(h, torch.tensor([10.0]), 2.5)
    )


def test_the_soft_rank_rises_to_the_rank():
    """Non-decreasing in b; at b = 1e14 within 1e-6 of the 55 of 69 of the planted net and the 20 of the spectra."""
    net, theta, X = staircase(3)
    h = hessian_eigenvalues(oracles.qr_triangle(net, theta, X), len(X))
    one = count(net, theta, X)
    floor = torch.where(h > 1e-18 * h[0], h, 0)
    b = torch.logspace(-3, 14, 60, dtype=torch.float64)
    for values, rank in ((floor, net.P - int(one.nullity)), (spectra()[0], 20)):
        curve = effective_dimension.soft_rank(values, b)
        assert (curve.diff() >= 0).all()
        assert float(curve[-1]) == pytest.approx(rank, abs=1e-6)


def test_the_cut_off_fixes_the_inverse_temperature():
    """`2 b eps = N_eff(b)` and `eps(b(eps)) = eps`, relative 1e-10, over ten decades and a batch; else refused."""
    h = spectra()
    for eps in (1e-8, 1e-4, 1e-1, 10.0):
        for gamma in (1.0, 3.0):
            b = inverse_temperature(h, eps, gamma)
            torch.testing.assert_close(mean_loss(h, b, gamma), torch.full_like(b, eps), rtol=1e-10, atol=0)
            torch.testing.assert_close(2 * b * eps, effective_dimension.soft_rank(h, b, gamma), rtol=1e-10, atol=0)
            alone = torch.stack(
                [effective_dimension.soft_rank(one, float(at), gamma) for one, at in zip(h, b, strict=True)]
            )
            torch.testing.assert_close(effective_dimension.soft_rank(h, b, gamma), alone, rtol=1e-14, atol=0)
    for eps in (0.0, -1.0, float(h.sum(-1).min() / 2), torch.nan):
        with pytest.raises(ConfigError, match="eps"):
            inverse_temperature(h, eps)


def test_the_soft_rank_is_the_slope_of_the_volume_where_it_is_large():
    """d = 100 equal h: log V(eps) = log P(chi²_d < 2 eps gamma/h) exactly; slope within 1 % of N_eff(b(eps))."""
    d, h, eps = 100, 2.0, np.array([0.1, 1.0, 10.0])
    x = eps / h  # of the law Gamma(d/2, 1)
    slope = 2 * x * gamma_law.pdf(x, d / 2) / gamma_law.cdf(x, d / 2)
    for at, expected in zip(eps, slope, strict=True):
        b = inverse_temperature(torch.full((d,), h, dtype=torch.float64), float(at))
        assert float(2 * b * at) == pytest.approx(expected, rel=0.01)


SETS = ((0,), (0,), (0,), (1,), (1,), (0, 2))
"""The clusters on which each neuron fires: blocks of 3, 2 and 1."""

TABLE = {1e-1: (32.57, 29), 1e-2: (40.26, 30), 1e-4: (53.30, 44), 1e-6: (54.97, 55), 1e-8: (55.00, 55)}
"""Soft and hard counts by eps."""


@cache
def spectrum():
    """Gram matrix and eigenvalues of the 7-6-3 net on four clusters, 1200 data, seed 1."""
    g = torch.Generator().manual_seed(1)

    def normals(*shape):
        return torch.randn(*shape, generator=g, dtype=torch.float64)

    clusters = torch.arange(1200) % 4
    X = torch.cat([one_hot(clusters, 4) + 0.02 * normals(1200, 4), normals(1200, 3)], 1)
    rows = []
    for fires in SETS:
        size = 8 * (1 + 0.2 * torch.rand(4, generator=g, dtype=torch.float64))
        signs = torch.tensor([1.0 if cluster in fires else -1.0 for cluster in range(4)])
        rows.append(torch.cat([size * signs, 0.7 * normals(3), 0.3 * normals(1)]))
    net = Mlp((7, 6, 3))
    theta = net.join([torch.stack(rows), torch.cat([normals(3, 6), normals(3, 1)], 1)])
    planned = torch.stack([torch.isin(clusters, torch.tensor(fires)) for fires in SETS], -1)
    assert torch.equal(net.layers(theta, X)[1][0] > 0, planned)
    G = gram(net, theta, X)
    return G, torch.linalg.eigvalsh(G)


def test_the_net_has_fourteen_null_directions_and_a_gap():
    """The least live eigenvalue is 3.8e-6, eight decades above rounding."""
    G, h = spectrum()
    assert null_eigenvectors(G).shape[1] == 14
    assert float(h[14]) == pytest.approx(3.81e-6, rel=0.01)
    assert float(h[13].abs()) < 1e-13


@pytest.mark.parametrize("eps", TABLE)
def test_the_soft_and_hard_counts_are_those_of_the_table(eps):
    """To the digits printed."""
    h, at = spectrum()[1][14:], torch.tensor(eps, dtype=torch.float64)
    soft, hard = TABLE[eps]
    assert float(soft_rank(h, inverse_temperature(h, at))) == pytest.approx(soft, abs=0.006)
    assert int(hard_rank(h, at)) == hard


@pytest.mark.parametrize("eps", [1e-1, 1e-4])
def test_the_slope_of_the_volume_is_that_of_importance_samples(eps):
    """Draws of the tilted Gaussian, weighted back: within .2 of a count of 33 and 53."""
    h = spectrum()[1][14:]
    b = inverse_temperature(h, torch.tensor(eps, dtype=torch.float64))
    z = torch.randn(300_000, len(h), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    losses = (z.square() * (h / (1 + b * h))).sum(-1) / 2
    step = 0.05
    low, high = (((b * losses).exp() * (losses < eps * factor)).mean().log() for factor in (1 - step, 1 + step))
    width = torch.tensor((1 + step) / (1 - step)).log()
    assert volume_slope(h, eps) == pytest.approx(float(2 * (high - low) / width), abs=0.2)


def test_the_slope_and_the_soft_count_agree_at_every_level():
    """Within .3 % from eps = 1e-1 to 1e-8."""
    h = spectrum()[1][14:]
    for eps, (soft, _) in TABLE.items():
        assert volume_slope(h, eps) == pytest.approx(soft, rel=3e-3)
