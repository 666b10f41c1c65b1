"""Measurements, losses, sub-gradients and starts against full matrices and sums over measurements."""

import numpy as np
import pytest
import torch

from engines.core.api import simulate
from engines.core.runs.run import Run
from engines.subgradient_recovery.draws import START
from engines.subgradient_recovery.dynamics import measure
from engines.subgradient_recovery.engine import ENGINE
from tests.subgradient_recovery.plain import Plain
from tests.subgradient_recovery.setting import begun, factor, tiny

KINDS = ("gaussian", "cauchy", "uniform", "constant", "sign_flip")


def symmetric(seed, d=7, count=1):
    X = np.random.default_rng(seed).standard_normal((count, d, d))
    return torch.from_numpy(X + X.transpose(0, 2, 1))


@pytest.mark.parametrize("kind", KINDS)
def test_the_data_is_that_of_full_matrices_drawn_in_the_documented_order(kind):
    config = tiny(outlier_kind=kind, noise=0.1, kappa=3.0)
    plain, problem = Plain(config), begun(config).problem
    np.testing.assert_allclose(problem.y[0], plain.y, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(problem.s[0], plain.s, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(problem.truth[0], plain.X, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
def test_exactly_the_share_of_the_measurements_is_an_outlier(kind):
    problem = begun(tiny(outlier_kind=kind, outlier_fraction=0.3)).problem
    assert int(problem.corrupted.sum()) == 27
    assert bool((problem.s[problem.corrupted == 0] == 0).all())
    assert bool((problem.s[problem.corrupted == 1] != 0).all())


def test_the_measurements_are_an_isometry_of_the_symmetric_matrices_and_the_adjoint_is_theirs():
    sensing, X = begun(tiny()).problem.sensing, symmetric(1)
    triangle = sensing.triangle
    x = triangle.upper(X) * triangle.weights
    torch.testing.assert_close(x @ x.mT, X.flatten(1) @ X.flatten(1).mT, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(triangle.mirrored(x / triangle.weights), X, rtol=1e-15, atol=1e-15)
    z = torch.from_numpy(np.random.default_rng(2).standard_normal((1, 90)))
    there, back = (sensing.forward(X) * z).sum() / 90, (sensing.adjoint(z) * X).sum()
    torch.testing.assert_close(there, back, rtol=1e-12, atol=1e-14)


def test_the_packed_law_is_that_of_unsymmetric_gaussian_matrices():
    """<A, X> of iid N(0, 1) A has variance |X|_F²; so has the packed form, and they only see sym(A)."""
    X = symmetric(3)[0].numpy()
    A = np.random.default_rng(4).standard_normal((20_000, 7, 7))
    dense = np.einsum("mij,ij->m", A, X)
    packed = begun(tiny(m=20_000)).problem.sensing.forward(torch.from_numpy(X)[None])[0].numpy()
    for values in (dense, packed):
        assert values.mean() == pytest.approx(0, abs=4 * np.linalg.norm(X) / np.sqrt(20_000))
        assert values.var() == pytest.approx(np.linalg.norm(X) ** 2, rel=4 * np.sqrt(2 / 20_000))


def test_loss_direction_and_residuals_are_sums_over_measurements():
    config = tiny(alpha=0.5)
    plain, batch = Plain(config), begun(config)
    now, U = measure(batch.problem, batch.state, batch.knobs), factor(batch)
    np.testing.assert_allclose(now.R[0], plain.residuals(U), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(now.Q[0], plain.signs(U), rtol=1e-12, atol=1e-14)
    assert float(now.loss[0]) == pytest.approx(plain.loss(U), rel=1e-13)
    assert float(batch.problem.true_loss[0]) == pytest.approx(plain.true_loss, rel=1e-13)
    assert float(now.norm[0]) == pytest.approx(np.linalg.norm(plain.signs(U), 2), rel=1e-12)


@pytest.mark.parametrize(("loss", "tolerance"), [("l1", 1e-6), ("l2", 1e-6), ("huber", 1e-6)])
def test_the_direction_is_the_gradient_away_from_kinks(loss, tolerance):
    """Central differences along a random H; no residual may change its sign within the step."""
    batch = begun(tiny(alpha=0.6, loss=loss, huber_delta=1.0))
    problem, state, knobs = batch.problem, batch.state, batch.knobs
    H = torch.from_numpy(np.random.default_rng(5).standard_normal(state.U.shape))

    def at(step):
        return measure(problem, state._replace(U=state.U + step * H), knobs)

    now, (behind, ahead) = at(0.0), (at(-1e-7), at(1e-7))
    assert bool((behind.R.sign() == ahead.R.sign()).all())
    slope = float((ahead.loss - behind.loss)[0]) / 2e-7
    assert slope == pytest.approx(float((2 * now.Q @ state.U * H).sum()), rel=tolerance)


def test_the_loss_is_linear_in_the_signs():
    """f = <Q, UUᵀ> - mean(sign(res) y), the identity of the l1 loss."""
    batch = begun(tiny(alpha=0.5))
    now, U = measure(batch.problem, batch.state, batch.knobs), batch.state.U
    other = (now.Q * (U @ U.mT)).sum((-2, -1)) - (now.R.sign() * batch.problem.y).mean(-1)
    torch.testing.assert_close(now.loss, other, rtol=1e-12, atol=0)


def test_the_direction_at_the_origin_is_the_start_and_the_start_its_projection():
    config = tiny(k=5)
    plain, batch = Plain(config), begun(config)
    origin = measure(batch.problem, batch.state._replace(U=0 * batch.state.U), batch.knobs).Q
    torch.testing.assert_close(origin, -batch.problem.sensing.adjoint(batch.problem.y.sign()), rtol=0, atol=0)
    values, vectors = np.linalg.eigh(plain.weighted(np.sign(plain.y)))
    top = np.argsort(values)[::-1][:5]
    projected = (vectors[:, top] * np.maximum(values[top], 0)) @ vectors[:, top].T
    U = factor(batch)
    np.testing.assert_allclose(U @ U.T / config.alpha**2, projected, rtol=1e-11, atol=1e-13)


def test_larger_outliers_of_the_same_sign_leave_the_start_as_it_is():
    small, large = begun(tiny(outlier_scale=1e3)), begun(tiny(outlier_scale=1e6))
    np.testing.assert_array_equal(small.problem.y.sign(), large.problem.y.sign())
    torch.testing.assert_close(small.state.U, large.state.U, rtol=0, atol=0)


@pytest.mark.parametrize("init", ["truncated", "truth", "random"])
def test_the_other_starts_are_what_they_say(init):
    config = tiny(init=init, k=4, alpha=0.1, kappa=2.0)
    plain, U = Plain(config), factor(begun(config))
    drawn = np.random.default_rng([config.seed, START]).standard_normal((7, 7))[:, :4]
    expected = {
        "truncated": plain.truncated,
        "random": lambda: 0.1 * drawn / np.sqrt(7),
        "truth": lambda: 0.1 * drawn + np.pad(plain.V * np.sqrt(config.sigma), ((0, 0), (0, 2))),
    }[init]()
    np.testing.assert_allclose(U @ U.T, expected @ expected.T, rtol=1e-10, atol=1e-13)


def test_the_error_splits_exactly():
    run = simulate(Run(ENGINE, [tiny(k=6), tiny(k=6, alpha=1.0, init="random")]), 300)
    parts = sum(run[name] ** 2 for name in ("signal_error", "cross_error", "residual_error"))
    np.testing.assert_allclose(np.sqrt(parts), run["error"], rtol=1e-12)


def test_signal_misalignment_and_residual_are_orthogonal_parts_of_the_factor():
    config = tiny(k=6)
    run = simulate(Run(ENGINE, [config]), 40)
    U = factor(_at(config, 40))
    V = Plain(config).V
    S, E = V.T @ U, U - V @ (V.T @ U)
    P = np.linalg.pinv(S) @ S
    F, G = E @ P, E - E @ P
    # A few roundings of matrices whose norms, and whose S has a condition number, near 1.
    np.testing.assert_allclose(F @ G.T, 0, atol=1e-15)
    np.testing.assert_allclose(S @ G.T, 0, atol=1e-15)
    assert np.linalg.norm(U) ** 2 == pytest.approx(np.linalg.norm(S) ** 2 + np.linalg.norm(E) ** 2, rel=1e-12)
    final = {
        "misalignment": np.linalg.norm(F),
        "residual_norm": np.linalg.norm(G, 2),
        "tangent": np.linalg.norm(E @ np.linalg.pinv(S), 2),
        "signal_min": np.linalg.eigvalsh(S @ S.T)[0] / config.sigma[-1],
    }
    for name, value in final.items():
        assert run[name][-1, 0] == pytest.approx(value, rel=1e-9), name


def _at(config, steps):
    batch = begun(config)
    batch.advance(steps)
    return batch


def test_single_precision_rounds_the_measurements_alone():
    exact, coarse = begun(tiny(alpha=0.5)), begun(tiny(alpha=0.5, precision="fp32"))
    assert coarse.problem.sensing.rows(0).dtype == torch.float32
    assert coarse.state.U.dtype == torch.float64
    R = [measure(batch.problem, batch.state, batch.knobs).R for batch in (exact, coarse)]
    torch.testing.assert_close(R[0], R[1], rtol=1e-5, atol=1e-5)
    assert bool((R[0] != R[1]).any())
