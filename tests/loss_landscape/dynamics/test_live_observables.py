"""What the page shows at every look, against dense computations and closed forms."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

import engines
from engines.core.protocol.errors import ConfigError
from engines.loss_landscape import predictions, relevance
from engines.loss_landscape.config import LossLandscape
from engines.loss_landscape.degeneracy import embedding
from engines.loss_landscape.degeneracy.closed_form import layer_ranks
from engines.loss_landscape.degeneracy.jacobian import layer_passes
from engines.loss_landscape.dynamics import live_observables
from engines.loss_landscape.hessian.effective_dimension import soft_rank
from engines.loss_landscape.models import digits, modular_addition
from engines.loss_landscape.plots import PLOTS


def addition(**more):
    return LossLandscape(width=8, modulus=7, embedding=4, **more)


def test_effective_parameters_of_an_embedding_are_above_the_dense_count_by_a_quarter_at_most():
    """Kronecker factors against the eigenvalues of `JᵀJ/n` in units of each layer's weights; what is free across layers
    counts in the factors."""
    subject = modular_addition.embedding_subject([0, 1], p=13, e=6, h=16)
    b, gamma = torch.tensor([10.0, 10.0], dtype=torch.float64), torch.ones(2, dtype=torch.float64)
    found = live_observables.degeneracy_channels(subject, subject.start, b, gamma)["effective_parameters"]
    for member in range(2):
        theta, X = subject.start[member], subject.train.X[member]
        scale = subject.model(theta, X).var()
        E, left, right, out = subject.model.layout.split(theta)
        readers = torch.cat([left, right], -1)
        units = torch.cat(
            [W.square().mean().sqrt().expand(W.numel()) for W in (E, readers, out)]
        )  # left and right are one layer, so of one size in either order
        h = torch.linalg.svdvals(embedding.jacobian(subject.model, theta, X) * units).square() / len(X) / scale
        exact = float(soft_rank(h, 10.0))
        assert 1.1 < float(found[member]) / exact < 1.3


def test_ranks_of_a_layer_are_those_of_its_matrices():
    subject = digits.digits_subject([0], (6,))
    one = torch.ones(1, dtype=torch.float64)
    found = live_observables.degeneracy_channels(subject, subject.start, one, one)
    X = torch.cat([subject.train.X, torch.ones(1437, 1)], 1)
    assert found["rank_activations"][0, 0] == torch.linalg.matrix_rank(X)
    assert found["rank_gradients"].tolist() == [[6, 10]]
    assert found["synchronised_blocks"].tolist() == [[6]]


def scaled(subject, unit, of):
    """The same function with one pixel, or one neuron of the first hidden layer, in other units; another is dead."""
    X, W = subject.train.X.clone(), [each.clone() for each in subject.model.split(subject.start)]
    W[0][:, 3] = 0
    if of == "input":
        X[:, 20] *= unit
        W[0][..., 20] /= unit
    else:
        W[0][..., 2, :] *= unit
        W[1][..., 2] /= unit
    return replace(subject, train=subject.train._replace(X=X)), subject.model.join(W)


@pytest.mark.parametrize("unit", [1e-6, 1e-4, 1e3, 1e6])
@pytest.mark.parametrize("of", ["input", "neuron"])
def test_ranks_do_not_depend_on_units(unit, of):
    """Those of singular values of unit columns; raw second moments counted 58 of the 62 live inputs at 1e4."""
    subject = digits.digits_subject([0], (12, 8))
    one = torch.ones(1, dtype=torch.float64)
    plain, theta = scaled(subject, 1.0, of)
    expected = layer_ranks(layer_passes(plain.model, theta, plain.train.X))
    found = live_observables.degeneracy_channels(*scaled(subject, unit, of), one, one)
    assert torch.equal(found["rank_activations"], expected[0])
    assert torch.equal(found["rank_gradients"], expected[1])
    assert int(expected[0][0, 0]) == 62


def test_the_slice_is_zero_where_the_network_is_and_quadratic_beside_it():
    subject = digits.digits_subject([0, 1], (6,))
    found = live_observables.loss_slice(subject, subject.start)
    middle = len(live_observables.SLICE_OFFSETS) // 2
    assert live_observables.SLICE_OFFSETS[middle] == 0
    assert (found[:, middle] == 0).all()
    assert (found.diff(dim=-1)[:, middle:] > 0).all()
    assert (found.diff(dim=-1)[:, :middle] < 0).all()


def test_the_power_of_one_cosine_is_all_in_its_frequency():
    a = torch.arange(11, dtype=torch.float64)
    table = torch.cos(2 * math.pi * 3 * a / 11)[:, None] * torch.tensor([1.0, -2.0], dtype=torch.float64)
    np.testing.assert_allclose(live_observables.fourier(table[None])[0], np.eye(5)[2], atol=1e-12)


def test_knobs_and_figures_that_do_not_matter_are_left_out():
    names = frozenset(plot.name for plot in PLOTS)
    trained, sampled = addition(), LossLandscape(subject="planted", optimizer="langevin")
    assert {"kappa", "chains", "widths", "planted"} <= relevance.idle(trained)
    assert {"learning_rate", "modulus", "widths"} <= relevance.idle(sampled)
    assert {"coefficient", "reasons", "points"} <= relevance.blank(trained, names)
    assert {"accuracy", "fourier", "slice"} <= relevance.blank(sampled, names)
    assert not {"planted", "kappa"} & relevance.idle(sampled)


@pytest.mark.parametrize(
    ("knobs", "value"),
    [
        ({"potential": "quadratic", "inputs": 4, "n_beta": 1e12}, 2.0),
        ({"potential": "crossing", "n_beta": 100.0}, 0.3542),
        ({"potential": "box", "strength": 100.0}, 0.697 / 2),
    ],
)
def test_laws_are_those_of_the_reference(knobs, value):
    config = LossLandscape(subject="potential", optimizer="langevin", **knobs)
    assert predictions.laws(config)[0].value == pytest.approx(value, rel=1e-3)


def test_the_law_of_a_planted_network_is_half_its_soft_rank():
    config = LossLandscape(subject="planted", optimizer="mala", width=6, depth=1, n_beta=1e12)
    assert predictions.laws(config)[0].value == pytest.approx((57 - 6) / 2, abs=1e-3)


def test_chains_do_not_depend_on_who_else_is_in_the_batch_or_on_chunks():
    base = {"subject": "potential", "optimizer": "langevin", "chains": 3, "burn_in": 10}
    alone = engines.run("loss_landscape", set=base | {"kappa": 0.01}, steps=700)
    both = engines.run("loss_landscape", set=base | {"kappa": [0.01, 0.02]}, steps=700)
    np.testing.assert_array_equal(alone["llc"][:, 0], both["llc"][:, 0])


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"subject": "linear", "widths": "3-x"}, "widths='3-x'"),
        ({"subject": "linear", "rank": 9}, "rank=9"),
        ({"optimizer": "gibbs"}, "subject=linear"),
        ({"subject": "potential"}, "sampled"),
        ({"subject": "own_network"}, "network"),
        ({"subject": "transformer", "embedding": 6}, "embedding=6"),
        ({"subject": "superposition", "embedding": 9, "inputs": 4}, "embedding=9"),
    ],
)
def test_what_contradicts_itself_is_refused_by_knob_and_value(knobs, words):
    with pytest.raises(ConfigError, match=words):
        LossLandscape(**knobs)
