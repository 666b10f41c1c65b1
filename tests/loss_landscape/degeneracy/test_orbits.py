"""Finite moves leave the function as it is, or not."""

import pytest
import torch

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.degeneracy import orbits
from engines.loss_landscape.degeneracy.jacobian import jacobian, layer_passes
from engines.loss_landscape.degeneracy.synchronised_neurons import blocks, generators
from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.models.planted_networks import staircase
from tests.loss_landscape.degeneracy import oracles
from tests.loss_landscape.degeneracy.nets import EXAMPLES


def setting(name: str = "t3"):
    net, theta, X = EXAMPLES[name](1)
    found = [blocks(g) for g in layer_passes(net, theta, X).gates]
    N = torch.rand(found[0].same.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    N = (N - 2 * torch.diag(N.diagonal())) * found[0].same
    return net, theta, X, found, N


@pytest.mark.parametrize("name", ["t3", "t3-on", "mixed", "t3-deep"])
def test_orbits_of_a_block_are_flat_and_random_moves_as_long_are_not(name):
    """Below 1e-24 as far as exp(2 N) goes; a random move of the same length is above 1."""
    net, theta, X, found, N = setting(name)
    t = torch.tensor([0.1, 1.0, 2.0], dtype=torch.float64)
    moved = oracles.exchange_orbit(net, theta, 1, found[0], t[:, None, None] * N)
    loss = orbits.behavioural_loss(net, moved, theta, X)
    assert loss.max() < 1e-24
    other = orbits.random_direction_like(moved - theta, torch.Generator().manual_seed(0))
    torch.testing.assert_close(other.norm(dim=-1), (moved - theta).norm(dim=-1))
    assert orbits.behavioural_loss(net, theta + other, theta, X)[1:].min() > 1


def test_orbits_begin_along_the_generators():
    """d/dt of the orbit of exp(t E_ij), second order in t, against the tangent: 1e-8; every pair."""
    net, theta, _, found, _ = setting()
    i, j = found[0].live.nonzero().unbind(-1)
    N = torch.zeros(len(i), 6, 6, dtype=torch.float64)
    N[range(len(i)), i, j] = 1
    # Off the diagonal an orbit goes one way only: the second-order one-sided difference.
    points = [oracles.exchange_orbit(net, theta, 1, found[0], t * 1e-5 * N) for t in (0, 1, 2)]
    slope = (4 * points[1] - 3 * points[0] - points[2]) / 2e-5
    slope = slope / slope.norm(dim=-1, keepdim=True)
    torch.testing.assert_close(slope, generators(net, theta, found), rtol=0, atol=1e-8)


def test_bias_shifts_of_units_that_stay_on_are_flat():
    net, theta, X, found, _ = setting("t3-on")
    c = 0.5 * found[0].on.double()
    assert float(orbits.behavioural_loss(net, orbits.bias_shift(net, theta, 1, c), theta, X)) < 1e-24
    assert float(orbits.behavioural_loss(net, orbits.bias_shift(net, theta, 1, 0.5 - c), theta, X)) > 1e-4


def test_shifts_need_biases():
    with pytest.raises(ConfigError, match="bias"):
        orbits.bias_shift(Mlp((2, 3, 1), bias=False), torch.zeros(9, dtype=torch.float64), 1, torch.ones(3))


def test_orbits_that_would_flip_gates_or_mix_blocks_are_refused():
    net, theta, _, found, N = setting()
    with pytest.raises(ConfigError, match="negative"):
        oracles.exchange_orbit(net, theta, 1, found[0], -N)
    with pytest.raises(ConfigError, match="one block"):
        oracles.exchange_orbit(net, theta, 1, found[0], torch.ones_like(N))


def test_null_directions_raise_the_loss_from_fourth_order_on():
    """14 orthonormal ones; those steeper than rounding have log-log slope 4 +- .1, live directions 2 +- .1."""
    net, theta, X = staircase(3)
    J = jacobian(net, theta, X)
    space = orbits.null_space(J)
    free = space[space.norm(dim=-1) > 0.5]
    assert free.shape == (14, 69)
    torch.testing.assert_close(free @ free.mT, torch.eye(14, dtype=torch.float64), rtol=0, atol=1e-12)
    assert (J @ free.mT).abs().max() < 1e-10 * J.norm()

    def slope(u):
        near, far = (orbits.behavioural_loss(net, theta + t * u, theta, X) for t in (1e-3, 2e-3))
        return torch.where(far > 1e-18, (far / near).log2(), torch.nan)

    found = slope(free)
    assert (found[~found.isnan()] - 4).abs().max() < 0.1
    assert (~found.isnan()).sum() > 5
    live = torch.linalg.svd(J, full_matrices=False)[2][:5]
    assert (slope(live) - 2).abs().max() < 0.1
    few = orbits.null_space(J[:20])
    assert int((few.norm(dim=-1) > 0.5).sum()) == 69 - int(torch.linalg.matrix_rank(J[:20]))
    assert (J[:20] @ few.mT).abs().max() < 1e-10 * J.norm()


def test_the_behavioural_loss_is_half_the_mean_square():
    net, theta, X = staircase(2)
    other = theta + 0.1
    expected = ((net(other, X) - net(theta, X)) ** 2).sum(-1).mean() / 2
    assert float(orbits.behavioural_loss(net, other, theta, X)) == pytest.approx(float(expected), rel=1e-12)
    assert orbits.behavioural_loss(net, torch.stack([other, theta]), theta, X)[1] == 0
