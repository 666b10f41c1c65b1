"""Planted nets fire as planned, and what was planted is there."""

import pytest
import torch

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.models import planted_networks as plants
from engines.loss_landscape.models.planted_networks import MIXED, GatePlan, draw_planted, generic_network
from tests.loss_landscape.degeneracy.nets import EXAMPLES


def test_what_was_planted_is_there():
    """The plan of all three types: gates bit by bit, copies, silent neurons, dependent inputs; data near one-hot."""
    net, theta, X = draw_planted(MIXED, 5)
    W_in, W_out = net.split(theta)
    z = X @ W_in[:, :-1].mT + W_in[:, -1]
    assert net.sizes == (7, 9, 4)
    assert torch.equal(z > 0, MIXED.gates)
    assert torch.equal(
        MIXED.gates[:4].T.int(), torch.tensor([[1, 0, 0, 0]] * 3 + [[0, 1, 0, 0]] * 3 + [[1] * 4] * 2 + [[0] * 4]).int()
    )
    torch.testing.assert_close(W_in[1], 1.3 * W_in[0])
    assert (W_out[:, 4] == 0).all()
    torch.testing.assert_close(X[:, 6], X[:, 4] - 0.5 * X[:, 5])
    assert torch.equal(X[:, :4].argmax(-1), torch.arange(1200) % 4)
    assert X[:, :4].std(0).max() < 0.5
    assert float((X[:, :4] - torch.eye(4)[torch.arange(1200) % 4]).std()) == pytest.approx(0.02, rel=0.05)
    assert float(X[:, 4:6].std()) == pytest.approx(1, rel=0.05)


def test_draws_are_those_of_the_seed():
    first, again, other = draw_planted(MIXED, 1), draw_planted(MIXED, 1), draw_planted(MIXED, 2)
    assert torch.equal(first.theta, again.theta)
    assert torch.equal(first.X, again.X)
    assert not torch.equal(first.theta, other.theta)


def test_draws_that_do_not_fire_as_planned_are_drawn_again():
    """Some first draws of the mixed plan fail, which the check sees; no plan with 60 free coordinates is realised."""
    first = [
        plants.fires_as_planned(MIXED, plants.draw_once(MIXED, torch.Generator().manual_seed(seed)))
        for seed in range(30)
    ]
    assert 0 < sum(first) < 30
    assert all(plants.fires_as_planned(MIXED, draw_planted(MIXED, seed)) for seed in range(30))
    with pytest.raises(ConfigError, match="200 draws"):
        draw_planted(GatePlan(((0,),) * 9, clusters=2, free=60, n=200, outputs=1), 0)


def test_deeper_layers_are_wide_as_asked():
    assert EXAMPLES["t3-deep"](0).net.sizes == (7, 6, 5, 4)


def test_generic_nets_have_the_scales_they_say():
    """Standard deviations of a wide one within 10 %."""
    net, theta, X = generic_network((50, 80, 60), n=400)
    for W, fan_in in zip(net.split(theta), (50, 80), strict=True):
        assert float(W[:, :-1].std()) == pytest.approx(1.5 / fan_in**0.5, rel=0.1)
        assert float(W[:, -1].std()) == pytest.approx(0.5, rel=0.25)
    assert float(X.std()) == pytest.approx(1, rel=0.1)
    assert int(torch.linalg.matrix_rank(generic_network((50, 80, 60), rank=7).X)) == 7


def test_parallel_neurons_have_parallel_out_weights():
    """Also on top of a deeper layer's weights: column 2 is .7 times column 0, others are not touched."""
    plan = GatePlan(((0,),) * 4, clusters=2, free=2, n=100, outputs=3, deeper=(5,))
    edited = GatePlan(((0,),) * 4, clusters=2, free=2, n=100, outputs=3, deeper=(5,), parallel=((2, 0, 0.7),))
    before, after = (one.net.split(one.theta)[1] for one in (draw_planted(plan, 0), draw_planted(edited, 0)))
    torch.testing.assert_close(after[:, 2], 0.7 * before[:, 0])
    assert torch.equal(after[:, [0, 1, 3, 4]], before[:, [0, 1, 3, 4]])
