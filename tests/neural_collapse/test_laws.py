"""Long runs: slopes, bounds, the counter-example, one layer against the flow, and the solver."""

import numpy as np
import pytest
import torch

from engines.neural_collapse import solver
from engines.neural_collapse.predictions import predictions
from tests.neural_collapse.plain import Plain
from tests.neural_collapse.setting import begun, last, ran, small

LARGE = {"classes": 4, "per_class": 10, "features": 10}
REFERENCE = (1000.0, 100.0, 10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01)


def slope(run, channel, first, member=0):
    late = run.steps >= first
    return np.polyfit(run.steps[late], np.log(run[channel][late, member]), 1)[0]


@pytest.mark.slow
def test_the_reference_flow_has_its_numbers():
    """Seed 7: 19.77 at first, 1.85e-5 at t = 120, slope -.1 within 1e-3 (dt = .02 and .1 agree)."""
    one = small(**LARGE, seed=7, step_size=0.1)
    run = ran(1200, one)
    assert run["nc1_trace"][0, 0] == pytest.approx(19.77, abs=5e-3)
    assert last(run, "nc1_trace")[0] == pytest.approx(1.85e-5, rel=2e-3)
    assert slope(run, "nc1_trace", 800) / 0.1 == pytest.approx(-0.1, abs=1e-3)
    batch = begun(one.replace(step_size=0.02))
    batch.advance(500)
    coarse = begun(one)
    coarse.advance(100)
    np.testing.assert_allclose(batch.state.H.numpy(), coarse.state.H.numpy(), atol=1e-6)
    M, Y = (batch.state.H[0, :, part].numpy() for part in (slice(0, 4), slice(4, None)))
    C = M - M.mean(1, keepdims=True)
    assert np.sum(Y**2) / np.sum(C**2) == pytest.approx(1.209, abs=5e-3)


def test_the_reference_sweep_has_its_numbers():
    """Seed 11, last digit of the table: trace ratio, NC1, spread within, against the start."""
    given = {**LARGE, "model": "proximal", "init": "gaussian_means", "seed": 11}
    run = ran(400, *(small(**given, beta=beta) for beta in REFERENCE))
    assert run["nc1_trace"][0, 0] == pytest.approx(1.139, abs=5e-4)
    assert run["nc1"][0, 0] == pytest.approx(0.2744, abs=5e-5)
    expected = {
        "nc1_trace_ratio": (0.99992, 0.99925, 0.9925, 0.9753, 0.9292, 0.8055, 0.6084, 0.2663, 0.0596),
        "nc1_ratio": (0.99984, 0.9984, 0.9838, 0.9470, 0.8501, 0.5996, 0.2694, 0.0338, 0.0031),
    }
    for name, values in expected.items():
        np.testing.assert_allclose(last(run, name), values, atol=6e-5, err_msg=name)
    spread = last(run, "trace_within") / run["trace_within"][0]
    bound = np.array([(beta / (beta + 0.05)) ** 2 for beta in REFERENCE])
    np.testing.assert_allclose(spread, (0.99986, 0.9986, 0.9864, 0.9557, 0.8744, 0.6594, 0.3586, 0.0998, 0.0184),
                               atol=6e-5)  # fmt: skip
    assert (spread <= bound).all()


def test_nc1_rises_where_the_trace_ratio_falls():
    """The four points: x1.0951 and x.8081 at beta = 100, x1.3319 and x.2772 at 10; 1e-4."""
    given = {"init": "counterexample", "classes": 2, "per_class": 2, "features": 2, "lambda_w": 0.0016,
             "lambda_h": 0.0067, "model": "proximal"}  # fmt: skip
    run = ran(60, *(small(**given, beta=beta) for beta in (100.0, 10.0, 1.0)))
    assert run["nc1"][0, 0] == pytest.approx(0.0020783, abs=1e-7)
    assert run["nc1_trace"][0, 0] == pytest.approx(0.112726, abs=1e-6)
    np.testing.assert_allclose(last(run, "nc1_ratio"), (1.0951, 1.3319, 0.0851), atol=1e-4)
    np.testing.assert_allclose(last(run, "nc1_trace_ratio"), (0.8081, 0.2772, 0.0156), atol=1e-4)


def test_many_layers_have_the_late_slopes():
    """-2 ln(1 + lambda_H/beta) for the trace ratio, 1e-3; -2 ln(1 + a/beta) for NC1 above e^-50, 1 per cent."""
    one = small(**LARGE, model="layers", init="gaussian_means", seed=11, beta=0.5)
    run = ran(100, one)
    assert slope(run, "nc1_trace", 60) == pytest.approx(-2 * np.log1p(0.05 / 0.5), abs=1e-3)
    seen = run["nc1"][:, 0] > np.exp(-50)
    end = run.steps[seen][-1]
    late = seen & (run.steps >= 0.8 * end)
    found = np.polyfit(run.steps[late], np.log(run["nc1"][late, 0]), 1)[0]
    assert found == pytest.approx(-2 * np.log1p(one.a / 0.5), rel=0.01)


def test_one_layer_tends_to_the_flow_with_the_square_of_its_length():
    """log NC1t of the layer minus that of the flow at t = 1/beta: a quarter for twice the beta, within 5 per cent."""
    given, betas = {**LARGE, "init": "gaussian_means", "seed": 11}, (10.0, 20.0, 40.0, 80.0, 160.0)
    layer = ran(60, *(small(**given, model="proximal", beta=beta) for beta in betas))
    flow = ran(60, *(small(**given, step_size=1 / (60 * beta)) for beta in betas))
    difference = np.log(last(layer, "nc1_trace") / last(flow, "nc1_trace"))
    assert (difference > 0).all()
    np.testing.assert_allclose(difference[1:] / difference[:-1], 0.25, rtol=0.05)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("model", ["central_path", "proximal", "layers"])
def test_no_bound_is_crossed(model, bias):
    run = ran(120, *(small(model=model, bias=bias, seed=seed, init=init) for seed in range(3)
                     for init in ("gaussian", "gaussian_means", "near_collapse")))  # fmt: skip
    for i, one in enumerate(run.configs):
        for p in predictions(one, run.steps):
            values, late = run[p.channel][:, i], run.steps > 0
            if p.kind == "law":
                continue
            excess = (values - p.values) if p.kind == "upper" else (p.values - values)
            assert (excess <= 1e-12 + 1e-9 * np.abs(p.values))[late].all(), (p.channel, p.label)


def test_the_solver_arrives_where_plain_alternation_does_and_sooner():
    """beta = .01: 656 plain steps to 1e-14; f never rises."""
    one = small(**LARGE, model="proximal", init="gaussian_means", seed=11, beta=0.01)
    run = ran(400, one)
    taken = int((run["residual"][:, 0] > solver.TOLERANCE).sum())
    assert taken < 250
    assert (np.diff(run["objective"][1:, 0]) <= 1e-12).all()
    batch = begun(one)
    batch.advance(400)
    plain = Plain(one)
    np.testing.assert_allclose(batch.state.H[0, :, :4].numpy(), plain.means(plain.layer(1500)), atol=1e-8)
    held = batch.state.H.clone()
    batch.advance(50)
    torch.testing.assert_close(batch.state.H, held, rtol=0, atol=0)


def test_an_extrapolation_that_would_raise_f_is_not_taken():
    """Means of rank K - 1 without a bias: a direction has to appear by itself, and extrapolation would overshoot."""
    one = small(**LARGE, model="proximal", lambda_w=0.05, lambda_h=0.05, beta=0.5, init="gaussian_means")
    batch = begun(one)
    problem = batch.problem.problem
    problem.H0[..., :4] -= problem.H0[..., :4].mean(-1, keepdim=True)
    batch.state = batch.problem.dynamics.init([one], problem)
    values = []
    for _ in range(150):
        batch.advance(1)
        values.append(float(batch.state.value[0]))
    assert (np.diff(values) <= 1e-12).all()
