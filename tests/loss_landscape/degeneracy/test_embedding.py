"""Embedding networks counted whole, against automatic differentiation."""

import pytest
import torch

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.degeneracy import closed_form, embedding
from engines.loss_landscape.degeneracy.numerical_rank import rank
from engines.loss_landscape.hessian.dense import jacobian as of_each
from engines.loss_landscape.models import modular_addition
from tests.loss_landscape.close import randn, same


def setting(p=7, e=3, h=8, seed=0):
    subject = modular_addition.embedding_subject([seed], p, e, h, 0.8)
    return subject.model, subject.start[0], subject.train.X[0]


def missed(model, theta, X):
    """Directions that live units do not see."""
    seen = embedding.passes(model, theta, X)
    live = seen.gates[0].any(0)
    return int(closed_form.unseen_inputs(seen.A[1], seen.gates[0][:, live]).sum())


def test_its_jacobian_is_that_of_automatic_differentiation():
    model, theta, X = setting()
    same(embedding.jacobian(model, theta, X), of_each(model, theta, X), 1e-13)


@pytest.mark.parametrize(("p", "e", "h"), [(7, 3, 8), (7, 4, 10), (11, 4, 12)])
@pytest.mark.parametrize("seed", range(3))
def test_its_count_is_the_dense_one_is_explained_and_has_the_closed_form(p, e, h, seed):
    model, theta, X = setting(p, e, h, seed)
    one = embedding.count(model, theta, X)
    nullity = model.P - int(rank(of_each(model, theta, X)))
    assert int(one.nullity) == int(one.explained) == nullity
    assert nullity == embedding.expected_nullity(one, e, missed(model, theta, X)) >= e * e + h


def test_a_dead_unit_and_a_token_that_is_never_shown_are_counted_as_what_layers_do_not_see():
    """A dead unit owns its 2 e weights in and p out instead of one scale, an unseen token its e numbers."""
    model, theta, X = setting(11, 4, 12)
    E, left, right, _ = model.layout.split(theta)
    E[:, 0] = E[:, 0].abs() + 0.1
    for readers in (left, right):
        readers[5] = 0
        readers[5, 0] = -10
    X = X[(X[:, 2] == 0) & (X[:, 11 + 2] == 0)]
    one = embedding.count(model, theta, X)
    assert one.N12.tolist() == [4, 8, 11]
    assert int(one.nullity) == model.P - int(rank(of_each(model, theta, X)))
    assert int(one.nullity) == embedding.expected_nullity(one, 4, missed(model, theta, X)) == int(one.explained)


def test_the_embedding_can_be_mixed_as_the_tangents_say():
    """The function is the same to 1e-12 at finite N; the slope of the move is the tangent to 1e-8."""
    model, theta, X = setting()
    N = randn(3, 3, seed=1)
    same(model(embedding.mix(model, theta, N), X), model(theta, X), 1e-12)
    forth, back = (embedding.mix(model, theta, t * N) for t in (1e-5, -1e-5))
    same((forth - back) / 2e-5, embedding.mixing_tangents(model, theta, N), 1e-8)


def test_parameters_of_the_perceptron_are_lifted_back():
    model, theta, X = setting()
    _, weights, _ = model.perceptron(theta, X)
    assert torch.equal(embedding.to_embedding(model, theta, weights), theta)


def test_float32_is_refused():
    model, theta, X = setting()
    with pytest.raises(ConfigError, match="float64"):
        embedding.count(model, theta.float(), X.float())
