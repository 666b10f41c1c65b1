"""Counts do not depend on the units of inputs and the scales of neurons: the function is the same."""

from dataclasses import replace
from functools import partial

import pytest
import torch

from engines.loss_landscape.degeneracy.closed_form import one_hidden_layer
from engines.loss_landscape.degeneracy.count import DirectionCount, count, count_stages
from engines.loss_landscape.degeneracy.jacobian import layer_passes
from engines.loss_landscape.degeneracy.row_space import by_gram, run_to_end
from engines.loss_landscape.models.planted_networks import PlantedNetwork, generic_network
from tests.loss_landscape.degeneracy.nets import arbitrary
from tests.loss_landscape.degeneracy.test_count import dense

INTEGERS = ("r_a", "r_g", "N1", "N2", "N12", "excess", "cross", "nullity", "explained", "residual")

DECADES = 12


def rescaled(one: PlantedNetwork, seed: int) -> PlantedNetwork:
    """Inputs in other units and hidden neurons at other scales, each over twelve decades; the same function."""
    net, weights = one.net, [W.clone() for W in one.net.split(one.theta)]
    stream = torch.Generator().manual_seed(seed)
    for layer, W in enumerate(weights):
        width = net.sizes[layer]
        # Powers of two, so that no gate flips by rounding.
        exponents = ((torch.rand(width, dtype=torch.float64, generator=stream) - 0.5) * DECADES * 3.32).round()
        W[:, :width] /= 2.0**exponents
        if layer:
            weights[layer - 1] *= 2.0 ** exponents[:, None]
        else:
            X = one.X * 2.0**exponents
    return PlantedNetwork(net, net.join(weights), X)


def integers(one: DirectionCount) -> dict[str, list[int]]:
    return {name: getattr(one, name).tolist() for name in INTEGERS}


@pytest.mark.parametrize("first", range(1000, 1100, 10))
def test_a_hundred_nets_count_the_same_in_other_units(first):
    """One or two hidden layers, nested and dead gates among them; each plain count against an autograd Jacobian."""
    for seed in range(first, first + 10):
        plain = arbitrary(seed)
        one = count(*plain)
        other = rescaled(plain, seed)
        torch.testing.assert_close(plain.net(other.theta, other.X), plain.net(plain.theta, plain.X))
        assert integers(count(*other)) == integers(one)
        assert int(one.nullity) == dense(*plain)
        assert int(one.residual) >= 0
        if len(plain.net.sizes) == 3:
            forms = [one_hidden_layer(net, theta, layer_passes(net, theta, X), one.blocks[0])
                     for net, theta, X in (plain, other)]  # fmt: skip
            assert forms[0] == forms[1]


def unix(one: PlantedNetwork) -> PlantedNetwork:
    """The second input as 1.7e9 +- 1e3 seconds, by the first weights and biases the same function."""
    W, *above = (W.clone() for W in one.net.split(one.theta))
    X = one.X.clone()
    X[:, 1] = 1.7e9 + 1e3 * X[:, 1]
    W[:, 1] /= 1e3
    W[:, -1] -= 1.7e9 * W[:, 1]
    return PlantedNetwork(one.net, one.net.join([W, *above]), X)


def columns(one: PlantedNetwork, factor: float, which: slice = slice(None)) -> PlantedNetwork:
    """Inputs times a factor, their weights over it."""
    W, *above = (W.clone() for W in one.net.split(one.theta))
    X = one.X.clone()
    X[:, which] *= factor
    W[:, : one.net.sizes[0]][:, which] /= factor
    return PlantedNetwork(one.net, one.net.join([W, *above]), X)


def neurons(one: PlantedNetwork, factor: float) -> PlantedNetwork:
    """The first weights times a factor, the next over it."""
    W, V, *above = (W.clone() for W in one.net.split(one.theta))
    V[:, : one.net.sizes[1]] /= factor
    return PlantedNetwork(one.net, one.net.join([W * factor, V, *above]), one.X)


UNITS = {
    "plain": lambda one: one,
    "unix": unix,
    "small": lambda one: columns(one, 1e-9),
    "large": lambda one: columns(one, 1e9),
    "a small column": lambda one: columns(one, 1e-10, slice(1)),
    "a large column": lambda one: columns(one, 1e7, slice(1)),
    "neurons": lambda one: neurons(one, 1e5),
}


@pytest.mark.parametrize("units", UNITS)
def test_a_net_of_six_zero_modes_has_six_in_all_units(units):
    """5-6-3: six rescalings, all explained, with a gap of 1e13 (1e11 where 1.7e9 loses five digits of 1e3)."""
    one = count(*UNITS[units](generic_network((5, 6, 3))))
    assert (int(one.nullity), int(one.explained), int(one.residual)) == (6, 6, 0)
    assert one.gap > 1e11
    assert one.warnings == ()


@pytest.mark.parametrize("units", UNITS)
def test_a_gram_matrix_of_unit_columns_counts_forty_in_all_units(units):
    """10-40-8, P = 768, by eigenvalues: forty rescalings, gap 1e4; singular values of J itself differ by 1e16."""
    one = run_to_end(count_stages(*UNITS[units](generic_network((10, 40, 8))), partial(by_gram, chunk=200)))
    assert (int(one.nullity), int(one.explained), int(one.residual)) == (40, 40, 0)
    assert one.gap > 1e4
    assert len(one.warnings) == 1


def test_more_explained_than_counted_is_not_resolved():
    one = count(*generic_network((5, 6, 3)))
    fewer = replace(one, nullity=one.nullity - 2)
    assert (bool(one.resolved), bool(fewer.resolved)) == (True, False)
    assert any("6, are more than the 4 " in said and "not resolved" in said for said in fewer.warnings)
