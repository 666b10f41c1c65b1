"""Subjects and their training: formulas written out, torch's own optimisers, and the reference's milestones."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from engines.core.errors import ConfigError
from engines.loss_landscape.mlp import Mlp
from engines.loss_landscape.training import digits, linear, modular, starts, superposition
from engines.loss_landscape.training.layout import Layout
from engines.loss_landscape.training.loop import minibatch, train
from engines.loss_landscape.training.optimizers import adamw, begin, sgd
from engines.loss_landscape.training.subject import Samples, cross_entropy, half_squared_error, squared_error

GROKKING = {"wd": 1.0, "betas": (0.9, 0.98)}


def randn(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def same(one, other, tolerance):
    torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


def milestones(subject, steps, lr):
    """Of each member: the first step of train accuracy above .99, and of test accuracy above .95."""
    subject = subject.to(torch.float32)
    points = train(subject, steps, lr, **GROKKING)
    run = [(step, subject.accuracy(at, subject.train), subject.accuracy(at)) for step, at in points]
    found = []
    for member in range(len(subject.seeds)):
        memorised = [step for step, seen, _ in run if seen[member] > 0.99]
        grokked = [step for step, _, held_out in run if held_out[member] > 0.95]
        found.append((memorised[0] if memorised else None, grokked[0] if grokked else None))
    return found


# -- steps -----------------------------------------------------------------------------------------------------------

KNOBS = [(0.1, 0.0), (0.03, 0.5), (1e-3, 1.0)]


@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.9, 0.98)])
def test_adamw_is_that_of_torch_with_a_rate_and_a_decay_for_each_member(betas):
    """Ten steps, each member against its own optimiser, 1e-12; decay 0 is Adam."""
    state, slopes = begin(randn(3, 5)), randn(10, 3, 5, seed=1)
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


# -- subjects --------------------------------------------------------------------------------------------------------

SUBJECTS = {
    "digits": lambda seeds: digits.perceptron(seeds, (5,)),
    "embedding": lambda seeds: modular.embedding(seeds, p=5, e=3, h=4),
    "square": lambda seeds: modular.one_hot_perceptron(seeds, p=5, h=4),
    "relu": lambda seeds: modular.one_hot_perceptron(seeds, p=5, h=4, activation="relu"),
    "transformer": lambda seeds: modular.transformer(seeds, p=5, d=4, heads=2, h=6),
    "superposition": lambda seeds: superposition.superposition(seeds, n=30),
    "linear": lambda seeds: linear.deep_linear(seeds, (4, 3, 5), 2, n=30),
}


@pytest.mark.parametrize("name", SUBJECTS)
def test_members_do_not_depend_on_who_else_is_in_the_batch(name):
    """Start, samples, and five steps: 1e-12; other seeds begin elsewhere."""
    together, alone = SUBJECTS[name]([7, 3]), SUBJECTS[name]([3])
    same(together.start[1:], alone.start, 0)
    assert (together.start[0] != together.start[1]).any()
    *_, (_, many) = train(together, 5, 1e-2, batch=10)
    *_, (_, one) = train(alone, 5, 1e-2, batch=10)
    same(many[1:], one, 1e-12)
    assert together.start.shape == (2, together.model.P)


@pytest.mark.parametrize("name", SUBJECTS)
def test_gradients_are_differences_of_the_loss(name):
    """Along a random direction, central differences: 1e-6; leading axes of any number."""
    subject = SUBJECTS[name]([0, 1])
    theta, u = subject.start + 0.1 * randn(2, subject.model.P), randn(2, subject.model.P, seed=1)
    slope = (subject.gradient(theta) * u).sum(-1)
    near = (subject.loss(theta + 1e-6 * u) - subject.loss(theta - 1e-6 * u)) / 2e-6
    same(slope, near, 1e-6)
    stacked = torch.stack([theta, theta + u])
    same(subject.gradient(stacked)[1], subject.gradient(theta + u), 1e-12)


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
    streams = [starts.stream(0), starts.stream(1), *(starts.stream(seed, kind) for seed in (0, 1) for kind in (1, 2))]
    assert len({float(torch.rand(1, generator=one)) for one in streams}) == 6


def test_default_and_he_starts_have_their_spread():
    """Bounds 1/sqrt(fan_in) reached within 1 per cent; variance 2/fan_in within 5 per cent, no bias."""
    net = Mlp((100, 80, 50))
    for W, fan in zip(net.split(starts.default(net, starts.stream(0))), (100, 80), strict=True):
        assert 0.99 < float(W.abs().max()) * fan**0.5 <= 1
        assert float(W[:, -1].abs().max()) * fan**0.5 > 0.9
    for W, fan in zip(net.split(starts.he(net, starts.stream(0))), (100, 80), strict=True):
        assert float(W[:, :-1].var()) * fan == pytest.approx(2, rel=0.05)
        assert (W[:, -1] == 0).all()


# -- addition --------------------------------------------------------------------------------------------------------


def test_pairs_are_all_pairs_with_their_sums():
    every = modular.pairs(5)
    a, b = every.X[:, :5].argmax(-1), every.X[:, 5:].argmax(-1)
    assert every.X.sum(-1).unique().tolist() == [2]
    assert {(int(i), int(j)) for i, j in zip(a, b, strict=True)} == {(i, j) for i in range(5) for j in range(5)}
    assert torch.equal(every.y, (a + b) % 5)


def test_members_train_on_their_own_pairs_and_are_tested_on_the_rest():
    subject = modular.embedding([0, 1], p=7, share=0.6)
    assert subject.train.X.shape == (2, 29, 14)  # floor(.6 x 49)
    both = torch.cat([subject.train.X, subject.test.X], 1)
    for member in range(2):
        assert len(both[member].unique(dim=0)) == 49
    assert not torch.equal(*subject.train.y)
    for share in (0.0, 1.0):
        with pytest.raises(ConfigError, match=f"share={share}"):
            modular.embedding([0], share=share)
    with pytest.raises(ConfigError, match="3 heads"):
        modular.transformer([0], heads=3)


def test_the_embedding_network_is_its_formula_and_a_perceptron():
    """One pair at a time, 1e-12."""
    subject, every = SUBJECTS["embedding"]([0, 1]), modular.pairs(5)
    E, left, right, out = subject.model.layout.split(subject.start)
    found = subject.model(subject.start, every.X)
    for member in range(2):
        for place, (a, b) in enumerate((a, b) for a in range(5) for b in range(5)):
            z = left[member] @ E[member, a] + right[member] @ E[member, b]
            same(found[member, place], out[member] @ z.clamp_min(0), 1e-12)
    net, theta, X = subject.model.perceptron(subject.start, every.X)
    same(net(theta, X), found, 1e-12)


def test_the_transformer_is_one_of_torch_s_attention():
    """All three tokens attended by torch's own, the perceptron at every one, read at the last: 1e-12."""
    subject, every = SUBJECTS["transformer"]([0, 1]), modular.pairs(5)
    found = subject.model(subject.start, every.X)
    for member, theta in enumerate(subject.start):
        tokens, positions, Q, K, V, mix, into, out, unembed = subject.model.layout.split(theta)
        a, b = every.X[:, :5].argmax(-1), every.X[:, 5:].argmax(-1)
        x = tokens[torch.stack([a, b, torch.full_like(a, 5)], -1)] + positions
        q, k, v = ((x @ A.T).view(25, 3, 2, 2).transpose(1, 2) for A in (Q, K, V))
        attended = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + attended.transpose(1, 2).reshape(25, 3, 4) @ mix.T
        x = x + functional.linear(functional.relu(functional.linear(x, into)), out)
        same(found[member], (x @ unembed.T)[:, -1], 1e-12)


def test_the_embedding_network_groks():
    """L12, seed 0: memorised at 200, grokked at 1200 (500-2000 for other draws)."""
    ((memorised, grokked),) = milestones(modular.embedding([0]), 2000, 5e-3)
    assert memorised == 200
    assert 500 <= grokked <= 2000


def test_the_square_network_groks_sooner():
    """L14: grokked at 600 (300-1200)."""
    ((memorised, grokked),) = milestones(modular.one_hot_perceptron([0]), 1200, 1e-2)
    assert memorised <= 200
    assert 300 <= grokked <= 1200


@pytest.mark.slow
def test_the_one_hot_relu_network_groks_late():
    """L15: 5300 (half to double)."""
    subject = modular.one_hot_perceptron([0], activation="relu")
    ((_, grokked),) = milestones(subject, 10600, 1e-2)
    assert 2650 <= grokked <= 10600


@pytest.mark.slow
def test_the_transformer_groks():
    """L16: 2100 (half to double)."""
    ((_, grokked),) = milestones(modular.transformer([0]), 4200, 3e-3)
    assert 1050 <= grokked <= 4200


# -- others ----------------------------------------------------------------------------------------------------------


def test_digits_are_split_once_for_all():
    one, other = digits.perceptron([0]), digits.perceptron([5])
    assert one.train.X.shape == (1437, 64)
    assert one.test.X.shape == (360, 64)
    same(one.train.X, other.train.X, 0)
    assert float(one.train.X.max()) == 1
    assert len(torch.cat([one.train.y, one.test.y]).bincount()) == 10
    with pytest.raises(ConfigError, match="glorot"):
        digits.perceptron([0], start="glorot")


def test_a_perceptron_reads_digits():
    """L10: test accuracy 97.8 % within 1.5 at full batch; L11 98.1 % in batches of 128."""
    full, batched = (digits.perceptron([0], hidden, "he").to(torch.float32) for hidden in ((16, 16), (32, 32)))
    *_, (_, theta) = train(full, 1500, 1e-2, every=1500)
    assert float(full.accuracy(theta)) == pytest.approx(0.978, abs=0.015)
    *_, (_, theta) = train(batched, 3000, 3e-3, 0.1, every=3000, batch=128)
    assert float(batched.accuracy(theta)) == pytest.approx(0.981, abs=0.015)


def test_superposition_is_its_formula():
    """`relu(Wᵀ W x + b)` on one-hot samples in [0, 1]: 1e-12."""
    subject = SUBJECTS["superposition"]([0, 1])
    assert subject.model.P == 18
    theta = randn(2, 18)
    W, b = subject.model.layout.split(theta)
    X = subject.train.X
    assert ((X > 0).sum(-1) == 1).all()
    assert float(X.max()) <= 1
    for member in range(2):
        expected = torch.stack([(W[member].T @ (W[member] @ x) + b[member]).clamp_min(0) for x in X[member]])
        same(subject.model(theta, X)[member], expected, 1e-12)
    assert not torch.isclose(subject.train.X, subject.test.X).all(-1).any()
    with pytest.raises(ConfigError, match="float64"):
        subject.accuracy(theta)


def test_superposition_ends_as_a_pentagon_and_a_feature_given_up():
    """L17, seeds 0 to 2: loss .057-.064 within 10 per cent; five columns of W 72 degrees apart, one near none."""
    subject = superposition.superposition([0, 1, 2]).to(torch.float32)
    *_, (_, theta) = train(subject, 4000, 5e-3, every=4000)
    losses, W = subject.loss(theta), subject.model.layout.split(theta)[0]
    norms = torch.linalg.vector_norm(W, dim=-2).sort(-1).values
    assert (norms[:, 0] < 0.1).all()
    assert (norms[:, 1:] > 1).all()
    angles = torch.atan2(W[:, 1], W[:, 0]).masked_fill(torch.linalg.vector_norm(W, dim=-2) < 0.1, 9).sort(-1).values
    np.testing.assert_allclose(angles[:, :5].diff(dim=-1).rad2deg().numpy(), 72, atol=3)
    assert ((losses > 0.9 * 0.057) & (losses < 1.1 * 0.064)).all()


def test_a_deep_linear_network_learns_its_map():
    """Population loss from samples: half the squared distance to the target, 5 per cent; then trained to zero."""
    subject = linear.deep_linear([0, 1], (4, 3, 4), 2, n=20000)
    W = subject.model.split(subject.start)
    T = torch.diag(torch.tensor([1.0, 1, 0, 0], dtype=torch.float64))
    torch.testing.assert_close(
        subject.loss(subject.start), (W[1] @ W[0] - T).square().sum((-2, -1)) / 2, rtol=0.05, atol=0
    )
    small = linear.deep_linear([0, 1], (4, 3, 4), 2, n=100)
    *_, (_, theta) = train(small, 600, 1e-2, every=600)
    first, second = small.model.split(theta)
    assert float(small.loss(theta).max()) < 1e-3
    same(second @ first, T.expand(2, 4, 4), 0.1)
    with pytest.raises(ConfigError, match="rank=4"):
        linear.deep_linear([0], (5, 3, 5), 4)
