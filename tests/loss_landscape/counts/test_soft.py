"""Soft ranks against the partition function, the cut-off identity and the exact count."""

import numpy as np
import pytest
import torch
from scipy.stats import gamma as gamma_law

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.degeneracy import jacobian
from engines.loss_landscape.degeneracy.count import count
from engines.loss_landscape.hessian import effective_dimension
from engines.loss_landscape.models.planted_networks import staircase


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
    h = jacobian.hessian_eigenvalues(jacobian.qr_triangle(net, theta, X), len(X))
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
            b = effective_dimension.inverse_temperature(h, eps, gamma)
            torch.testing.assert_close(
                effective_dimension.mean_loss(h, b, gamma), torch.full_like(b, eps), rtol=1e-10, atol=0
            )
            torch.testing.assert_close(2 * b * eps, effective_dimension.soft_rank(h, b, gamma), rtol=1e-10, atol=0)
            alone = torch.stack(
                [effective_dimension.soft_rank(one, float(at), gamma) for one, at in zip(h, b, strict=True)]
            )
            torch.testing.assert_close(effective_dimension.soft_rank(h, b, gamma), alone, rtol=1e-14, atol=0)
    for eps in (0.0, -1.0, float(h.sum(-1).min() / 2), torch.nan):
        with pytest.raises(ConfigError, match="eps"):
            effective_dimension.inverse_temperature(h, eps)


def test_the_soft_rank_is_the_slope_of_the_volume_where_it_is_large():
    """d = 100 equal h: log V(eps) = log P(chi²_d < 2 eps gamma/h) exactly; slope within 1 % of N_eff(b(eps))."""
    d, h, eps = 100, 2.0, np.array([0.1, 1.0, 10.0])
    x = eps / h  # of the law Gamma(d/2, 1)
    slope = 2 * x * gamma_law.pdf(x, d / 2) / gamma_law.cdf(x, d / 2)
    for at, expected in zip(eps, slope, strict=True):
        b = effective_dimension.inverse_temperature(torch.full((d,), h, dtype=torch.float64), float(at))
        assert float(2 * b * at) == pytest.approx(expected, rel=0.01)
