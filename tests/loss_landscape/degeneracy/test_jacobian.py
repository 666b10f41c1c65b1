"""Jacobians, Grams and triangles against autograd and against each other; linear regions keep the Gram matrix."""

import pytest
import torch

from engines.core.numerics.lapack import svdvals
from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.degeneracy import jacobian
from engines.loss_landscape.degeneracy.jacobian import layer_passes
from engines.loss_landscape.degeneracy.numerical_rank import gram_rank, rank
from engines.loss_landscape.degeneracy.orbits import behavioural_loss
from engines.loss_landscape.hessian import dense
from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.models.planted_networks import (
    generic_network,
    nearly_synchronised_pair,
    staircase,
)
from tests.loss_landscape.degeneracy import oracles
from tests.loss_landscape.degeneracy.linear_regions import hessian_eigenvalues, jacobian_by_regions, regions
from tests.loss_landscape.degeneracy.nets import EXAMPLES

NETS = {"one": (5, 6, 3), "two": (5, 6, 6, 3), "none": (4, 3)}


def batch(net: Mlp, members: int = 3, n: int = 20):
    stream = torch.Generator().manual_seed(0)
    theta = torch.randn(members, net.P, dtype=torch.float64, generator=stream)
    return theta, torch.randn(members, n, net.sizes[0], dtype=torch.float64, generator=stream)


@pytest.mark.parametrize("activation", ["relu", "linear"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("sizes", NETS.values(), ids=NETS)
def test_the_jacobian_is_that_of_autograd(sizes, bias, activation):
    """1e-12 of entries of order 10; each member of a batch with data of its own."""
    net = Mlp(sizes, activation, bias)
    theta, X = batch(net)
    J = jacobian.jacobian(net, theta, X)
    for member in range(3):
        expected = torch.func.jacrev(net)(theta[member], X[member]).flatten(0, 1)
        torch.testing.assert_close(J[member], expected, rtol=0, atol=1e-12)
        torch.testing.assert_close(dense.jacobian(net, theta[member], X[member]), expected, rtol=0, atol=1e-12)


def test_the_hessian_of_the_behavioural_loss_is_the_gram_matrix():
    """At w*: autograd's Hessian equals JᵀJ/n to 1e-10, and is not zero."""
    net, theta, X = generic_network((5, 6, 6, 3), n=100)
    H = torch.func.jacrev(torch.func.jacrev(lambda at: behavioural_loss(net, at, theta, X)))(theta)
    torch.testing.assert_close(jacobian.gram(net, theta, X), H, rtol=0, atol=1e-10)
    assert H.norm() > 1


def test_every_factor_has_the_same_spectrum_whatever_the_chunk():
    """J, its triangle and its kernel: squared singular values to 1e-12 of the largest, all chunks, all members."""
    net = Mlp((5, 6, 3))
    theta, X = batch(net, n=30)
    J = jacobian.jacobian(net, theta, X)
    h = hessian_eigenvalues(J, 30)
    scale = h.amax()
    for chunk in (1, 7, 30, 100):
        R = oracles.qr_triangle(net, theta, X, chunk)
        assert R.shape == (3, 57, 57)
        torch.testing.assert_close(hessian_eigenvalues(R, 30), h, rtol=0, atol=float(1e-12 * scale))
        torch.testing.assert_close(
            jacobian.gram(net, theta, X, chunk), J.mT @ J / 30, rtol=0, atol=float(1e-12 * scale)
        )
    values = torch.linalg.eigvalsh(oracles.kernel(net, theta, X)).flip(-1)[..., :57]
    torch.testing.assert_close(values, h, rtol=0, atol=float(1e-12 * scale))


def test_few_data_leave_the_rank_to_the_kernel():
    """n k = 24 < P = 57: rank(J) = rank(J Jᵀ), and the triangle has n k rows."""
    net, theta, X = generic_network((5, 6, 3), n=8)
    R = oracles.qr_triangle(net, theta, X, 3)
    assert R.shape == (24, 57)
    values = svdvals(oracles.kernel(net, theta, X))
    assert int(rank(R)) == int((values > 1e-12 * values[0]).sum()) <= 24
    h = hessian_eigenvalues(R, 8)
    assert h.shape == (57,)
    assert (h[24:] == 0).all()


def test_float32_is_refused_and_smooth_activations_have_no_gates():
    net, theta, X = generic_network((5, 6, 3))
    with pytest.raises(ConfigError, match="float32"):
        layer_passes(net, theta.float(), X.float())
    smooth = layer_passes(Mlp((5, 6, 3), "tanh"), theta, X)
    assert smooth.gates == [] and len(smooth.A) == len(smooth.G) == 2


def test_a_float32_gram_matrix_has_no_good_tolerance():
    """Why it is refused: of 14 zero modes of the 3/2/1 net, rounding fills some at 1e-12; at 1e-6 live ones join."""
    net, theta, X = staircase(3)
    J = jacobian.jacobian(net, theta, X)
    assert net.P - int(rank(J)) == 14
    for tau in (1e-14, 1e-12, 1e-10, 1e-8):
        assert net.P - int(gram_rank(J.mT @ J, tau)) == 14
    single = J.float()
    assert net.P - int(gram_rank(single.mT @ single)) < 14
    assert net.P - int(gram_rank(single.mT @ single, tau=1e-6)) > 14


@pytest.mark.parametrize("name", EXAMPLES)
def test_regions_leave_the_gram_matrix_as_it_is(name):
    """Of all examples, deep ones too: JᵀJ to 1e-11 of its norm."""
    net, theta, X = EXAMPLES[name](1)
    J, few = jacobian.jacobian(net, theta, X), jacobian_by_regions(net, theta, X)
    assert (few.mT @ few - J.mT @ J).norm() < 1e-11 * (J.mT @ J).norm()


def test_regions_without_biases_or_hidden_layers():
    stream, net = torch.Generator().manual_seed(0), Mlp((3, 2))
    theta, X = (torch.randn(shape, dtype=torch.float64, generator=stream) for shape in ((8,), (9, 3)))
    for one in (nearly_synchronised_pair(0.3, n=200), (net, theta, X)):
        J, few = jacobian.jacobian(*one), jacobian_by_regions(*one)
        assert (few.mT @ few - J.mT @ J).norm() < 1e-11 * (J.mT @ J).norm()


def test_the_planted_net_needs_96_rows_in_place_of_3600():
    net, theta, X = staircase(3)
    assert (len(jacobian.jacobian(net, theta, X)), len(jacobian_by_regions(net, theta, X))) == (3600, 96)


def test_regions_are_the_distinct_patterns():
    """More than 64 gates, so that no machine word holds a pattern."""
    stream = torch.Generator().manual_seed(0)
    distinct = torch.rand(7, 90, generator=stream) < 0.5
    distinct[1] = distinct[0]
    distinct[1, 89] = ~distinct[0, 89]
    of = torch.arange(50) % 7
    found = regions([distinct[of][:, :40], distinct[of][:, 40:]])
    assert len(found.member) == 7
    same = found.of[:, None] == found.of[None, :]
    assert torch.equal(same, of[:, None] == of[None, :])
    assert torch.equal(found.of[found.member], torch.arange(7))


def test_regions_of_a_batch_are_refused():
    net, theta, X = staircase(2)
    with pytest.raises(ConfigError, match="one net"):
        jacobian_by_regions(net, theta[None], X)
