"""Neurons that are almost synchronised."""

import numpy as np
import pytest
import torch

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.degeneracy import jacobian, synchronised_neurons
from engines.loss_landscape.degeneracy.jacobian import layer_passes
from engines.loss_landscape.degeneracy.synchronised_neurons import agreement, blocks, tangents
from engines.loss_landscape.models.planted_networks import nearly_synchronised_pair
from tests.loss_landscape.degeneracy.linear_regions import hessian_eigenvalues
from tests.loss_landscape.degeneracy.nets import EXAMPLES


def measured(angle: float, seed: int = 0):
    """Share of data on which neurons 0 and 1 disagree, curvature along E_01, largest eigenvalue."""
    net, theta, X = nearly_synchronised_pair(angle, seed=seed)
    passes = layer_passes(net, theta, X)
    paired = torch.zeros(5, 5, dtype=torch.bool)
    paired[0, 1] = True
    u = tangents(net, theta, 1, paired, torch.zeros(5, dtype=torch.bool))
    J = jacobian.jacobian(net, theta, X)
    return (
        1 - float(agreement(passes.gates[0])[0, 1]),
        float(synchronised_neurons.curvature_along(J, u, len(X))[0]),
        float(hessian_eigenvalues(J, len(X))[0]),
    )


def test_curvature_is_cubic_in_the_angle_between_two_neurons():
    """Seed 0: q at h_max = 10 within a factor 3 of the table, at angle 0 below 1e-28; slope 3 +- .2, four seeds."""
    exact = measured(0.0)
    assert exact[0] == 0
    assert exact[1] < 1e-28
    for angle, share, expected in ((0.003, 0.0018, 7e-9), (0.03, 0.011, 1e-5), (0.3, 0.094, 7e-3)):
        apart, q, top = measured(angle)
        assert share / 3 < apart < 3 * share
        assert expected / 3 < q * 10 / top < 3 * expected
    for seed in range(4):
        q = [measured(angle, seed)[1] for angle in (0.003, 0.03, 0.3)]
        assert np.log10(q[2] / q[0]) / 2 == pytest.approx(3, abs=0.2)


def test_a_direction_is_as_free_as_its_curvature_lets_it():
    """Along eigenvectors q is the eigenvalue (1e-10 of the largest), the weight 1 minus its term of the soft rank."""
    net, theta, X = nearly_synchronised_pair(0.3, n=300)
    J = jacobian.jacobian(net, theta, X)
    _, values, V = torch.linalg.svd(J, full_matrices=False)
    h = values.square() / 300
    q = synchronised_neurons.curvature_along(J, 3 * V, 300)
    torch.testing.assert_close(q, h, rtol=0, atol=float(1e-10 * h[0]))
    assert synchronised_neurons.curvature_along(J[None], V[None], 300).shape == (1, net.P)
    torch.testing.assert_close(synchronised_neurons.freedom(h, 50.0, 2.0), 1 - 50 * h / (50 * h + 2))


def test_no_disagreement_gives_the_exact_blocks():
    """delta = 0 on the planted nets: complete linkage against identical columns."""
    for name in ("t3", "t3-on", "nested", "mixed"):
        passes = layer_passes(*EXAMPLES[name](1))
        (g,) = passes.gates
        assert torch.equal(
            synchronised_neurons.same_cluster(synchronised_neurons.near_clusters(g, 0)), blocks(g).same
        ), name


def test_groups_hold_no_pair_that_disagrees_more_than_delta():
    """Complete linkage, not single: a chain of three at steps of 1 % breaks at delta = 1 %, holds at 2 %."""
    n = 1000
    g = torch.arange(n)[:, None] < torch.tensor([500, 510, 520, 900])
    assert torch.equal(agreement(g)[0], torch.tensor([1, 0.99, 0.98, 0.6], dtype=torch.float64))
    for delta, groups in ((0.0, 4), (0.009, 4), (0.01, 3), (0.02, 2), (0.39, 2), (0.4, 1)):
        labels = synchronised_neurons.near_clusters(g, delta)
        assert len(np.unique(labels)) == groups, delta
        assert float((1 - agreement(g))[synchronised_neurons.same_cluster(labels)].max()) <= delta + 1e-12
    assert synchronised_neurons.near_clusters(g[:, :1], 0.1).tolist() == [0]
    for delta in (-0.1, 1.0):
        with pytest.raises(ConfigError, match="delta"):
            synchronised_neurons.near_clusters(g, delta)


def test_blocks_are_identical_columns():
    """Against a comparison bit by bit; random gates with planted copies, dead and always-on columns, a batch."""
    g = torch.rand(2, 40, 9, generator=torch.Generator().manual_seed(0)) < 0.5
    g[0, :, 3], g[0, :, 7] = g[0, :, 1], g[0, :, 1]
    g[1, :, 2], g[1, :, 4], g[1, :, 5] = False, True, False
    found = blocks(g)
    assert torch.equal(found.same, (g[..., :, None] == g[..., None, :]).all(1))
    assert found.sizes.tolist() == [[1, 3, 1, 0, 1, 1, 1, 0, 1], [1, 1, 2, 1, 1, 0, 1, 1, 1]]
    assert found.number.tolist() == [7, 8]
    assert found.dead[1].tolist() == [False, False, True, False, False, True, False, False, False]
    assert found.on[1].nonzero().tolist() == [[4]]
    assert not found.live[1, 2].any()


def test_one_datum_in_many_parts_neurons():
    """Columns of 1e5 gates that differ in one are two blocks, and one group at delta = 1e-5."""
    g = (torch.rand(100_000, 1, generator=torch.Generator().manual_seed(0)) < 0.5).repeat(1, 3)
    g[17, 2] = ~g[17, 2]
    assert blocks(g).sizes.tolist() == [2, 0, 1]
    assert len(np.unique(synchronised_neurons.near_clusters(g, 1e-5))) == 1
