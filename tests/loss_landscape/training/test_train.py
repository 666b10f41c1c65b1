"""What training is made of: optimisers as torch's own, orders of samples, losses, layouts and starts."""

import pytest
import torch
from torch.nn import functional

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.models import initialisation
from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.models.model import Layout, Samples, cross_entropy, half_squared_error, squared_error
from engines.loss_landscape.training.train import AdamState, adamw, init_moments, minibatch, sgd
from tests.loss_landscape.close import randn, same

KNOBS = [(0.1, 0.0), (0.03, 0.5), (1e-3, 1.0)]


@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.9, 0.98)])
def test_adamw_is_that_of_torch_with_a_rate_and_a_decay_for_each_member(betas):
    """Ten steps, each member against its own optimiser, 1e-12; decay 0 is Adam."""
    state, slopes = init_moments(randn(3, 5)), randn(10, 3, 5, seed=1)
    lr, wd = torch.tensor(KNOBS, dtype=torch.float64).T
    for slope in slopes:
        state = adamw(state, slope, lr, wd, betas)
    for member, (rate, decay) in enumerate(KNOBS):
        kind = torch.optim.AdamW if decay else torch.optim.Adam
        alone = randn(3, 5)[member].requires_grad_()
        optimiser = kind([alone], lr=rate, weight_decay=decay, betas=betas)
        for slope in slopes:
            alone.grad = slope[member].clone()
            optimiser.step()
        same(state.theta[member], alone.detach(), 1e-12)


def test_members_may_have_taken_different_numbers_of_steps():
    """One after three steps beside one at its first: each as if alone."""
    slopes, rate, decay = randn(4, 1, 5, seed=1), torch.full((2,), 0.1).double(), torch.zeros(2).double()
    old, new = init_moments(randn(1, 5)), init_moments(randn(1, 5, seed=2))
    for slope in slopes[:3]:
        old = adamw(old, slope, rate[:1], decay[:1])
    both = AdamState(*(torch.cat(parts) for parts in zip(old, new, strict=True)))
    assert both.step.dtype == torch.long
    found = adamw(both, slopes[3].expand(2, -1), rate, decay)
    assert found.step.tolist() == [4, 1]
    for member, one in enumerate((old, new)):
        same(found.theta[member], adamw(one, slopes[3], rate[:1], decay[:1]).theta[0], 0)


def test_sgd_is_that_of_torch():
    theta, slope = randn(3, 5), randn(3, 5, seed=1)
    lr, wd = torch.tensor(KNOBS, dtype=torch.float64).T
    found = sgd(theta, slope, lr, wd)
    for member, (rate, decay) in enumerate(KNOBS):
        alone = theta[member].clone().requires_grad_()
        alone.grad = slope[member].clone()
        torch.optim.SGD([alone], lr=rate, weight_decay=decay).step()
        same(found[member], alone.detach(), 1e-14)


def test_an_epoch_shows_every_sample_once_and_each_member_its_own_order():
    seen = [torch.cat([minibatch(50, 10, 5 * epoch + step, [3, 4]) for step in range(5)], 1) for epoch in range(2)]
    for order in seen:
        assert order.sort(-1).values.tolist() == [list(range(50))] * 2
    assert len({tuple(order) for epoch in seen for order in epoch.tolist()}) == 4
    same(minibatch(50, 10, 7, [4]), minibatch(50, 10, 7, [3, 4])[1:], 0)
    with pytest.raises(ConfigError, match="batch of 51"):
        minibatch(50, 51, 0, [0])


def test_a_perceptron_takes_shared_samples_and_those_of_each_member():
    """Any leading axes, against one member after the other; inputs of every layer have the members' axes: 1e-12."""
    net = Mlp((3, 4, 2))
    theta, own = randn(5, 2, net.P), randn(2, 6, 3, seed=1)
    inputs, made = net.layers(theta, own)
    assert [tuple(one.shape) for one in inputs] == [(5, 2, 6, 4), (5, 2, 6, 5)]
    for grid in range(5):
        for member in range(2):
            W0, W1 = net.split(theta[grid, member])
            hidden = torch.cat([own[member], torch.ones(6, 1, dtype=torch.float64)], 1) @ W0.T
            out = torch.cat([hidden.clamp_min(0), torch.ones(6, 1, dtype=torch.float64)], 1) @ W1.T
            same(made[-1][grid, member], out, 1e-12)
            same(net(theta, own[member])[grid, member], out, 1e-12)
            same(net(theta[grid, member], own[member]), out, 1e-12)


def test_losses_are_their_formulas():
    """1e-12; labels and targets of each member, or shared."""
    f, y = randn(2, 6, 4), torch.tensor([[0, 1, 2, 3, 0, 1], [3, 3, 2, 2, 1, 1]])
    expected = torch.stack([functional.cross_entropy(one, labels) for one, labels in zip(f, y, strict=True)])
    same(cross_entropy(f, y), expected, 1e-12)
    same(cross_entropy(f, y[0])[1], functional.cross_entropy(f[1], y[0]), 1e-12)
    by_hand = torch.tensor([sum(float(((f[b, x] - f[0, x]) ** 2).sum()) for x in range(6)) / 6 for b in range(2)])
    same(squared_error(f, f[0]), by_hand.double(), 1e-6)
    same(half_squared_error(f, f[0]), squared_error(f, f[0]) / 2, 0)


def test_samples_are_taken_member_by_member():
    shared, own = Samples(randn(5, 2), torch.arange(5)), Samples(randn(2, 5, 3), torch.arange(10).view(2, 5))
    chosen = torch.tensor([[4, 0], [2, 2]])
    same(shared.take(chosen).X[1], shared.X[[2, 2]], 0)
    assert own.take(chosen).y.tolist() == [[4, 0], [7, 7]]


def test_a_layout_is_undone_by_its_split():
    layout = Layout(((2, 3), (4,), (1, 2, 2)))
    theta = randn(3, layout.P)
    assert [tuple(part.shape) for part in layout.split(theta)] == [(3, 2, 3), (3, 4), (3, 1, 2, 2)]
    same(layout.join(layout.split(theta)), theta, 0)


def test_every_purpose_has_a_stream_of_its_own():
    streams = [
        initialisation.stream(0),
        initialisation.stream(1),
        *(initialisation.stream(seed, kind) for seed in (0, 1) for kind in (1, 2)),
    ]
    assert len({float(torch.rand(1, generator=one)) for one in streams}) == 6


def test_default_and_he_starts_have_their_spread():
    """Bounds 1/sqrt(fan_in) reached within 1 per cent; variance 2/fan_in within 5 per cent, no bias."""
    net = Mlp((100, 80, 50))
    for W, fan in zip(net.split(initialisation.default(net, initialisation.stream(0))), (100, 80), strict=True):
        assert 0.99 < float(W.abs().max()) * fan**0.5 <= 1
        assert float(W[:, -1].abs().max()) * fan**0.5 > 0.9
    for W, fan in zip(net.split(initialisation.he(net, initialisation.stream(0))), (100, 80), strict=True):
        assert float(W[:, :-1].var()) * fan == pytest.approx(2, rel=0.05)
        assert (W[:, -1] == 0).all()
