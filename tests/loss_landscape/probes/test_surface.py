"""Surfaces: of digits, of losses in closed form, through a run, and what is refused."""

import numpy as np
import pytest
import torch

from engines.core.protocol.engine import Part
from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.config import LossLandscape
from engines.loss_landscape.degeneracy.orbits import behavioural_loss
from engines.loss_landscape.hessian.dense import hessian
from engines.loss_landscape.loss_surface.planes import PLANES, choose_plane, free_direction
from engines.loss_landscape.loss_surface.surface import Plane, mlp_losses_on_plane
from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.models.model import Samples, cross_entropy, half_squared_error
from engines.loss_landscape.models.network_at_step import network_of_run
from engines.loss_landscape.probes.surface import DELTA, PROBE, loss_at_point, surface_parts
from tests.loss_landscape.close import randn, same
from tests.loss_landscape.probes.descent_engine import DIGITS, descended, last, learned, still


def planted(**knobs):
    """A network at rest, seen from where it is; 6 neurons, of which 3, 2 and 1 are synchronised."""
    config = LossLandscape(subject="planted", optimizer="langevin", **({"planted": "gates"} | knobs))
    return loss_at_point(config, still(**({"planted": "gates"} | knobs)).theta[None])


# -- perceptrons on a plane ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["relu", "square", "gelu", "tanh", "linear"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("sizes", [(3, 4), (3, 5, 4), (3, 5, 2, 4)])
def test_a_perceptron_on_a_plane_is_the_perceptron(activation, bias, sizes):
    """Both criteria in float64: 1e-12."""
    net = Mlp(sizes, activation, bias)
    plane, X, at = Plane(randn(net.P), randn(2, net.P, seed=1)), randn(7, 3, seed=2), randn(6, 2, seed=3)
    labels = torch.arange(7) % 4
    for y, criterion in ((labels, cross_entropy), (randn(7, 4, seed=4), half_squared_error)):
        same(mlp_losses_on_plane(net, plane, Samples(X, y))(at), criterion(net(plane.at(at), X), y), 1e-12)


# -- digits ----------------------------------------------------------------------------------------------------------


def test_the_surface_of_digits_is_a_bowl_and_the_way_has_its_true_loss():
    """L20: 5e-4 (x3) in the middle, 50 to 200 at most; heights in log10; the last point of the way is the middle."""
    there = loss_at_point(DIGITS, learned()[:, 0])
    values = last(surface_parts(there, "random", 51, 1.0, 0))
    assert 5e-4 / 3 < values["losses"][25, 25] < 5e-4 * 3
    assert 50 < values["loss_max"] < 200
    np.testing.assert_allclose(values["log_loss"], np.log10(values["losses"] + DELTA), atol=1e-5)
    again = values["origin"] + values["a"][3] * values["directions"][0] + values["b"][40] * values["directions"][1]
    assert values["losses"][40, 3] == pytest.approx(float(there.loss(torch.from_numpy(again))), rel=1e-4)
    np.testing.assert_allclose(values["path_loss"], there.loss(learned()[:, 0]), rtol=1e-9)
    assert (values["path_a"][-1], values["path_b"][-1], values["path_off_plane"][-1]) == (0, 0, 0)
    assert values["path_off_plane"][:-1].min() > 0.9
    assert (values["seed_a"], values["seed_b"]) == (1, 2)


def test_the_plane_of_the_way_holds_it():
    """L20: shares .91 and .06 (+-.05); the grid covers all of it."""
    values = last(surface_parts(loss_at_point(DIGITS, learned()[:, 0]), "trajectory", 11, 1.0, 0))
    np.testing.assert_allclose((values["share_a"], values["share_b"]), (0.91, 0.06), atol=0.05)
    for axis in "ab":
        way = values[f"path_{axis}"]
        assert values[axis][0] < way.min() < way.max() < values[axis][-1]
        assert values[axis][-1] - values[axis][0] == pytest.approx(1.2 * np.ptp(way))


def test_the_behavioural_loss_is_about_outputs():
    there = loss_at_point(DIGITS, learned()[:, 0], "behavioural")
    X, net = there.network.samples.X, there.network.subject.model
    point = there.origin + 0.1 * randn(len(there.origin))
    same(there.loss(point), behavioural_loss(net, point, there.origin, X), 1e-12)


# -- planes of curvature ---------------------------------------------------------------------------------------------


def test_planes_of_curvature_are_eigenvectors():
    """Against the dense Hessian of a trained loss that is not at its minimum: curvatures 1e-6, residuals 1e-4."""
    config = LossLandscape(subject="linear", widths="3-4-2", corner=False, optimizer="sgd", samples=200)
    there = loss_at_point(config, randn(1, 20, seed=5) / 2)
    H = hessian(there.loss, there.origin)
    ends = torch.linalg.eigvalsh(H)
    assert ends[0] < -0.01
    for kind, expected in (("hessian", (ends[-1], ends[-2])), ("negative", (ends[-1], ends[0]))):
        values = last(surface_parts(there, kind, 5, 0.1, 0))
        assert (values["curvature_a"], values["curvature_b"]) == pytest.approx(tuple(map(float, expected)), rel=1e-6)
        for d, value in zip(torch.from_numpy(values["directions"]), expected, strict=True):
            same(H @ d, value * d, 1e-4)


def test_a_null_direction_is_flat_while_the_other_is_not():
    """An exchange within a block on its positive side: the outputs stay to 1e-20; beside it 1e-3 and more."""
    there = planted()
    values = last(surface_parts(there, "null", 9, 0.5, 0))
    assert "synchronised neurons" in values["note"]
    top, free = torch.from_numpy(values["directions"])
    assert min(float(there.loss(there.origin + sign * 0.5 * free)) for sign in (-1, 1)) < 1e-20
    assert abs(values["curvature_b"]) < 1e-12 < 1e-2 < values["curvature_a"]
    assert float(there.loss(there.origin + 0.5 * top)) > 1e-3


def test_an_embedding_has_its_free_direction_in_its_own_parameters():
    config = LossLandscape(subject="addition", modulus=5, width=6, embedding=4)
    model = still("addition", modulus=5, width=6, embedding=4)
    u = free_direction(model)
    same(u.norm(), torch.tensor(1.0, dtype=torch.float64), 1e-12)
    there = loss_at_point(config, model.theta[None], "behavioural")
    assert float(there.loss(model.theta + 1e-4 * u)) < 1e-12
    assert float(there.loss(model.theta + 1e-4 * randn(len(u)) / len(u) ** 0.5)) > 1e-11


def test_without_synchronised_neurons_the_flattest_direction_is_found():
    """Deep linear, at the corner: no gates. The null space is large, so its curvature is 0 to 1e-9."""
    config = LossLandscape(subject="linear", optimizer="langevin")
    found = still("linear")
    assert free_direction(found) is None
    choice = choose_plane("null", loss_at_point(config, found.theta[None]), 0)
    assert "the flattest of the outputs" in choice.note
    values = last(surface_parts(loss_at_point(config, found.theta[None]), "null", 3, 1.0, 0))
    assert abs(values["curvature_b"]) < 1e-9


@pytest.mark.parametrize("subject", ["transformer", "superposition", "one_hot"])
@pytest.mark.parametrize("kind", ["random", "null", "negative"])
def test_other_models_have_surfaces(subject, kind):
    small = {"modulus": 5, "width": 8, "embedding": 4, "samples": 50}
    found = still(subject, **small)
    config = LossLandscape(subject=subject, **small)
    there = loss_at_point(config, found.theta[None])
    values = last(surface_parts(there, kind, 5, 0.3, 0))
    assert np.isfinite(values["log_loss"]).all()
    assert values["losses"][2, 2] == pytest.approx(float(there.loss(found.theta)), rel=1e-5)


# -- losses in closed form -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("potential", ["quadratic", "regression", "crossing", "planes", "box"])
def test_a_loss_in_closed_form_is_drawn_over_two_parameters(potential):
    config = LossLandscape(subject="potential", potential=potential, optimizer="langevin", inputs=4, strength=7)
    P = 2 if potential in ("crossing", "box") else 4
    values = last(surface_parts(loss_at_point(config, randn(6, P)), "random", 5, 2.0, 0))
    a, b, losses = values["a"], values["b"], values["losses"]
    expected = {
        "quadratic": 0.05 * a**2 + 5 * b[:, None] ** 2,
        "crossing": a**2 * b[:, None] ** 2,
        "planes": a**2 * b[:, None] ** 2,
        "box": 7 * a**2 * b[:, None] ** 2,
    }
    if potential == "regression":
        assert losses.argmin() == 12
    else:
        np.testing.assert_allclose(losses, expected[potential], atol=1e-12)
    assert values["path_a"].tolist() == pytest.approx((randn(6, P)[:, 0] - values["origin"][0]).tolist())


# -- through a run ---------------------------------------------------------------------------------------------------


def test_a_surface_fills_in_while_it_is_computed():
    """Coarse to fine: what is known grows and does not change; the way has its steps and the losses of the run."""
    run = descended(PROBE, 8, subject="digits", learning_rate=0.1)
    seen: list[Part] = []
    values = run.probe("surface", watch=seen.append, resolution=21)
    grids = [part.values["losses"] for part in seen if "losses" in part.values]
    known = [int(np.isfinite(grid).sum()) for grid in grids]
    assert len(set(known)) > 3
    assert known == sorted(known)
    assert known[-1] == 21 * 21
    for grid in grids:
        assert ((grid == grids[-1]) | np.isnan(grid)).all()
    assert values["path_step"].tolist() == list(range(9))
    np.testing.assert_allclose(values["path_loss"], run["loss"][:, 0], rtol=1e-9)
    assert values["losses"][10, 10] == pytest.approx(run["loss"][-1, 0], rel=1e-5)
    same(torch.from_numpy(values["origin"]), network_of_run(run, 0, 8).theta, 0)


def test_what_cannot_be_drawn_is_refused():
    there = planted()
    with pytest.raises(ConfigError, match=f"plane=curved is not one of {', '.join(PLANES)}"):
        last(surface_parts(there, "curved", 5, 1.0, 0))
    for resolution in (2, 202):
        with pytest.raises(ConfigError, match=f"resolution={resolution} is not from 3 to 201"):
            last(surface_parts(there, "random", resolution, 1.0, 0))
    with pytest.raises(ConfigError, match="not finite"):
        last(surface_parts(there._replace(origin=there.origin * torch.nan), "random", 5, 1.0, 0))
    with pytest.raises(ConfigError, match="there are 1 snapshots"):
        last(surface_parts(there, "trajectory", 5, 1.0, 0))
    config = LossLandscape(subject="potential", potential="quadratic", optimizer="langevin", inputs=1)
    with pytest.raises(ConfigError, match="needs two parameters, this loss has 1"):
        last(surface_parts(loss_at_point(config, randn(2, 1)), "random", 5, 1.0, 0))
    run = descended(PROBE, 1, subject="addition", modulus=5, width=4, embedding=2)
    for given in ({"resolution": 500}, {"plane": "curved"}, {"loss": "other"}, {"span": 0.0}):
        with pytest.raises(ConfigError, match=next(iter(given))):
            run.probe("surface", **given)
