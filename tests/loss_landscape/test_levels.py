"""Soft counts at a level of the loss, on the spectrum of a network with planted blocks of synchronised neurons."""

from functools import cache

import pytest
import torch
from torch.nn.functional import one_hot

from engines.loss_landscape.hessian.dense import gram
from engines.loss_landscape.hessian.effective_dimension import hard_rank, inverse_temperature, soft_rank, volume_slope
from engines.loss_landscape.hessian.lanczos import null_eigenvectors
from engines.loss_landscape.models.mlp import Mlp

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
