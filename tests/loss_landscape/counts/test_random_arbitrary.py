"""300 random nets with any firing sets, one or two hidden layers."""

from engines.core.numerics.lapack import svdvals
from engines.loss_landscape.degeneracy.count import count
from engines.loss_landscape.degeneracy.jacobian import jacobian, jacobian_by_regions
from engines.loss_landscape.degeneracy.numerical_rank import count_above, rank
from tests.loss_landscape.counts.nets import arbitrary


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
