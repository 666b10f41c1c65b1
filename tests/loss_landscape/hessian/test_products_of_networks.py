"""Products by hand against those of automatic differentiation, and outputs against layers."""

import pytest
import torch

from engines.loss_landscape.hessian import products
from engines.loss_landscape.hessian.products import gauss_newton, reverse_over_reverse, softmax_metric
from engines.loss_landscape.models.mlp import ACTIVATIONS, Mlp

SIZES = [(5, 3), (5, 6, 3), (5, 6, 7, 3), (4, 9, 2, 8, 3)]


def draws(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def nets(function):
    for name, values in (("bias", [True, False]), ("activation", ACTIVATIONS), ("sizes", SIZES)):
        function = pytest.mark.parametrize(name, values)(function)
    return function


@nets
def test_products_are_those_of_autograd(sizes, activation, bias):
    """Cross-entropy of soft labels, away from its minimum, the Hessian and its Gauss-Newton part: relative 1e-12."""
    net = Mlp(sizes, activation, bias)
    theta, X, labels, U = draws(net.P), draws(30, sizes[0], seed=1), draws(30, 3, seed=2).softmax(-1), draws(4, net.P)
    f = net(theta, X)
    expected = reverse_over_reverse(lambda at: -(labels * net(at, X).log_softmax(-1)).sum(-1).mean(), theta)(U)
    found = products.mlp_hessian(net, theta, X, softmax_metric(f), f.softmax(-1) - labels)(U)
    assert (found - expected).norm() <= 1e-12 * expected.norm()
    expected = gauss_newton(lambda at: net(at, X), theta, softmax_metric(f))(U)
    found = products.mlp_gauss_newton(net, theta, X, softmax_metric(f))(U)
    assert (found - expected).norm() <= 1e-12 * expected.norm()


def test_the_vectors_of_one_pass_do_not_matter(monkeypatch):
    """One at a time and all at once: 1e-14."""
    net, X = Mlp((5, 6, 7, 3)), draws(30, 5)
    theta, U = draws(net.P, seed=1), draws(11, net.P, seed=2)
    together = products.mlp_gauss_newton(net, theta, X)(U)
    monkeypatch.setattr(products, "CACHED_NUMBERS", 1)
    alone = products.mlp_gauss_newton(net, theta, X)(U)
    assert (together - alone).norm() <= 1e-14 * together.norm()


def test_single_precision_products_take_and_return_double_vectors():
    """Relative 1e-6."""
    net, X = Mlp((5, 6, 7, 3)), draws(30, 5)
    theta, U = draws(net.P, seed=1), draws(3, net.P, seed=2)
    expected = products.mlp_gauss_newton(net, theta, X)(U)
    found = products.mlp_gauss_newton(net, theta.float(), X.float())(U)
    assert found.dtype == torch.float64
    assert 0 < (found - expected).norm() <= 1e-6 * expected.norm()


@nets
def test_outputs_are_those_of_the_layers(sizes, activation, bias):
    """Shared samples and those of each member, any leading axes: relative 1e-12; and so are gradients."""
    net = Mlp(sizes, activation, bias)
    theta = draws(5, 2, net.P).requires_grad_()
    for X in (draws(6, sizes[0], seed=1), draws(2, 6, sizes[0], seed=1)):
        made, expected = net(theta, X), net.layers(theta, X)[1][-1]
        torch.testing.assert_close(made, expected, rtol=1e-12, atol=1e-12 * float(expected.detach().abs().max()))
        one, other = (torch.autograd.grad(part.square().sum(), theta)[0] for part in (made, expected))
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-12 * float(other.abs().max()))
