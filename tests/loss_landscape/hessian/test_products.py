"""Products with the Hessian and the Gauss-Newton matrix, against whole matrices from autograd."""

import pytest
import torch
from torch.autograd.functional import hessian as autograd_hessian
from torch.autograd.functional import jacobian as autograd_jacobian

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.hessian.dense import hessian, jacobian, matrix
from engines.loss_landscape.hessian.products import (
    block,
    gauss_newton,
    reverse_over_reverse,
    softmax_metric,
)
from engines.loss_landscape.models.mlp import Mlp
from tests.loss_landscape.hessian.dense_gram import gram

NET = Mlp((4, 5, 3), "gelu")
RELU = Mlp((4, 5, 3))


def draws(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def setting(net=NET, members=2):
    """Parameters of some members, data, and the mean squared error against drawn targets."""
    X, Y, theta = (draws(*shape, seed=s) for s, shape in enumerate([(30, 4), (30, 3), (members, net.P)]))
    return theta, X, lambda at: (net(at, X) - Y).square().sum((-2, -1)) / 60


def test_products_with_the_hessian_are_those_of_autograds_matrix():
    """For two members at once: 1e-12."""
    theta, _, loss = setting()
    U = draws(3, 2, NET.P, seed=9)
    found = reverse_over_reverse(loss, theta)(U)
    for member in range(2):
        H = autograd_hessian(loss, theta[member])
        assert torch.allclose(found[:, member], U[:, member] @ H, atol=1e-12, rtol=0)


def test_products_in_single_precision_are_those_in_double_precision():
    """Relative 1e-6, and the vectors stay in float64."""
    U, theta, X = draws(4, 2, NET.P, seed=9), draws(2, NET.P, dtype=torch.float32), draws(30, 4, dtype=torch.float32)

    def product(dtype):
        return reverse_over_reverse(lambda at: NET(at, X.to(dtype)).square().sum((-2, -1)) / 60, theta.to(dtype))(U)

    one, other = product(torch.float32), product(torch.float64)
    assert one.dtype == other.dtype == torch.float64
    assert (one - other).norm() <= 1e-6 * one.norm()


def test_the_gauss_newton_product_is_that_of_the_jacobian():
    """`J^T J u/n` with J by autograd's own loop: 1e-12."""
    theta, X, _ = setting()
    U = draws(3, 2, NET.P, seed=9)
    found = gauss_newton(lambda at: NET(at, X), theta)(U)
    for member in range(2):
        J = autograd_jacobian(lambda at: NET(at, X), theta[member]).flatten(0, 1)
        assert torch.allclose(found[:, member], U[:, member] @ J.T @ J / 30, atol=1e-12, rtol=0)


@pytest.mark.parametrize("net", [NET, RELU])
def test_at_a_behavioural_minimum_hessian_gauss_newton_and_gram_are_one(net):
    """The Hessian of `|f - f*|^2/(2n)` by autograd, J^T J/n by chunks and from products: 1e-10."""
    theta, X, _ = setting(net, members=1)
    star = net(theta, X)
    H = hessian(lambda at: (net(at, X) - star).square().sum((-2, -1)) / 60, theta)[0]
    assert torch.equal(H, H.mT)
    products = matrix(gauss_newton(lambda at: net(at, X), theta), theta, chunk=7)[0]
    assert torch.allclose(H, gram(net, theta[0], X, chunk=11), atol=1e-10, rtol=0)
    assert torch.allclose(H, products, atol=1e-10, rtol=0)


def test_the_gauss_newton_matrix_with_a_softmax_is_the_hessian_of_kl_at_its_minimum():
    """1e-10; the metric is `diag p - p p^T`, which has the shift of all logits in its null space."""
    theta, X, _ = setting(members=1)
    star = NET(theta[0], X)
    p = star.softmax(-1)

    def kl(at):
        return (p * (p.log() - NET(at, X).log_softmax(-1))).sum((-2, -1)) / 30

    found = matrix(gauss_newton(lambda at: NET(at, X), theta[0], softmax_metric(star)), theta[0])
    assert torch.allclose(found, autograd_hessian(kl, theta[0]), atol=1e-10, rtol=0)
    assert softmax_metric(star)(torch.ones_like(star)).abs().max() < 1e-15


def test_the_block_of_a_layer_is_that_of_the_matrix():
    """The second layer of each of two members, with its trace by unit vectors: 1e-12."""
    theta, _, loss = setting()
    part = slice(25, NET.P)
    H = hessian(loss, theta)[:, part, part]
    product = block(reverse_over_reverse(loss, theta), part, NET.P)
    assert torch.allclose(matrix(product, theta[:, part]), H, atol=1e-12, rtol=0)


def test_members_do_not_see_each_other():
    """The product of two members at once is that of each alone: 1e-14."""
    theta, _, loss = setting()
    U = draws(3, 2, NET.P, seed=9)
    together = reverse_over_reverse(loss, theta)(U)
    for member in range(2):
        alone = reverse_over_reverse(loss, theta[member : member + 1])(U[:, member : member + 1])
        assert torch.allclose(together[:, member], alone[:, 0], atol=1e-14, rtol=0)


def test_the_jacobian_has_a_row_for_each_sample_and_output():
    """Against autograd: 1e-13."""
    theta, X, _ = setting()
    expected = autograd_jacobian(lambda at: NET(at, X), theta[0]).flatten(0, 1)
    assert torch.allclose(jacobian(NET, theta[0], X), expected, atol=1e-13, rtol=0)


def test_too_large_a_matrix_is_refused():
    with pytest.raises(ConfigError, match="9000 parameters"):
        matrix(lambda U: U, torch.zeros(9000))
