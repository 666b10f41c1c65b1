"""The toy model against its definition, and the directions that leave it alone."""

import pytest
import torch

from engines.core.errors import ConfigError
from engines.loss_landscape.curvature.dense import hessian
from engines.loss_landscape.superposition import Superposition, sparse

X = sparse(6, 40, torch.Generator().manual_seed(0))
MODEL = Superposition(X)


def parameters(*shape):
    return torch.randn(*shape, MODEL.P, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_data_have_one_active_feature_each():
    assert ((X > 0).sum(-1) == 1).all()
    assert float(X.max()) < 1
    counts = (sparse(6, 6000, torch.Generator().manual_seed(2)) > 0).sum(0)
    assert ((counts - 1000).abs() < 150).all()


def test_the_loss_is_its_definition_sample_by_sample_in_any_batch():
    """1e-13, by loops."""
    theta = parameters(2, 3)
    values = MODEL(theta)
    for i in range(2):
        for j in range(3):
            W, bias = theta[i, j][:12].view(2, 6), theta[i, j][12:]
            losses = [(torch.relu(W.T @ (W @ x) + bias) - x).square().sum() for x in X]
            assert float(values[i, j]) == pytest.approx(float(sum(losses)) / 40, rel=1e-13)


def test_turning_the_hidden_space_changes_nothing():
    """A finite rotation to 1e-13."""
    theta = parameters()
    W, bias = MODEL.split(theta)
    c, s = torch.cos(torch.tensor(0.3).double()), torch.sin(torch.tensor(0.3).double())
    turned = torch.stack([torch.stack([c, -s]), torch.stack([s, c])]) @ W
    assert float(MODEL(torch.cat([turned.flatten(), bias]))) == pytest.approx(float(MODEL(theta)), rel=1e-13)


def test_a_dead_feature_is_flat():
    """W column 0, all biases negative: its three parameters have no curvature; the others do."""
    W, bias = (part.clone() for part in MODEL.split(parameters()))
    W[:, 5], bias = 0, -bias.abs()
    H = hessian(MODEL, torch.cat([W.flatten(), bias]))
    dead = [5, 11, 17]
    assert H[dead].abs().max() < 1e-14
    assert torch.linalg.eigvalsh(H).abs().max() > 0.1


def test_more_hidden_dimensions_than_features_are_refused():
    with pytest.raises(ConfigError, match="1 to the 6 features"):
        Superposition(X, 7)
