"""Linear regions: few rows, the same Gram matrix."""

import pytest
import torch

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.degeneracy import jacobian
from engines.loss_landscape.degeneracy.jacobian import jacobian_by_regions, regions
from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.models.planted_networks import EXAMPLES, nearly_synchronised_pair, staircase


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
