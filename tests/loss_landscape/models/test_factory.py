"""Subjects: members on their own, gradients by differences, formulas written out, and the reference's milestones."""

import pytest
import torch

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.config import LossLandscape
from engines.loss_landscape.dynamics import sampling_target
from engines.loss_landscape.models import deep_linear, digits, factory, modular_addition, superposition
from tests.loss_landscape.close import randn, same
from tests.loss_landscape.trained import train

SUBJECTS = {
    "digits": lambda seeds: digits.digits_subject(seeds, (5,)),
    "embedding": lambda seeds: modular_addition.embedding_subject(seeds, p=5, e=3, h=4),
    "square": lambda seeds: modular_addition.one_hot_subject(seeds, p=5, h=4),
    "relu": lambda seeds: modular_addition.one_hot_subject(seeds, p=5, h=4, activation="relu"),
    "transformer": lambda seeds: modular_addition.transformer_subject(seeds, p=5, d=4, heads=2, h=6),
    "superposition": lambda seeds: superposition.superposition_subject(seeds, n=30),
    "linear": lambda seeds: deep_linear.deep_linear_subject(seeds, (4, 3, 5), 2, n=30),
}


@pytest.mark.parametrize("name", SUBJECTS)
def test_members_do_not_depend_on_who_else_is_in_the_batch(name):
    """Start, samples, and five steps: 1e-12; other seeds begin elsewhere."""
    together, alone = SUBJECTS[name]([7, 3]), SUBJECTS[name]([3])
    same(together.start[1:], alone.start, 0)
    assert (together.start[0] != together.start[1]).any()
    *_, (_, many) = train(together, 5, 1e-2, size=10)
    *_, (_, one) = train(alone, 5, 1e-2, size=10)
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


def test_digits_are_split_once_for_all():
    one, other = digits.digits_subject([0]), digits.digits_subject([5])
    assert one.train.X.shape == (1437, 64)
    assert one.test.X.shape == (360, 64)
    same(one.train.X, other.train.X, 0)
    assert float(one.train.X.max()) == 1
    assert len(torch.cat([one.train.y, one.test.y]).bincount()) == 10
    with pytest.raises(ConfigError, match="glorot"):
        digits.digits_subject([0], start="glorot")


def test_a_perceptron_reads_digits():
    """L10: test accuracy 97.8 % within 1.5 at full batch; L11 98.1 % in batches of 128."""
    full, batched = (digits.digits_subject([0], hidden, "he").to(torch.float32) for hidden in ((16, 16), (32, 32)))
    *_, (_, theta) = train(full, 1500, 1e-2, every=1500)
    assert float(full.accuracy(theta)) == pytest.approx(0.978, abs=0.015)
    *_, (_, theta) = train(batched, 3000, 3e-3, 0.1, every=3000, size=128)
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
    subject = superposition.superposition_subject([0, 1, 2]).to(torch.float32)
    *_, (_, theta) = train(subject, 4000, 5e-3, every=4000)
    losses, W = subject.loss(theta), subject.model.layout.split(theta)[0]
    norms = torch.linalg.vector_norm(W, dim=-2).sort(-1).values
    assert (norms[:, 0] < 0.1).all()
    assert (norms[:, 1:] > 1).all()
    angles = torch.atan2(W[:, 1], W[:, 0]).masked_fill(torch.linalg.vector_norm(W, dim=-2) < 0.1, 9).sort(-1).values
    assert ((angles[:, :5].diff(dim=-1).rad2deg() - 72).abs() < 3).all()
    assert ((losses > 0.9 * 0.057) & (losses < 1.1 * 0.064)).all()


def test_a_deep_linear_network_learns_its_map():
    """Population loss from samples: half the squared distance to the target, 5 per cent; then trained to zero."""
    subject = deep_linear.deep_linear_subject([0, 1], (4, 3, 4), 2, n=20000)
    W = subject.model.split(subject.start)
    T = torch.diag(torch.tensor([1.0, 1, 0, 0], dtype=torch.float64))
    torch.testing.assert_close(
        subject.loss(subject.start), (W[1] @ W[0] - T).square().sum((-2, -1)) / 2, rtol=0.05, atol=0
    )
    larger = deep_linear.deep_linear_subject([0, 1], (4, 3, 4), 2, n=20000, scale=2.0)
    torch.testing.assert_close(larger.train.y, 4 * subject.train.y)  # of two layers, each twice the identity
    small = deep_linear.deep_linear_subject([0, 1], (4, 3, 4), 2, n=100)
    *_, (_, theta) = train(small, 600, 1e-2, every=600)
    first, second = small.model.split(theta)
    assert float(small.loss(theta).max()) < 1e-3
    same(second @ first, T.expand(2, 4, 4), 0.1)
    with pytest.raises(ConfigError, match="rank=4"):
        deep_linear.deep_linear_subject([0], (5, 3, 5), 4)


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_a_linear_map_rests_at_its_corner_of_any_scale(scale):
    """`w* = scale I_r` in each of three layers, of loss 0, by samples as by the mean over inputs; Gibbs samples it."""
    config = LossLandscape(subject="linear", widths="4-3-3-4", rank=2, scale=scale, optimizer="gibbs", samples=50)
    subject = factory.build([config])
    for W in subject.model.split(subject.start[0]):
        assert torch.equal(W.diagonal(), torch.tensor([scale, scale, 0], dtype=torch.float64))
    found = sampling_target.target_of([config])
    assert float(found.loss(subject.start[:, None])) == 0
    assert float(subject.loss(subject.start)) == 0
    assert torch.equal(found.star, subject.start)
