"""The reduced problem against the full one, its minimisers, and the flow's theorem."""

import numpy as np
import pytest
import torch

from engines.neural_collapse import central_path, laws
from engines.neural_collapse.config import NeuralCollapse
from engines.neural_collapse.features import FeatureTargets
from tests.neural_collapse.plain import Plain
from tests.neural_collapse.setting import begun, frames, last, ran, small

LAMBDAS = [(0.5, 0.05), (0.01, 0.01), (0.1, 0.4), (2**0.5, 0.2)]


def knobs(**values):
    return {name: torch.tensor([value], dtype=torch.float64) for name, value in values.items()}


# -- minimisers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("lambda_w", "lambda_h"), LAMBDAS)
def test_the_orthogonal_frame_is_stationary_and_its_loss_is_the_formula(lambda_w, lambda_h):
    """f* = c(2-c)/2, gradient 0, W = a Mᵀ, WM = (1-c) I, residual -cY: 1e-12."""
    one = small(init="collapsed", lambda_w=lambda_w, lambda_h=lambda_h)
    plain = Plain(one)
    H, W = plain.H0, plain.ridge(plain.H0)
    assert plain.loss(W, H) == pytest.approx(one.c * (2 - one.c) / 2, abs=1e-12)
    assert laws.optimum(one) == pytest.approx(plain.loss(W, H), abs=1e-12)
    for part in plain.gradient(W, H):
        np.testing.assert_allclose(part, 0, atol=1e-12)
    np.testing.assert_allclose(W, one.a * plain.means(H).T, atol=1e-12)
    np.testing.assert_allclose(W @ plain.means(H), (1 - one.c) * np.eye(4), atol=1e-12)
    np.testing.assert_allclose(W @ H - plain.Y, -one.c * plain.Y, atol=1e-12)


@pytest.mark.parametrize(("lambda_w", "lambda_h"), LAMBDAS)
def test_the_constants_obey_their_identities(lambda_w, lambda_h):
    one = small(lambda_w=lambda_w, lambda_h=lambda_h)
    assert one.a * one.c == pytest.approx(lambda_h, rel=1e-12)
    assert one.rho + lambda_w == pytest.approx(1 / one.a, rel=1e-12)
    assert one.a * one.rho == pytest.approx(1 - one.c, rel=1e-12)


def test_above_one_everything_vanishes():
    """c > 1: H = 0 and f = 1/2, with a bias (K-1)/2K; 1e-12."""
    run = ran(2000, *(small(lambda_w=2.0, lambda_h=1.0, bias=bias) for bias in (False, True)))
    np.testing.assert_allclose(last(run, "feature_norm"), 0, atol=1e-12)
    np.testing.assert_allclose(last(run, "loss"), [1 / 2, 3 / 8], atol=1e-12)


@pytest.mark.parametrize("model", ["proximal", "layers", "central_path"])
@pytest.mark.parametrize("bias", [False, True])
def test_a_collapsed_input_does_not_move_whatever_beta(model, bias):
    """Corollary 2.2, to 1e-12."""
    configs = [small(model=model, init="collapsed", beta=beta, bias=bias) for beta in (1e-2, 1.0, 100.0)]
    batch = begun(*configs)
    batch.advance(5)
    np.testing.assert_allclose(batch.state.H.numpy(), batch.problem.problem.H0.numpy(), atol=1e-12)


def test_with_a_bias_the_minimiser_is_a_simplex():
    """Gram rho (I - 11ᵀ/K), b = 1/K, f* = (K-1)/K c(2-c)/2, gradient 0 by all three: 1e-10."""
    one = small(init="collapsed", bias=True)
    plain, M = Plain(one), frames(begun(one))[0]
    simplex = np.eye(4) - 0.25
    np.testing.assert_allclose(M.T @ M, one.rho * simplex, atol=1e-10)
    W, b, H = one.a * M.T, np.full(4, 0.25), plain.H0
    assert plain.loss(W, H, b=b) == pytest.approx(3 / 4 * one.c * (2 - one.c) / 2, abs=1e-10)
    assert laws.optimum(one) == pytest.approx(plain.loss(W, H, b=b), abs=1e-10)
    E = W @ H + b[:, None] - plain.Y
    np.testing.assert_allclose(E.sum(1), 0, atol=1e-10)
    np.testing.assert_allclose(E @ H.T / 6 + one.lambda_w * W, 0, atol=1e-10)
    np.testing.assert_allclose(W.T @ E + one.lambda_h * H, 0, atol=1e-10)
    run = ran(3000, small(bias=True, step_size=0.1))
    assert last(run, "loss")[0] == pytest.approx(laws.optimum(one), abs=1e-10)
    assert last(run, "feature_norm")[0] == pytest.approx(laws.feature_norm(one), rel=1e-6)


# -- the reduced form is the full one -----------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 12])
def test_the_flow_without_n_is_the_flow_of_every_sample(n):
    """Class means, covariances, NC1 and every sample, after 200 steps: 1e-10."""
    one = small(classes=5, per_class=n, features=9, lambda_w=0.2, lambda_h=0.03)
    plain, batch = Plain(one), begun(one)
    H = plain.flow(200)
    batch.advance(200)
    M, Y = frames(batch)
    np.testing.assert_allclose(M, plain.means(H), atol=1e-10)
    np.testing.assert_allclose(Y @ Y.T, 5 * plain.covariances(H)[0], atol=1e-10)
    Q = batch.problem.problem.Q[0].numpy()
    np.testing.assert_allclose(np.repeat(M, n, axis=1) + np.sqrt(n) * Y @ Q, H, atol=1e-10)


@pytest.mark.parametrize("beta", [0.3, 1.0, 30.0])
def test_a_layer_without_n_is_the_layer_of_every_sample(beta):
    """Against plain alternation of the full problem: 1e-10."""
    one = small(model="proximal", beta=beta)
    plain, batch = Plain(one), begun(one)
    batch.advance(100)
    M, Y = frames(batch)
    H = plain.layer()
    np.testing.assert_allclose(M, plain.means(H), atol=1e-10)
    np.testing.assert_allclose(Y @ Y.T, 4 * plain.covariances(H)[0], atol=1e-10)
    W = plain.ridge(H)
    run = ran(100, one)
    assert last(run, "loss")[0] == pytest.approx(plain.loss(W, H), rel=1e-10)
    assert last(run, "objective")[0] == pytest.approx(plain.loss(W, H, beta), rel=1e-10)
    assert last(run, "nc1")[0] == pytest.approx(plain.nc1(H), rel=1e-8)


@pytest.mark.parametrize("bias", [False, True])
def test_deviations_of_a_layer_are_a_linear_map_of_those_of_its_input(bias):
    """dh = beta B dh0 with B = (WᵀW + (lambda_H + beta) I)⁻¹ of the solved W, to 1e-12; and the bound on its trace."""
    one = small(model="proximal", beta=0.7, bias=bias)
    batch = begun(one)
    batch.advance(200)
    problem, W = batch.problem.problem, batch.state.W[0].numpy()
    B = np.linalg.inv(W.T @ W + (one.lambda_h + one.beta) * np.eye(7))
    _, Y = frames(batch)
    Y0 = problem.H0[0, :, 4:].numpy()
    np.testing.assert_allclose(Y, one.beta * B @ Y0, atol=1e-12)
    assert np.sum(Y**2) <= np.sum(Y0**2) * (one.beta / (one.beta + one.lambda_h)) ** 2


def test_the_global_mean_of_a_bias_model_only_shrinks():
    """By beta/(beta + lambda_H) in a layer, and it changes nothing else."""
    one = small(model="proximal", bias=True)
    batch = begun(one, one)
    problem = batch.problem.problem
    problem.H0[1, :, :4] += 3.0
    batch.state = batch.problem.dynamics.init([one, one], problem)
    batch.advance(100)
    left, right = batch.state.H.numpy()
    shift = one.beta / (one.beta + one.lambda_h) * 3.0
    np.testing.assert_allclose(right[:, :4] - left[:, :4], shift, atol=1e-10)
    np.testing.assert_allclose(right[:, 4:], left[:, 4:], atol=1e-10)


# -- the flow -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bias", [False, True])
def test_the_rates_of_the_traces_are_their_derivatives(bias):
    """Central differences along the flow: relative 1e-6."""
    one = small(bias=bias, seed=3)
    task, h = begun(one).problem.problem.task, 1e-4
    H0 = begun(one).problem.problem.H0
    values = knobs(lambda_w=0.5, lambda_h=0.05)

    def moved(t):
        return H0 + t * task.velocity(H0 + t / 2 * task.velocity(H0, values), values)

    def traces(H):
        C = H[..., :4] - H[..., :4].mean(-1, keepdim=True)
        return np.array([float(H[..., 4:].square().sum()) / 4, float(C.square().sum()) / 4])

    slopes = (traces(moved(h)) - traces(moved(-h))) / (2 * h)
    np.testing.assert_allclose([float(rate) for rate in central_path.trace_rates(task, H0, values)], slopes, rtol=1e-6)


def test_at_one_state_the_rate_of_the_trace_ratio_does_not_see_the_decay_of_features():
    """Equal for lambda_H = 0, .01 and 1, to 1e-10."""
    problem = begun(small(seed=5)).problem.problem
    found = [
        float(central_path.trace_ratio_rate(problem.task, problem.H0, knobs(lambda_w=0.5, lambda_h=value)))
        for value in (0.0, 0.01, 1.0)
    ]
    np.testing.assert_allclose(found, found[0], rtol=1e-10)
    other = float(central_path.trace_ratio_rate(problem.task, problem.H0, knobs(lambda_w=0.05, lambda_h=0.01)))
    assert abs(other / found[0] - 1) > 0.1


def test_traces_are_monotone_on_a_thousand_random_states():
    """Theorem 3.1: NC1t never rises, nor the scaled spread within; the scaled spread between never falls."""
    stream = np.random.default_rng(0)
    for _ in range(1000):
        K, n = stream.integers(2, 6), stream.integers(2, 7)
        d = K + stream.integers(0, 6)
        H = torch.from_numpy(stream.standard_normal((1, d, K + min(d, K * (n - 1)))))
        u = torch.zeros(1, H.shape[-1], 1, dtype=torch.float64)
        P = torch.eye(K, H.shape[-1], dtype=torch.float64)[None]
        task = FeatureTargets(P, u)
        values = knobs(lambda_w=10 ** stream.uniform(-3, 1), lambda_h=10 ** stream.uniform(-3, 1))
        within, between = central_path.trace_rates(task, H, values)
        C = H[..., :K] - H[..., :K].mean(-1, keepdim=True)
        decay = 2 * float(values["lambda_h"]) / K
        assert float(central_path.trace_ratio_rate(task, H, values)) < 0
        assert float(within) + decay * float(H[..., K:].square().sum()) <= 0
        assert float(between) + decay * float(C.square().sum()) >= 0


def test_a_batch_of_weight_decays_is_each_of_them_alone():
    configs = [NeuralCollapse(lambda_h=h, lambda_w=w, epsilon=e) for h, w, e in ((0.1, 0.5, 0.1), (0.4, 0.1, 0.3))]
    together = ran(50, *configs)
    for i, one in enumerate(configs):
        np.testing.assert_allclose(together["nc1"][:, i], ran(50, one)["nc1"][:, 0], rtol=1e-12)
