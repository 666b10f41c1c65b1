"""Cautions are said where what they say happens, and not beside it."""

import numpy as np
import pytest

from engines.optimizer_dynamics import risk
from engines.optimizer_dynamics.config import OptimizerDynamics
from engines.optimizer_dynamics.engine import ENGINE
from tests.optimizer_dynamics.setting import ran

QUADRATIC = {"scene": "quadratic", "sampling": "sampled", "dimension": 20, "noise": 0.0}


@pytest.mark.parametrize("method", ["dog", "prodigy", "dadapt_sgd"])
def test_a_first_guess_beyond_the_distance_to_the_minimiser_is_cautioned_of_and_does_harm(method):
    config = OptimizerDynamics(**QUADRATIC, method=method, eta=1.0)
    reach = float(np.linalg.norm(risk.minimiser(config)))
    below, above, far = (config.replace(d0=share * reach) for share in (0.99, 1.01, 100.0))
    assert ENGINE.caution(below) == ""
    assert "no theory" in ENGINE.caution(above) and f"{reach:.3g}" in ENGINE.caution(above)
    assert ran(1, far)["distance"][1, 0] > 5 * reach  # its first step leaps over the minimiser


def test_mechanic_has_no_distance_to_guess_and_gradient_descent_no_guess():
    for method in ("mechanic", "gd"):
        assert ENGINE.caution(OptimizerDynamics(**QUADRATIC, method=method, d0=1e3, eta=1e-3)) == ""


def test_polyaks_step_in_a_valley_ends_at_whatever_least_loss_it_was_told_and_that_is_said():
    knobs = {"scene": "edge", "model": "valley", "rise": 0.1, "product": 0.47, "sharpness": 95.0, "eta": 1.0}
    polyak = OptimizerDynamics(**knobs, method="polyak")
    assert "the valley has none" in ENGINE.caution(polyak)
    assert "valley" not in ENGINE.caution(polyak.replace(method="gd"))
    told = (0.5, -1.0)
    ends = ran(200, *(polyak.replace(least_loss=least) for least in told))["loss"][-1]
    np.testing.assert_allclose(ends, told, atol=1e-3)


def test_polyaks_step_on_the_network_is_cautioned_of_until_it_knows_a_least_loss():
    polyak = OptimizerDynamics(scene="edge", model="network", method="polyak")
    assert "takes 0 for the least loss" in ENGINE.caution(polyak)
    assert "least loss" not in ENGINE.caution(polyak.replace(least_loss=0.05))


@pytest.mark.parametrize(("noise", "said"), [(1.0, True), (0.0, False)])
def test_polyaks_step_is_cautioned_of_where_labels_are_noisy_and_settles_where_they_are_not(noise, said):
    """Without noise the risk falls by orders of magnitude, with it no further than its first tenth."""
    config = OptimizerDynamics(**{**QUADRATIC, "noise": noise}, batch_size=4, method="polyak")
    assert ("noisy labels" in ENGINE.caution(config)) is said
    late = np.median(ran(600, *(config.replace(seed=seed) for seed in range(8)))["risk"][-1])
    assert bool(late > 1e-2) is said


def test_polyaks_step_near_the_saddle_leaps_and_that_is_said():
    near, away = (OptimizerDynamics(method="polyak", alpha=alpha) for alpha in (0.01, 0.5))
    assert "first step is huge" in ENGINE.caution(near) and "huge" not in ENGINE.caution(away)
    distances = ran(1, near, away)["distance"][1]
    assert distances[0] > 20 * distances[1]
