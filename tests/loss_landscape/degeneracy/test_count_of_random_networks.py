"""Counts of random planted networks: 200 with independent gates, 300 with any firing sets, one or two hidden layers."""

from engines.core.numerics.lapack import svdvals
from engines.loss_landscape.degeneracy import closed_form
from engines.loss_landscape.degeneracy.count import count
from engines.loss_landscape.degeneracy.jacobian import jacobian, layer_passes
from engines.loss_landscape.degeneracy.numerical_rank import count_above, rank
from tests.loss_landscape.degeneracy.linear_regions import jacobian_by_regions
from tests.loss_landscape.degeneracy.nets import arbitrary, independent


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


def test_the_explanation_is_a_lower_bound_and_regions_are_exact():
    """Seeds 1000-1299: no residual is negative, most shallow ones are 0; regions are the dense nullity."""
    residuals: dict[int, list[int]] = {1: [], 2: []}
    for seed in range(1000, 1300):
        net, theta, X = arbitrary(seed)
        one = count(net, theta, X)
        assert int(one.nullity) == net.P - int(count_above(svdvals(jacobian(net, theta, X)))), seed
        assert int(one.nullity) == net.P - int(rank(jacobian_by_regions(net, theta, X))), seed
        residuals[len(one.blocks)].append(int(one.residual))
    assert min(map(min, residuals.values())) == 0
    full = {depth: sum(left == 0 for left in found) / len(found) for depth, found in residuals.items()}
    print(full, {d: len(f) for d, f in residuals.items()})
    assert full[1] > 0.8
    assert 0.1 < full[2] < full[1]
