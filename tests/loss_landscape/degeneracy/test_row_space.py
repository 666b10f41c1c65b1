"""Two ways to look at a Jacobian: the same counts where both resolve it, and what a Gram matrix does not."""

from functools import partial

import pytest
import torch

from engines.core.numerics.lapack import svdvals
from engines.loss_landscape.degeneracy import embedding
from engines.loss_landscape.degeneracy.count import GRAM_WARNING, count_stages
from engines.loss_landscape.degeneracy.row_space import (
    STRIP,
    ChunkedJacobian,
    by_gram,
    by_qr,
    lower_gram,
    map_shares,
    run_to_end,
)
from engines.loss_landscape.models import modular_addition
from engines.loss_landscape.models.planted_networks import generic_network, staircase
from tests.loss_landscape.close import randn, same
from tests.loss_landscape.degeneracy.nets import EXAMPLES

INTEGERS = ("r_a", "r_g", "N12", "excess", "cross", "nullity", "explained", "residual")
WAYS = (partial(by_qr, chunk=50), partial(by_gram, chunk=50))


def agree(fine, rough):
    """Integers; singular values to 1e-7 of the largest, as their squares are known to 1e-14; what is said of it."""
    for name in INTEGERS:
        assert torch.equal(getattr(fine, name), getattr(rough, name)), name
    m = fine.values.shape[-1]
    same(rough.values[..., :m] / fine.values[..., :1], fine.values / fine.values[..., :1], 1e-7)
    assert torch.equal(fine.sweep[..., :-1], rough.sweep)
    assert not rough.unclear.any()
    assert (GRAM_WARNING in fine.warnings, GRAM_WARNING in rough.warnings) == (False, True)


@pytest.mark.parametrize("net", [*(build(0) for build in EXAMPLES.values()), staircase(4, (8,))])
def test_small_nets_count_the_same_in_both_ways(net):
    agree(*(run_to_end(count_stages(*net, look)) for look in WAYS))


def test_an_embedding_network_of_hundreds_of_parameters_counts_the_same_in_both_ways():
    """P = 433 with `e² + h` = 41 free directions, all explained."""
    subject = modular_addition.embedding_subject([0], 13, 5, 16, 0.8)
    fine, rough = (
        run_to_end(embedding.count_stages(subject.model, subject.start[0], subject.train.X[0], look)) for look in WAYS
    )
    agree(fine, rough)
    assert (rough.P, int(rough.nullity), int(rough.residual)) == (433, 41 + int(rough.N12.sum()), 0)


def test_a_perceptron_of_hundreds_of_parameters_counts_the_same_in_both_ways():
    """10-16-16-4 on inputs of rank 7: 3 times 16 directions of the first layer, one of every live unit."""
    fine, rough = (run_to_end(count_stages(*generic_network((10, 16, 16, 4), rank=7), look)) for look in WAYS)
    agree(fine, rough)
    assert (rough.P, int(rough.residual)) == (516, 0)
    assert int(rough.nullity) >= 48 + 16


def test_a_batch_is_looked_at_by_members():
    nets = [EXAMPLES["generic-1"](seed) for seed in (0, 1)]
    theta, X = (torch.stack([getattr(net, name) for net in nets]) for name in ("theta", "X"))
    agree(*(run_to_end(count_stages(nets[0].net, theta, X, look)) for look in WAYS))


@pytest.mark.parametrize("look", WAYS)
def test_values_and_spaces_are_those_of_the_jacobian(look):
    """Dense singular values, 1e-7 of the largest; projections on row spaces by pseudo-inverses, 1e-9."""
    J = torch.cat([randn(80, 4, seed=1) @ randn(4, 9, seed=2), randn(80, 6, seed=3)], -1)
    seen = run_to_end(look(ChunkedJacobian(lambda rows: rows, J, 1, [9, 6])))
    same(seen.values[:10] / seen.values[0], svdvals(J)[:10] / svdvals(J)[0], 1e-7)
    assert (seen.values[10:] < seen.tau * seen.values[0]).all()
    same(seen.lengths, J.norm(dim=0), 1e-12)
    J = J / J.norm(dim=0)
    same(seen.unit[:10] / seen.unit[0], svdvals(J)[:10] / svdvals(J)[0], 1e-7)
    for V, part in zip(seen.spaces, J.split([9, 6], -1), strict=True):
        same(V.mT @ V, torch.linalg.pinv(part, rtol=1e-9) @ part, 1e-9)


def test_what_a_gram_matrix_does_not_resolve_is_free_to_it_left_out_of_the_sweep_and_said():
    """Inputs of rank 3 with noise of 1e-8: 18 directions free at 1e-6 and 10 of them not at 1e-9; no gap in full."""
    net, theta, X = generic_network((5, 6, 3), rank=3)
    fine, rough = (run_to_end(count_stages(net, theta, X + 1e-8 * randn(*X.shape, seed=1), look)) for look in WAYS)
    assert fine.sweep.tolist() == [18, 18, 18, 18, 8]
    assert (rough.sweep.tolist(), rough.tolerances, int(rough.nullity)) == ([18] * 4, (1e-2, 1e-3, 1e-4, 1e-6), 18)
    assert (bool(fine.unclear), bool(rough.unclear)) == (True, False)
    blurred = run_to_end(count_stages(net, theta, X + 1e-5 * randn(*X.shape, seed=1), by_gram))
    assert bool(blurred.unclear)
    assert any("below 1e+03" in said for said in blurred.warnings)


def test_strips_of_a_gram_matrix_are_its_lower_triangle():
    """Over two strips, members at once: 1e-12."""
    J = randn(2, 6, STRIP + 40)
    same(lower_gram(J).tril(), (J.mT @ J).tril(), 1e-12)


@pytest.mark.parametrize("look", WAYS)
def test_stages_are_shares_in_order_and_the_last_is_the_result(look):
    """Twelve parts of 50 data and three stages after them at least; a stop on the way leaves no result."""
    net = generic_network((5, 6, 3), n=600)
    stages, shares = count_stages(*net, look), []
    one = run_to_end(map_shares(stages, lambda share: shares.append(share) or share))
    assert shares == sorted(shares)
    assert len(shares) >= 14
    assert 0 < shares[0] < shares[-1] <= 1
    assert torch.equal(one.nullity, run_to_end(count_stages(*net)).nullity)
