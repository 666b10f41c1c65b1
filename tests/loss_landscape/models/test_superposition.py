"""The toy model against its definition, and the directions that leave it alone."""

import pytest
import torch

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.hessian.dense import hessian
from engines.loss_landscape.models.superposition import Superposition, superposition_subject

SUBJECT = superposition_subject([0], n=40)
LAYOUT = SUBJECT.model.layout


def parameters(*shape):
    return torch.randn(*shape, SUBJECT.model.P, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_data_have_one_active_feature_each():
    X = superposition_subject([2], n=6000).train.X[0]
    assert ((X > 0).sum(-1) == 1).all()
    assert float(X.max()) < 1
    assert (((X > 0).sum(0) - 1000).abs() < 150).all()


def test_the_loss_is_its_definition_sample_by_sample_in_any_batch():
    """1e-13, by loops."""
    theta, X = parameters(2, 1), SUBJECT.train.X[0]
    values = SUBJECT.loss(theta)
    for i in range(2):
        W, bias = theta[i, 0][:12].view(2, 6), theta[i, 0][12:]
        losses = [(torch.relu(W.T @ (W @ x) + bias) - x).square().sum() for x in X]
        assert float(values[i, 0]) == pytest.approx(float(sum(losses)) / 40, rel=1e-13)


def test_turning_the_hidden_space_changes_nothing():
    """A finite rotation to 1e-13."""
    theta = parameters(1)
    W, bias = LAYOUT.split(theta)
    c, s = torch.cos(torch.tensor(0.3).double()), torch.sin(torch.tensor(0.3).double())
    turned = torch.stack([torch.stack([c, -s]), torch.stack([s, c])]) @ W
    assert float(SUBJECT.loss(LAYOUT.join([turned, bias]))) == pytest.approx(float(SUBJECT.loss(theta)), rel=1e-13)


def test_a_dead_feature_is_flat():
    """W column 0, all biases negative: its three parameters have no curvature; the others do."""
    W, bias = (part.clone() for part in LAYOUT.split(parameters(1)))
    W[..., 5], bias = 0, -bias.abs()
    H = hessian(SUBJECT.loss, LAYOUT.join([W, bias]))[0]
    dead = [5, 11, 17]
    assert H[dead].abs().max() < 1e-14
    assert torch.linalg.eigvalsh(H).abs().max() > 0.1


def test_more_dimensions_than_features_are_refused():
    with pytest.raises(ConfigError, match="1 to the 6 features"):
        Superposition(6, 7)
