"""200 random planted nets with one hidden layer and independent gates."""

from engines.core.numerics.lapack import svdvals
from engines.loss_landscape.degeneracy import closed_form
from engines.loss_landscape.degeneracy.count import count
from engines.loss_landscape.degeneracy.jacobian import jacobian, jacobian_by_regions, layer_passes
from engines.loss_landscape.degeneracy.numerical_rank import count_above, rank
from tests.loss_landscape.counts.nets import independent


def test_closed_form_generators_and_regions_are_the_dense_nullity():
    """Seeds 5000-5199: closed form and generators in at least 198, regions in all; the naive sum in fewer than half."""
    closed = explained = naive = 0
    for seed in range(5000, 5200):
        net, theta, X = independent(seed)
        one = count(net, theta, X)
        nullity = net.P - int(count_above(svdvals(jacobian(net, theta, X))))
        (block,) = one.blocks
        assert int(one.nullity) == nullity == net.P - int(rank(jacobian_by_regions(net, theta, X))), seed
        assert int(one.residual) >= 0, seed
        closed += int(closed_form.one_hidden_layer(net, theta, layer_passes(net, theta, X), block)) == nullity
        explained += int(one.explained) == nullity
        naive += int((one.N1 + one.N2).sum() + (block.sizes**2 * ~block.dead).sum() + block.on.sum()) == nullity
    assert closed >= 198
    assert explained >= 198
    assert naive < 100
