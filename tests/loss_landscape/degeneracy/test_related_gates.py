"""Gates that depend on one another: what they leave free is found, is free, and is all there is below one layer."""

from functools import partial

import pytest
import torch

from engines.loss_landscape.degeneracy.count import count_stages
from engines.loss_landscape.degeneracy.jacobian import layer_passes
from engines.loss_landscape.degeneracy.orbits import behavioural_loss
from engines.loss_landscape.degeneracy.related_gates import gate_projectors, layers_too_wide, related_gate_directions
from engines.loss_landscape.degeneracy.row_space import by_qr, run_to_end
from engines.loss_landscape.hessian.dense import jacobian
from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.models.planted_networks import PlantedNetwork, nested_gates, staircase
from tests.loss_landscape.close import randn, same
from tests.loss_landscape.degeneracy.nets import arbitrary
from tests.loss_landscape.degeneracy.test_count import NESTED, dense
from tests.loss_landscape.degeneracy.test_numerical_rank import rescaled


def counted(one: PlantedNetwork):
    return run_to_end(count_stages(*one, partial(by_qr), dependent=True))


def pairs(depth: int, bias: bool, seed: int = 0) -> PlantedNetwork:
    """Four linear units in each hidden layer, each as the ReLUs of z and -z; in the first three more."""
    draw = partial(randn, seed=seed)
    net = Mlp((4, 11, *[8] * (depth - 1), 3), bias=bias)
    weights = []
    for layer, (rows, columns) in enumerate(net.shapes):
        W = torch.randn(rows, columns, dtype=torch.float64, generator=torch.Generator().manual_seed(10 * seed + layer))
        if layer:
            W[:, 4:8] = -W[:, :4]  # relu(z) - relu(-z) = z
        if layer < depth:
            W[4:8] = -W[:4]
        weights.append(W)
    return PlantedNetwork(net, net.join(weights), draw(600, 4))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("depth", [1, 2])
def test_linear_maps_hidden_in_pairs_of_relus_are_explained_in_full(depth, bias):
    """Mechanism (a), complementary gates: from 8 to 22 directions of which synchronised units know nothing."""
    net = pairs(depth, bias)
    one = counted(net)
    assert int(one.nullity) == dense(*net)
    assert int(one.residual) == 0
    assert int(one.related) >= 8
    assert one.gap > 1e9


@pytest.mark.parametrize("outputs", NESTED)
def test_nested_gates_leave_nothing_over(outputs):
    """The residuals 1, 2, 2, 1 of the table are relations among gates."""
    one = counted(nested_gates(outputs))
    assert (int(one.related), int(one.residual)) == (NESTED[outputs][-1], 0)


def test_one_hidden_layer_is_explained_in_full_and_deeper_ones_are_bounded():
    """Seeds 1000-1019, in other units as well: shallow nets have no residual, deeper ones none below 0."""
    for seed in range(1000, 1020):
        net = arbitrary(seed)
        one, other = counted(net), counted(rescaled(net, seed))
        assert int(one.residual) == 0 or (len(one.blocks) > 1 and int(one.residual) > 0), seed
        assert (int(one.related), int(one.residual)) == (int(other.related), int(other.residual)), seed


@pytest.mark.parametrize("net", [nested_gates(2), pairs(2, True), staircase(4, (5,))])
def test_directions_are_free(net):
    """`J u = 0` of unit directions to 1e-11, and a finite step raises the loss in the fourth order only."""
    u = torch.nn.functional.normalize(related_gate_directions(net.net, net.theta, layer_passes(*net)), dim=-1)
    assert len(u) >= 10
    J = jacobian(*net)
    assert (J @ u.mT).norm(dim=0).max() < 1e-11 * torch.linalg.matrix_norm(J, 2)
    losses = [behavioural_loss(net.net, net.theta + h * u, net.theta, net.X) for h in (1e-3, 1e-4)]
    assert (losses[0] < 1e-7).all()
    assert (losses[1] < 2e-4 * losses[0].clamp_min(1e-18)).all()


def test_relations_are_those_of_the_data_on_which_a_unit_fires():
    """g_1 + g_2 = 1 everywhere; where the first of two units fires g_3 = g_1; without a constant one relation less."""
    g = torch.tensor([[1, 0, 1], [0, 1, 0], [1, 0, 0], [0, 1, 1]], dtype=torch.bool)
    fires = torch.tensor([[1, 1, 0, 0], [1, 1, 1, 1]], dtype=torch.bool).mT
    kept = gate_projectors(g, fires, bias=True)
    assert [round(float(P.trace())) for P in kept] == [2, 3]
    same(kept @ torch.tensor([1.0, 1, 0, -1], dtype=torch.float64), torch.zeros(2, 4, dtype=torch.float64), 1e-12)
    same(kept[0] @ torch.tensor([1.0, 0, -1, 0], dtype=torch.float64), torch.zeros(4, dtype=torch.float64), 1e-12)
    assert [round(float(P.trace())) for P in gate_projectors(g, fires, bias=False)] == [2, 3]


def test_layers_of_too_many_parameters_are_named():
    assert layers_too_wide(Mlp((64, 32, 32, 10))) == [1]
    assert layers_too_wide(Mlp((5, 6, 3))) == []


def test_nothing_is_looked_for_where_gates_are_one_or_independent():
    """Synchronised units are counted elsewhere."""
    net = staircase(3)
    assert len(related_gate_directions(net.net, net.theta, layer_passes(*net))) == 0


def test_copies_of_samples_do_not_hide_that_data_are_few():
    """10 samples 30 times: n k = 30 outputs, of which more copies say nothing; 100 times one sample as well."""
    net, theta, X = arbitrary(1000)
    for few in (X[:10].repeat(30, 1), X[:1].repeat(100, 1)):
        one = counted(PlantedNetwork(net, theta, few))
        k = net.sizes[-1]
        assert (one.samples, one.rows) == (min(len(few), len(few.unique(dim=0))), len(few.unique(dim=0)) * k)
        assert int(one.nullity) >= net.P - one.rows
        assert f"only {one.samples} different samples" in one.warnings[0]
