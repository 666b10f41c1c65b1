"""Counts of nets whose degeneracy is planted, against the reference table; each by a dense Jacobian as well."""

import pytest
import torch

from engines.core.numerics.lapack import svdvals
from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.degeneracy import closed_form, numerical_rank
from engines.loss_landscape.degeneracy.count import DirectionCount, count, count_stages, explain
from engines.loss_landscape.degeneracy.jacobian import layer_passes
from engines.loss_landscape.degeneracy.row_space import ChunkedJacobian, by_gram, by_qr, run_to_end
from engines.loss_landscape.degeneracy.synchronised_neurons import generators
from engines.loss_landscape.hessian.dense import jacobian as autograd_jacobian
from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.models.planted_networks import always_on, generic_network, nested_gates, staircase
from tests.loss_landscape.degeneracy.linear_regions import jacobian_by_regions
from tests.loss_landscape.degeneracy.nets import EXAMPLES

# name: P, nullity, type 1 or 2, across layers
SHALLOW = {"generic-1": (57, 6, 0, 6), "t1-inputs": (57, 18, 12, 6), "t1-duplicate": (57, 9, 3, 6),
           "dead": (57, 14, 9, 5), "t2-silent": (57, 11, 6, 5), "t2-parallel": (57, 13, 6, 7)}  # fmt: skip
# outputs: the same, and the residual
STAIRCASE = {1: (55, 30, 24, 6, 0), 2: (62, 19, 8, 11, 0), 3: (69, 14, 0, 14, 0), 4: (76, 14, 0, 14, 0),
             5: (83, 14, 0, 14, 0)}  # fmt: skip
ALWAYS_ON = {1: (57, 36, 28, 8, 0), 3: (73, 22, 0, 22, 0), 4: (81, 22, 0, 22, 0)}
NESTED = {1: (49, 28, 21, 6, 1), 2: (56, 20, 7, 11, 2), 3: (63, 16, 0, 14, 2), 4: (70, 15, 0, 14, 1)}
PLANTED = [(build, k, row) for build, table in ((staircase, STAIRCASE), (always_on, ALWAYS_ON), (nested_gates, NESTED))
           for k, row in table.items()]  # fmt: skip


def found(one: DirectionCount) -> tuple[int, ...]:
    return one.P, int(one.nullity), int(one.N12.sum()), int(one.cross), int(one.residual)


def dense(net, theta, X) -> int:
    """Nullity by autograd and a plain SVD."""
    values = torch.linalg.svdvals(autograd_jacobian(net, theta, X))
    return net.P - int((values > 1e-9 * values[0]).sum())


@pytest.mark.parametrize("name", SHALLOW)
def test_degeneracies_of_a_small_net_are_counted_and_explained(name):
    """Seed 0, exact; gaps from 1e12."""
    one = count(*EXAMPLES[name](0))
    assert found(one) == (*SHALLOW[name], 0)
    assert one.excess.sum() == 0
    assert one.gap > 1e11
    assert one.warnings == ()
    assert int(one.nullity) == dense(*EXAMPLES[name](0))


@pytest.mark.parametrize(("build", "outputs", "row"), PLANTED)
def test_planted_blocks_are_counted_and_what_is_not_explained_is_left_over(build, outputs, row):
    """The rows with realised gates: exact, gaps from 1e11; nested gates leave the residuals of the table."""
    net = build(outputs)
    one = count(*net)
    assert found(one) == row
    assert one.gap > 1e10
    assert int(one.nullity) == dense(*net) == one.P - int(numerical_rank.rank(jacobian_by_regions(*net)))


@pytest.mark.parametrize("seed", range(12))
def test_every_live_neuron_of_a_deep_net_owns_a_zero_mode(seed):
    """5-6-6-3: explained in full, and 12 where no neuron is dead or always on and no layer has any of its own."""
    net = EXAMPLES["generic-2"](seed)
    one = count(*net)
    assert int(one.residual) == 0
    assert int(one.nullity) == dense(*net)
    plain = not any(block.dead.any() or block.on.any() for block in one.blocks)
    if plain and not one.excess.any():
        assert found(one) == (99, 12, 0, 12, 0)
    else:
        assert int(one.nullity) > 12


def test_a_deep_net_of_the_table_has_twelve():
    assert found(count(*EXAMPLES["generic-2"](3))) == (99, 12, 0, 12, 0)


@pytest.mark.parametrize(("width", "P"), [(5, 107), (8, 140)])
@pytest.mark.parametrize("seed", range(3))
def test_a_layer_above_synchronised_ones_is_bounded_and_its_residual_reported(width, P, seed):
    """Mechanism (b): counts depend on the deeper gates; regions are exact, the bound holds, all 14 modes are found."""
    net = staircase(4, (width,), seed)
    one = count(*net)
    assert one.P == P
    assert int(one.residual) >= 0
    assert int(one.nullity) == dense(*net) == one.P - int(numerical_rank.rank(jacobian_by_regions(*net)))
    assert int(one.explained) >= 14


def test_all_three_types_at_once():
    """Their sum over types is too large; dense, closed form, regions and the explanation agree, residual 0."""
    net = EXAMPLES["mixed"](0)
    one = count(*net)
    (block,) = one.blocks
    closed = closed_form.one_hidden_layer(net.net, net.theta, layer_passes(*net), block)
    assert int(one.nullity) == int(closed) == int(one.explained) == dense(*net) == 49
    assert int(one.nullity) == one.P - int(numerical_rank.rank(jacobian_by_regions(*net)))
    naive = int((one.N1 + one.N2).sum() + (block.sizes**2 * ~block.dead).sum() + block.on.sum())
    assert naive > 49


@pytest.mark.parametrize("name", EXAMPLES)
def test_generators_are_free(name):
    """`J u = 0` of every unit generator, to 1e-12 of the largest singular value, and there are as many as planned."""
    net, theta, X = EXAMPLES[name](1)
    one = count(net, theta, X)
    directions = generators(net, theta, one.blocks)
    J = autograd_jacobian(net, theta, X)
    assert len(directions) == sum(int(block.live.sum() + block.on.sum()) for block in one.blocks)
    assert (J @ directions.mT).abs().max() < 1e-12 * svdvals(J)[0]


def test_directions_that_single_layers_own_do_not_count_across_them():
    """Directions within the null spaces of J^0 and J^1 vanish up to rounding; one more that is free is one.

    One that is not free is none.
    """
    stream = torch.Generator().manual_seed(0)
    low = [torch.randn(m, 4, dtype=torch.float64, generator=stream) for m in (36, 21)]
    left = torch.randn(80, 4, dtype=torch.float64, generator=stream)
    J = torch.cat([left @ part.mT for part in low], -1)
    own = torch.cat([torch.linalg.svd(part.mT, full_matrices=True)[2][4:14] for part in low], -1) / 2**0.5
    seen = run_to_end(by_qr(ChunkedJacobian(lambda rows: rows, J, 1, [36, 21])))
    assert explain(seen, own).blocks.tolist() == [32, 17]
    assert int(explain(seen, own).cross) == 0
    free = torch.cat([torch.linalg.pinv(low[0].mT)[:, :1], -torch.linalg.pinv(low[1].mT)[:, :1]]).mT
    across = torch.cat([own, free / free.norm(), J[:1] / J[:1].norm()])
    assert int(explain(seen, across).cross) == 1
    assert int(explain(seen, across).total) == 50


def test_a_batch_counts_as_its_members_do():
    """Members with other weights, data and blocks: every integer is that of the member alone."""
    nets = [EXAMPLES[name](seed) for name in SHALLOW for seed in (0, 1)]
    net = nets[0].net
    together = count(net, torch.stack([one.theta for one in nets]), torch.stack([one.X for one in nets]), chunk=200)
    for member, alone in enumerate(count(*one) for one in nets):
        for name in ("r_a", "r_g", "N1", "N2", "N12", "excess", "cross", "nullity", "explained", "residual", "sweep"):
            assert torch.equal(getattr(together, name)[member], getattr(alone, name)), (member, name)
        assert torch.equal(together.blocks[0].sizes[member], alone.blocks[0].sizes)


def test_layers_without_hidden_units_have_no_generators():
    """A linear map of inputs of rank 3 of 5: 5-2 has 2 (6 - 4) directions of type 1, all of them."""
    stream = torch.Generator().manual_seed(0)
    X = torch.randn(50, 3, dtype=torch.float64, generator=stream) @ torch.randn(3, 5, dtype=torch.float64)
    net = Mlp((5, 2))
    assert found(count(net, torch.randn(12, dtype=torch.float64, generator=stream), X)) == (12, 4, 4, 0, 0)


def test_a_network_of_zeros_is_free_altogether():
    """Also in both ways to look at J, and where its gates depend on one another."""
    net, X = Mlp((3, 4, 2)), torch.randn(30, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for ways in (by_qr, by_gram):
        one = run_to_end(count_stages(net, torch.zeros(net.P, dtype=torch.float64), X, ways, dependent=True))
        assert (int(one.nullity), int(one.explained)) == (24, 24)
    without = Mlp((3, 4, 2), bias=False)
    assert found(count(without, torch.zeros(without.P, dtype=torch.float64), X))[1:] == (20, 20, 0, 0)


def test_warnings_are_said():
    """n k < P; a gap below 1e6; none for a clear count; a float32 net is refused."""
    few = count(*generic_network((5, 6, 3), n=8))
    assert few.data_limited
    assert int(few.nullity) >= 57 - 24
    assert any("n k = 24" in said for said in few.warnings)
    net, theta, X = generic_network((5, 6, 3), rank=3)
    noise = torch.randn(X.shape, dtype=X.dtype, generator=torch.Generator().manual_seed(1))
    blurred = count(net, theta, X + 1e-8 * noise)
    assert bool(blurred.unclear)
    assert any("gap" in said for said in blurred.warnings)
    assert blurred.sweep.tolist() == [18, 18, 18, 18, 8]
    clear = count(net, theta, X)
    assert not clear.unclear
    assert clear.sweep.tolist() == [18] * 5
    with pytest.raises(ConfigError, match="float64"):
        count(net, theta.float(), X.float())


def test_ranks_and_gaps_of_plain_values():
    values = torch.tensor([[4.0, 2.0, 1e-12], [3.0, 0.0, 0.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]], dtype=torch.float64)
    r = numerical_rank.count_above(values)
    assert r.tolist() == [2, 1, 0, 3]
    torch.testing.assert_close(numerical_rank.gap(values, r)[0], torch.tensor(2e12, dtype=torch.float64))
    assert numerical_rank.gap(values, r)[1:].isinf().all()
    assert numerical_rank.rank_sweep(torch.logspace(0, -10, 11, dtype=torch.float64)).tolist() == [2, 3, 4, 6, 9]
