"""Grams of the factored Hessian against those of backward passes and autograd, and what they count."""

import pytest
import torch

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.degeneracy import jacobian
from engines.loss_landscape.degeneracy.count import count
from engines.loss_landscape.degeneracy.jacobian import layer_passes
from engines.loss_landscape.hessian.effective_dimension import soft_rank
from engines.loss_landscape.hessian.kronecker_factors import factor_spectra, factored_soft_rank, kronecker_factors
from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.models.planted_networks import generic_network
from tests.loss_landscape.degeneracy.linear_regions import hessian_eigenvalues

SIZES = [(5, 3), (5, 6, 3), (5, 6, 7, 3), (4, 5, 6, 7, 2)]


def batch(net, members=3, n=20):
    stream = torch.Generator().manual_seed(0)
    theta = torch.randn(members, net.P, dtype=torch.float64, generator=stream)
    return theta, torch.randn(members, n, net.sizes[0], dtype=torch.float64, generator=stream)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("sizes", SIZES)
def test_the_grams_are_those_of_all_backward_passes(sizes, bias):
    """Relative 1e-12, each member of a batch with data of its own, and with shared data."""
    net = Mlp(sizes, bias=bias)
    theta, own = batch(net)
    for X in (own, own[0]):
        passes = layer_passes(net, theta, X)
        for (CA, CG), A, G in zip(kronecker_factors(net, theta, X), passes.A, passes.G, strict=True):
            rows = G.flatten(-3, -2)
            torch.testing.assert_close(CA, A.mT @ A / 20, rtol=1e-12, atol=1e-12)
            torch.testing.assert_close(CG, rows.mT @ rows / 20, rtol=1e-12, atol=1e-12 * float(CG.abs().max()))


@pytest.mark.parametrize("activation", ["tanh", "gelu", "square"])
@pytest.mark.parametrize("sizes", SIZES)
def test_the_grams_of_smooth_nets_are_those_of_autograd(sizes, activation):
    """`df/dz` of every layer by adding to z, sample by sample: relative 1e-12."""
    net = Mlp(sizes, activation)
    theta, X = (part[0] for part in batch(net, 1))

    def outputs(shifts, x):
        at = x
        for layer, (W, shift) in enumerate(zip(net.split(theta), shifts, strict=True)):
            z = W @ torch.cat([at, at.new_ones(1)]) + shift
            at = {"tanh": torch.tanh, "gelu": torch.nn.functional.gelu, "square": torch.square}[activation](z)
            if layer == len(shifts) - 1:
                return z

    zero = [torch.zeros(width, dtype=torch.float64) for width in sizes[1:]]
    slopes = torch.func.vmap(torch.func.jacrev(outputs), (None, 0))(zero, X)
    for (_, CG), G in zip(kronecker_factors(net, theta, X), slopes, strict=True):
        expected = torch.einsum("noi,noj->ij", G, G) / 20
        torch.testing.assert_close(CG, expected, rtol=1e-12, atol=1e-12 * float(expected.abs().max()))


def test_single_precision_is_refused():
    net, theta, X = generic_network((5, 6, 3))
    with pytest.raises(ConfigError, match="float32"):
        kronecker_factors(net, theta.float(), X.float())


def test_the_factored_soft_rank_is_exact_where_the_hessian_is_a_product():
    """One linear layer: G = I, Hess = I kron CA; relative 1e-10. As b -> infinity r_a r_g of every layer, any net."""
    net = Mlp((5, 3))
    stream = torch.Generator().manual_seed(1)
    theta = torch.randn(2, net.P, dtype=torch.float64, generator=stream)
    X = torch.randn(2, 40, 5, dtype=torch.float64, generator=stream)
    b = torch.logspace(-2, 4, 9, dtype=torch.float64)
    found = factored_soft_rank(factor_spectra(net, theta, X), b)
    h = hessian_eigenvalues(jacobian.jacobian(net, theta, X), 40)
    assert found.shape == (2, 1, 9)
    torch.testing.assert_close(found[:, 0], soft_rank(h[:, None], b), rtol=1e-10, atol=0)

    net, theta, X = generic_network((5, 6, 6, 3), seed=3)
    layers = factored_soft_rank(factor_spectra(net, theta, X), 1e12)
    one = count(net, theta, X)
    torch.testing.assert_close(layers, (one.r_a * one.r_g).double(), rtol=1e-6, atol=0)


def test_the_factored_soft_rank_is_near_that_of_each_layer():
    """5-6-6-3: within 15 % of the soft rank of each J^l for b = 1..1e6 (product approximation)."""
    net, theta, X = generic_network((5, 6, 6, 3), seed=3)
    b = torch.logspace(0, 6, 7, dtype=torch.float64)
    found = factored_soft_rank(factor_spectra(net, theta, X), b)
    for layer, J in zip(found, jacobian.by_layer(layer_passes(net, theta, X)), strict=True):
        exact = soft_rank(hessian_eigenvalues(J, len(X)), b)
        torch.testing.assert_close(layer, exact, rtol=0.15, atol=0)
