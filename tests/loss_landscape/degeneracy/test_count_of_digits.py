"""A trained net: what is planted nowhere is counted all the same."""

import pytest
import torch
from sklearn.datasets import load_digits

from engines.loss_landscape.degeneracy.count import count
from engines.loss_landscape.hessian.effective_dimension import soft_rank
from engines.loss_landscape.hessian.kronecker_factors import factor_spectra, factored_soft_rank
from engines.loss_landscape.models.mlp import Mlp
from tests.loss_landscape.degeneracy import oracles
from tests.loss_landscape.degeneracy.linear_regions import hessian_eigenvalues


def trained(steps: int = 1500):
    """64-16-16-10 without weight decay, He initialisation, full batch of 1437 digits; counted in float64."""
    pixels, labels = load_digits(return_X_y=True)
    stream, net = torch.Generator().manual_seed(0), Mlp((64, 16, 16, 10))
    chosen = torch.randperm(len(labels), generator=stream)[:1437]
    X, y = torch.tensor(pixels / 16)[chosen], torch.tensor(labels)[chosen]
    weights = [torch.randn(shape, generator=stream) * (2 / (shape[1] - 1)) ** 0.5 for shape in net.shapes]
    for W in weights:
        W[:, -1] = 0
    theta = net.join(weights).requires_grad_()
    optimiser = torch.optim.AdamW([theta], lr=1e-2, weight_decay=0)
    for _ in range(steps):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(net(theta, X.float()), y).backward()
        optimiser.step()
    return net, theta.detach().double(), X


@pytest.mark.thorough
@pytest.mark.slow
def test_a_digits_net_is_explained_up_to_a_small_residual():
    """Three pixels are always zero; residual at most 10; N_eff(1e9) within 2 of the rank; product form within 5 %."""
    net, theta, X = trained()
    one = count(net, theta, X)
    assert net.P == 1482
    assert int(one.r_a[0]) == 62
    assert 0 <= int(one.residual) <= 10
    assert int(one.nullity) > 3 * 16
    assert one.gap > 1e6
    h = one.values.square() / len(X)
    assert float(soft_rank(h, 1e9)) == pytest.approx(net.P - int(one.nullity), abs=2)
    b = torch.tensor([1.0, 1e2, 1e4, 1e6], dtype=torch.float64)
    products = factored_soft_rank(factor_spectra(net, theta, X), b)
    widths = [rows * columns for rows, columns in net.shapes]
    for found, part in zip(products, oracles.qr_triangle(net, theta, X).split(widths, -1), strict=True):
        exact = soft_rank(hessian_eigenvalues(part, len(X)), b)
        torch.testing.assert_close(found, exact, rtol=0.05, atol=0)
