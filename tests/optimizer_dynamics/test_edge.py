"""The edge of stability: exact maps, thresholds by companion matrices, curvature against autograd."""

import numpy as np
import pytest
import torch

from engines.core.protocol.errors import ConfigError
from engines.optimizer_dynamics import predictions
from engines.optimizer_dynamics.config import OptimizerDynamics
from engines.optimizer_dynamics.engine import ENGINE
from engines.optimizer_dynamics.scenes import rmsprop_flow, small_models
from tests.optimizer_dynamics.setting import ran

EDGE = {"scene": "edge", "model": "product", "eta": 1.0, "product": 0.01}


def product(**knobs):
    return OptimizerDynamics(**{**EDGE, **knobs})


@pytest.mark.parametrize(
    "knobs", [{"sharpness": 2.5}, {"sharpness": 16.0001, "product": 0.04, "centre": 1.0, "eta": 0.12}]
)
def test_the_map_of_residual_and_length_is_exact(knobs):
    config = product(**knobs)
    run = ran(60, config)
    lines = {line.channel: line.values for line in ENGINE.theory(config, run.steps) if "exact" in line.label}
    for channel in ("residual", "length"):
        np.testing.assert_allclose(run[channel][:, 0], lines[channel], rtol=0, atol=1e-9)


@pytest.mark.parametrize(("eta", "final"), [(0.1, 15.90), (0.12, 15.18), (0.13, 13.67), (0.15, 9.11), (0.2, 2.09)])
def test_the_sharpness_lands_below_the_edge(eta, final):
    """c = 1 from (4, .01): 15.90/15.18/13.67/9.11/2.09, always below 2/eta."""
    config = product(centre=1.0, product=0.04, sharpness=16.0001, eta=eta)
    found = ran(2000, config)["sharpness"][-1, 0]
    assert found == pytest.approx(final, abs=0.02)
    assert found < 2 / eta


def test_the_valley_balances_exactly():
    """`alpha - <x²>/2 = (u_T - u_0)/(eta T)`."""
    config = OptimizerDynamics(scene="edge", model="valley", eta=0.02, rise=0.1, product=0.47, sharpness=95.0)
    run = ran(90, config)
    x, u = run["residual"][:, 0], run["length"][:, 0]
    assert 0.1 - (x[:90] ** 2).mean() / 2 == pytest.approx((u[90] - u[0]) / (0.02 * 90), abs=1e-12)


def spectral_radius(method, beta, x):
    """Of the linear recursion of a method on a parabola with curvature times step size x."""
    rows = {
        "gd": [[1 - x]],
        "heavy_ball": [[1 - x, -beta], [x, beta]],
        "nesterov": [[1 - x * (1 + beta), -(beta**2)], [x, beta]],
        "adam": [[1 - (1 - beta) * x, -beta], [(1 - beta) * x, beta]],
    }
    return abs(np.linalg.eigvals(np.array(rows[method]))).max()


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("method", ["gd", "heavy_ball", "nesterov", "adam"])
def test_thresholds_are_where_the_companion_matrix_leaves_the_unit_circle(method, beta):
    limit = predictions.threshold(OptimizerDynamics(scene="edge", method=method, beta1=beta))
    assert spectral_radius(method, beta, limit * (1 - 1e-6)) <= 1 + 1e-9
    assert spectral_radius(method, beta, limit * (1 + 1e-6)) > 1


def test_curvature_of_the_network_is_that_of_autograd():
    model = small_models.Network(*(torch.tensor(values) for values in small_models.images()))
    w = torch.tensor(np.stack([small_models.network_start(seed) for seed in (0, 1)]), requires_grad=True)
    v = torch.tensor(np.random.default_rng(1).standard_normal((2, 3, w.shape[1])))
    loss, gradient = model.loss_and_gradient(w)
    (expected,) = torch.autograd.grad(loss.sum(), w, create_graph=True)
    torch.testing.assert_close(gradient, expected, rtol=1e-10, atol=1e-12)
    for k in range(3):
        (product_,) = torch.autograd.grad((expected * v[:, k]).sum(), w, retain_graph=True)
        torch.testing.assert_close(model.curvature(w, v)[:, k], product_, rtol=1e-9, atol=1e-12)


def test_the_sharpness_that_is_followed_is_the_largest_eigenvalue():
    config = OptimizerDynamics(scene="edge", eta=0.5)
    run = ran(40, config)
    from engines.core.runs.replay import simulation_at

    state = simulation_at(run, 40, 0).batches[0].state
    model = small_models.Network(*(torch.tensor(values) for values in small_models.images()))
    H = model.curvature(state.w, torch.eye(state.w.shape[1], dtype=torch.float64)[None])[0]
    assert run["sharpness"][-1, 0] == pytest.approx(float(torch.linalg.eigvalsh(H)[-1]), rel=1e-3)


def test_flows_begin_where_the_run_is_and_part_where_the_edge_is_crossed():
    """Below the edge both flows are gradient flow, and so is small-step gradient descent; a later start begins anew."""
    far, near = (OptimizerDynamics(scene="edge", eta=eta, flow_start=start) for eta, start in ((0.05, 4), (2.2, 1)))
    run = ran(12, far)
    assert np.isnan(run["central_distance"][:5, 0]).all()
    assert run["central_distance"][5, 0] == run["gradient_distance"][5, 0] == 0
    assert 0 < run["central_distance"][-1, 0] == run["gradient_distance"][-1, 0] < 1e-2
    assert run["central_variance"][-1, 0] == 0
    steep = ran(6, near)
    assert steep["central_variance"][-1, 0] > 0
    assert steep["central_loss"][-1, 0] > 0
    assert abs(steep["central_distance"][-1, 0] - steep["gradient_distance"][-1, 0]) > 1e-3


def test_flows_begin_again_at_a_later_step_of_their_knob():
    from engines.core.compute.simulation import Simulation

    config = OptimizerDynamics(scene="edge", eta=0.8, flow_start=2)
    simulation = Simulation(ENGINE, [config], torch.device("cpu"))
    simulation.advance(8)
    assert simulation.observe().values["gradient_distance"][0] > 0
    simulation.set("flow_start", [8])
    simulation.advance(9)
    assert simulation.observe().values["gradient_distance"][0] == 0


def rmsprop_flows(steps=60, **knobs):
    """The probe of the central flow from step 200 on, of RMSProp at the edge."""
    config = OptimizerDynamics(**{"scene": "edge", "method": "rmsprop", "eta": 0.005, "beta2": 0.99} | knobs)
    return ran(200, config).probe("central_flow", 0, steps=steps)


def test_rmsprop_keeps_to_its_central_flow_and_leaves_the_one_without_hops():
    found = rmsprop_flows()
    assert found["central"][-1] < 0.03
    assert found["gradient"][-1] > 4 * found["central"][-1]
    assert found["oscillation"] == pytest.approx(found["variance"], rel=0.3)


@pytest.mark.thorough
def test_without_what_hops_add_to_the_squares_rmsprop_leaves_its_flow(monkeypatch):
    right, pull = rmsprop_flows()["central"][-1], rmsprop_flow.pull_of_hops

    def narrow(model, flow, gradient, knobs, dt):
        pulled, spread, basis = pull(model, flow, gradient, knobs, dt)
        return pulled, 0 * spread, basis

    monkeypatch.setattr(rmsprop_flow, "pull_of_hops", narrow)
    assert rmsprop_flows()["central"][-1] > 2 * right


def test_far_from_the_edge_both_flows_of_rmsprop_are_one():
    found = rmsprop_flows(steps=10, eta=1e-4)
    np.testing.assert_array_equal(found["central"], found["gradient"])
    assert found["variance"] == 0 and found["central"][-1] < 1e-3


def test_a_bias_correction_has_no_central_flow():
    with pytest.raises(ConfigError, match="plain RMSProp"):
        rmsprop_flows(bias_correction=True)


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"schedule": "linear"}, "not of schedule=linear"),
        ({"warmup": 20}, "warmup=20"),
        ({"weight_decay": 0.1}, "weight_decay=0.1"),
        ({"beta2": 0.2}, "needs beta2 of 0.9 or more, not 0.2"),
    ],
)
def test_a_flow_of_other_dynamics_is_refused_in_a_sentence(knobs, message):
    with pytest.raises(ConfigError, match=message):
        rmsprop_flows(steps=3, **knobs)
