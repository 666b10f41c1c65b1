"""Batched training by hand against torch.nn, torch.optim and autograd; metrics against those of whole features."""

import numpy as np
import pytest
import torch

from engines.core.numerics import collapse_metrics as metrics
from engines.neural_collapse.config import NeuralCollapse
from engines.neural_collapse.network import diagnostics, problem, training
from engines.neural_collapse.network.diagnostics import span_coordinates
from engines.neural_collapse.network.dynamics import NETWORK
from tests.core.numerics.explicit_moments import moments
from tests.neural_collapse.torch_network import TorchNetwork, knobs

CPU = torch.device("cpu")
SMALL = {"model": "network", "depth": 3, "width": 12, "epochs": 3}
KINDS = [
    {},
    {"loss": "ce", "bias": True, "weight_decay_last": 0.01},
    {"batch_norm": False, "learning_rate": 0.02, "weight_decay_features": 3e-3},
    {"loss": "ce", "batch_norm": False, "learning_rate": 0.02},
    {"depth": 1},
    {"depth": 2, "bias": True},
]


@pytest.fixture
def exact(monkeypatch):
    """Training in float64, so that only rounding separates two ways to write one step."""
    monkeypatch.setattr(problem, "REAL", torch.float64)


def train(configs, steps):
    made = NETWORK.problem(configs, CPU)
    state = NETWORK.init(configs, made)
    with torch.no_grad():
        for _ in range(steps):
            state = NETWORK.step(made, state, knobs(configs))
    return made, state


def assert_member(together, place, alone):
    for value, own in zip(together, alone, strict=True):
        torch.testing.assert_close(value[place : place + 1], own, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_step_is_that_of_autograd_and_torch_optim(exact, kind):
    """Through both drops of the step size; batch-norm with its running statistics."""
    configs = [NeuralCollapse(**{**SMALL, **kind}, seed=seed) for seed in (0, 1)]
    made = NETWORK.problem(configs, CPU)
    state, one = NETWORK.init(configs, made), 1
    peer = TorchNetwork(configs[one], made, state, one)
    for t in range(3 * made.per_epoch):
        peer.step(t)
        with torch.no_grad():
            state = NETWORK.step(made, state, knobs(configs))
        torch.testing.assert_close(state.last[one], peer.last.weight.data.T, rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(state.first[one], peer.linears[0].weight.data.T, rtol=1e-9, atol=1e-12)
    seen = diagnostics.evaluate(made, state, knobs(configs))
    whole = moments(peer.features().T, made.y, 10)
    torch.testing.assert_close(metrics.nc1(seen.last)[one], metrics.nc1(whole), rtol=1e-6, atol=0)


def test_losses_weight_decays_and_step_sizes_vary_within_a_batch(exact):
    varied = [
        {}, {"weight_decay_features": 0.0}, {"weight_decay_last": 0.1}, {"learning_rate": 0.01}, {"epochs": 1},
        {"bias": True}, {"loss": "ce"},
    ]  # fmt: skip
    configs = [NeuralCollapse(**{**SMALL, **one}) for one in varied]
    _, together = train(configs, 45)
    for place, config in enumerate(configs):
        assert_member(together, place, train([config], 45)[1])


@pytest.mark.parametrize("width", [6, 12, 64])
def test_features_in_a_few_coordinates_have_the_metrics_of_whole_ones(width):
    """Also where the width is below what means and classifier could span."""
    stream = np.random.default_rng(width)
    labels = torch.arange(5).repeat_interleave(8)
    H, W = torch.tensor(stream.standard_normal((2, 40, width))), torch.tensor(stream.standard_normal((2, width, 5)))
    share = torch.nn.functional.one_hot(labels, 5).double()
    seen = span_coordinates(H, share / share.sum(0), W)
    whole = moments(H.mT, labels, 5)
    for name, value in metrics.measure(whole, W.mT).items():
        torch.testing.assert_close(metrics.measure(seen.moments, seen.W)[name], value, rtol=1e-9, atol=1e-12, msg=name)
    b = torch.zeros(2, 5, dtype=torch.float64)
    there = metrics.scores(H.mT, labels, whole.M, W.mT, b)
    for name, value in metrics.scores(seen.H, labels, seen.moments.M, seen.W, b).items():
        torch.testing.assert_close(value, there[name], rtol=0, atol=0)


def test_features_in_a_few_coordinates_do_not_see_units_or_a_common_shift():
    """In float32: shifts of 1e3 round at 6e-5 of features of order one, units that are powers of two not at all."""
    stream = np.random.default_rng(3)
    labels = torch.arange(5).repeat_interleave(8)
    H = torch.tensor(stream.standard_normal((40, 20)) + 3 * np.eye(20)[labels], dtype=torch.float32)
    share = torch.nn.functional.one_hot(labels, 5).double()
    share = share / share.sum(0)
    W = torch.zeros(5, 21, dtype=torch.float64)
    names = ("nc1", "nc1_trace", "cdnv", "nc2_etf", "equinorm")
    one = metrics.measure(span_coordinates(H, share).moments, W[:, :6])
    for other, error in ((2.0**-100 * H, 1e-12), (2.0**90 * H, 1e-12), (H + 1e3, 1e-4)):
        seen = span_coordinates(other, share).moments
        for name in names:
            torch.testing.assert_close(metrics.measure(seen, W[:, :6])[name], one[name], rtol=error, atol=0, msg=name)


def test_the_squared_error_is_that_of_the_spread_and_that_of_the_means():
    configs = [NeuralCollapse(**SMALL, bias=bias) for bias in (False, True)]
    made, state = train(configs, 30)
    found = NETWORK.observe(made, state, knobs(configs))
    torch.testing.assert_close(found["loss"], found["loss_within"] + found["loss_between"], rtol=1e-9, atol=0)


def test_pixels_have_the_separation_of_the_specification():
    config = NeuralCollapse(**SMALL)
    made = NETWORK.problem([config], CPU)
    assert 10 * float(made.input_channels["layer_nc1"]) == pytest.approx(9.42, abs=5e-3)


# -- greedy training -----------------------------------------------------------------------------------------------

GREEDY = {**SMALL, "greedy": True, "epochs": 1}


@pytest.mark.parametrize("norm", [True, False])
def test_greedy_training_moves_one_layer_at_a_time(norm):
    config = NeuralCollapse(**{**GREEDY, "batch_norm": norm})
    made, state = train([config], 21)
    after = NETWORK.step(made, state, knobs([config]))
    assert not torch.equal(state.first, made.initial.first)
    torch.testing.assert_close(after.first, state.first, rtol=0, atol=0)
    assert not torch.equal(after.inner[:, 0], state.inner[:, 0])
    torch.testing.assert_close(after.inner[:, 1], made.initial.inner[:, 1], rtol=0, atol=0)
    torch.testing.assert_close(after.mean[:, 0], state.mean[:, 0], rtol=0, atol=0)


def test_layers_that_are_not_there_yet_have_no_metrics():
    config = NeuralCollapse(**GREEDY)
    made, state = train([config], 25)
    found = NETWORK.observe(made, state, knobs([config]))
    for name in ("layer_nc1", "layer_nc1_trace", "layer_accuracy"):
        assert found[name].isfinite().tolist() == [[True, True, True, False]], name
    assert found["nc1"].isfinite().all()


def test_a_layer_that_is_added_learns_on_frozen_features_with_a_new_classifier(exact):
    config = NeuralCollapse(**{**GREEDY, "batch_norm": False, "learning_rate": 0.02})
    made, state = train([config], 21)
    x, targets = training.minibatch(made, state)
    x = torch.relu(x[0] @ state.first[0] + state.shift[0, 0])
    W, last = state.inner[0, 0].clone().requires_grad_(), made.new_heads[0, 1].clone().requires_grad_()
    loss = (torch.relu(x @ W) @ last - targets[0]).square().sum(1).mean() / 2
    by_W, by_last = torch.autograd.grad(loss, (W, last))
    after, decay = NETWORK.step(made, state, knobs([config])), config.weight_decay_features
    for moved, before, grad in ((after.inner[0, 0], W, by_W), (after.last[0], last, by_last)):
        expected = (before - 0.02 * (grad + decay * before)).detach()
        torch.testing.assert_close(moved, expected, rtol=1e-10, atol=1e-13)


def test_members_at_different_layers_do_not_see_each_other(exact):
    configs = [NeuralCollapse(**{**GREEDY, "epochs": epochs}) for epochs in (1, 2, 1)]
    together = train(configs, 30)[1]
    for place, config in enumerate(configs):
        assert_member(together, place, train([config], 30)[1])
