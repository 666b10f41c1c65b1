"""Closed forms of nullities, against dense Jacobians."""

import pytest
import torch

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.degeneracy import closed_form
from engines.loss_landscape.degeneracy.count import count
from engines.loss_landscape.degeneracy.jacobian import layer_passes
from engines.loss_landscape.degeneracy.numerical_rank import gram_rank, rank
from engines.loss_landscape.degeneracy.synchronised_neurons import blocks
from engines.loss_landscape.hessian import dense
from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.models.planted_networks import generic_network

DEEP = {(4, 3, 4): (9, 24), (5, 6, 4): (34, 54), (4, 4, 4): (16, 32), (4, 3, 5, 4): (32, 47), (5, 2, 6, 3, 4): (38, 52),
        (3, 5, 5, 3): (46, 55)}  # fmt: skip


@pytest.mark.parametrize("sizes", DEEP)
def test_deep_linear_nets_have_their_closed_form(sizes):
    """The six nets of the table, seed 0: dense nullity = P - r (H_0 + H_L - r), never above the sum of d_l²."""
    stream, net = torch.Generator().manual_seed(0), Mlp(sizes, "linear", bias=False)
    theta = torch.randn(net.P, dtype=torch.float64, generator=stream)
    X = torch.randn(100, sizes[0], dtype=torch.float64, generator=stream)
    one = count(net, theta, X)
    J = dense.jacobian(net, theta, X)
    assert (closed_form.deep_linear(sizes), net.P) == DEEP[sizes]
    assert net.P - int(rank(J)) == int(one.nullity) == DEEP[sizes][0]
    assert net.P - int(gram_rank(J.mT @ J)) == DEEP[sizes][0]
    assert DEEP[sizes][0] <= sum(d * d for d in sizes[1:-1])
    assert int(one.residual) >= 0


def addition(p: int, e: int, h: int):
    """`f = o relu(l E_a + r E_b)` of theta and pairs, its P, and the inputs and gates of its units."""
    widths = [(p, e), (h, e), (h, e), (p, h)]

    def parts(theta, pairs):
        pieces = theta.split([a * b for a, b in widths])
        E, left, right, out = (piece.view(shape) for piece, shape in zip(pieces, widths, strict=True))
        return torch.cat([E[pairs[:, 0]], E[pairs[:, 1]]], -1), torch.cat([left, right], -1), out

    def f(theta, pairs):
        seen, into, out = parts(theta, pairs)
        return torch.relu(seen @ into.mT) @ out.mT

    def units(theta, pairs):
        seen, into, _ = parts(theta, pairs)
        return seen, seen @ into.mT > 0

    return f, sum(a * b for a, b in widths), units


@pytest.mark.parametrize(("p", "e", "h"), [(7, 3, 8), (7, 4, 10), (11, 4, 12)])
def test_modular_addition_nets_have_a_mode_for_each_entry_of_gl_and_each_unit(p, e, h):
    """Random parameters, all p² pairs, ten seeds: e² + h and what units do not see; dense, also by a Gram at 1e-12."""
    f, P, units = addition(p, e, h)
    pairs, plain = torch.cartesian_prod(torch.arange(p), torch.arange(p)), 0
    for seed in range(10):
        theta = torch.randn(P, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        J, missed = dense.jacobian(f, theta, pairs), int(closed_form.unseen_inputs(*units(theta, pairs)).sum())
        nullity = P - int(rank(J))
        assert nullity == closed_form.modular_addition(e, h, missed), seed
        assert nullity == P - int(gram_rank(J.mT @ J)), seed
        plain += nullity == closed_form.modular_addition(e, h)
    assert plain == {7: {3: 8, 4: 3}, 11: {4: 10}}[p][e]


def test_what_a_unit_does_not_see():
    """Firing sets of one and two of three clusters of rank 2 in R^4, of none and of all; each member its own."""
    A = torch.zeros(2, 6, 4, dtype=torch.float64)
    A[0, range(6), [0, 0, 1, 1, 2, 2]] = A[1, range(6), [0, 1, 2, 3, 0, 1]] = 1
    gates = torch.tensor([[1, 1, 0, 0, 0, 0], [1, 1, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1]]).bool().mT
    assert closed_form.unseen_inputs(A, gates.expand(2, 6, 4)).tolist() == [[2, 1, 3, 0], [2, 0, 4, 0]]


def test_the_closed_form_is_that_of_one_hidden_layer():
    net, theta, X = generic_network((5, 6, 6, 3))
    passes = layer_passes(net, theta, X)
    with pytest.raises(ConfigError, match="has 2"):
        closed_form.one_hidden_layer(net, theta, passes, blocks(passes.gates[0]))


def test_blocks_count_no_more_than_the_inputs_span():
    """Six neurons always on, inputs of rank 2 of 5: r_in is 3, with the constant too; 48 = 57 - 3 x 3, all ways."""

    def on(weights):
        weights[0][:, :-1] *= 0.05
        weights[0][:, -1] = 6

    net, theta, X = generic_network((5, 6, 3), rank=2, edit=on)
    one = count(net, theta, X)
    assert one.blocks[0].on.all()
    nullity = net.P - int(rank(dense.jacobian(net, theta, X)))
    closed = closed_form.one_hidden_layer(net, theta, layer_passes(net, theta, X), one.blocks[0])
    assert int(closed) == int(one.explained) == int(one.nullity) == nullity == 48


def test_the_types_overlap():
    """N12 = N1 + N2 - (d - r_g)(D - r_a), for every rank of a layer of 3 x 4."""
    net = Mlp((3, 3))
    r_a, r_g = (part.flatten()[:, None] for part in torch.meshgrid(torch.arange(5), torch.arange(4), indexing="ij"))
    N1, N2, N12 = closed_form.by_type(net, r_a, r_g)
    assert torch.equal(N12, N1 + N2 - (3 - r_g) * (4 - r_a))
