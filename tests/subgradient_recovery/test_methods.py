"""One update of every method against its own formula in plain numpy, with full measurement matrices."""

import copy
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.optimize import linprog

from engines.core.protocol.errors import ConfigError
from engines.subgradient_recovery.dynamics import METHODS, MethodInputs
from engines.subgradient_recovery.losses import median as row_median
from engines.subgradient_recovery.prox_linear import ARRIVED, MU, solve
from tests.subgradient_recovery.plain import Plain, norm
from tests.subgradient_recovery.setting import begun, factor, tiny

START = {"init": "random", "alpha": 0.8}
"""Far from zero and from the truth: nothing cancels, no step is clipped."""


def after(config, steps=1, others=()):
    """U before and after some steps; with `others` in the same batch."""
    batch = begun(config, *others)
    before = factor(batch)[:, : config.k].copy()
    batch.advance(steps)
    return before, factor(batch)[:, : config.k]


def gap(plain, U):
    return max(plain.loss(U) - plain.true_loss, 0)


def subgm(plain, U, t=0):
    c, Q = plain.config, plain.signs(U)
    return U - 2 * c.eta0 * (1 - c.eta0 / c.budget) ** t / norm(Q) * Q @ U


def frozen(plain, U):
    return U - 2 * plain.config.eta0 / norm(plain.weighted(np.sign(plain.y))) * plain.signs(U) @ U


def loss_step(plain, U):
    return U - 2 * plain.config.eta0 * np.pi / 2 * plain.loss(U) * plain.signs(U) @ U


def geometric(plain, U):
    return U - 2 * plain.config.eta0 * plain.signs(U) @ U


def polyak(plain, U):
    D = 2 * plain.signs(U) @ U
    return U - gap(plain, U) / np.sum(D**2) * D


def scaled(plain, U, damping=0.0):
    D = 2 * plain.signs(U) @ U
    Z = D @ np.linalg.inv(U.T @ U + damping * np.eye(U.shape[1]))
    return U - gap(plain, U) / np.sum(D * Z) * Z


def opsa(plain, U):
    return scaled(plain, U, plain.config.damping)


def opsa_gap(plain, U):
    return scaled(plain, U, plain.config.damping * gap(plain, U))


def constant(psi):
    def update(plain, U):
        scale = norm(plain.weighted(psi(plain, -plain.y)))
        return U - 2 * plain.config.eta0 / scale * plain.weighted(psi(plain, plain.residuals(U))) @ U

    return update


def huber(plain, R):
    return np.clip(R, -plain.config.huber_delta, plain.config.huber_delta)


def trimmed(plain, R):
    kept = np.argsort(np.abs(R))[: round((1 - plain.config.trim_fraction) * len(R))]
    return np.where(np.isin(np.arange(len(R)), kept), R, 0)


def median(plain, R):
    return np.where(np.abs(R) <= plain.config.median_threshold * np.median(np.abs(R)), R, 0)


UPDATES = {
    "subgm": (subgm, {}),
    "subgm_frozen": (frozen, {}),
    "subgm_loss": (loss_step, {}),
    "geometric": (geometric, {}),
    "polyak": (polyak, {}),
    "scaled_sm": (scaled, {"k": 2}),
    "opsa": (opsa, {"damping": 0.3}),
    "opsa_gap": (opsa_gap, {"damping": 0.7}),
    "gd": (constant(lambda plain, R: np.sign(R)), {}),
    "gd l2": (constant(lambda plain, R: R), {"loss": "l2"}),
    "gd huber": (constant(huber), {"loss": "huber"}),
    "trimmed": (constant(trimmed), {"trim_fraction": 0.3}),
    "median": (constant(median), {"median_threshold": 2.0}),
}


@pytest.mark.parametrize("name", UPDATES)
def test_an_update_is_its_formula(name):
    update, knobs = UPDATES[name]
    config = tiny(**{**START, "method": name.split()[0], **knobs})
    before, found = after(config)
    np.testing.assert_allclose(found, update(Plain(config), before), rtol=1e-10, atol=1e-13)
    assert np.abs(found - before).max() > 1e-4


@pytest.mark.parametrize("name", UPDATES)
def test_a_method_does_the_same_in_a_batch_of_all_methods(name):
    def made(name):
        return tiny(**{**START, "method": name.split()[0], **UPDATES[name][1]})

    others = [made(other) for other in UPDATES if other != name]
    alone, together = after(made(name), 3)[1], after(made(name), 3, others)[1]
    np.testing.assert_allclose(together, alone, rtol=1e-9, atol=1e-12)


def test_the_steps_of_the_schedule_shrink_geometrically():
    config = tiny(**START)
    plain, (U, found) = Plain(config), after(config, 6)
    for t in range(6):
        U = subgm(plain, U, t)
    np.testing.assert_allclose(found, U, rtol=1e-10, atol=1e-13)


def test_double_over_parameterisation_descends_on_one_squared_loss():
    """U, g and h move by their gradients of (1/2m)|A(UUᵀ) + g² - h² - y|², at speeds eta, ratio eta, ratio eta."""
    config = tiny(**{**START, "method": "dop", "learning_rate_ratio": 0.4})
    plain, batch = Plain(config), begun(config)
    U, g = factor(batch).copy(), np.full(90, config.alpha)
    h, eta = g.copy(), config.eta0 / norm(plain.weighted(plain.y))
    batch.advance(4)
    for _ in range(4):
        R = plain.residuals(U) + g**2 - h**2
        U, g, h = (
            U - eta * 2 * plain.weighted(R) @ U,
            g - 0.4 * eta * 2 * R * g,
            h + 0.4 * eta * 2 * R * h,
        )
    for found, expected in ((factor(batch), U), (batch.state.g[0], g), (batch.state.h[0], h)):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("m", [1, 2, 5, 6, 90])
def test_the_median_of_each_row_is_that_of_numpy(m):
    values = np.random.default_rng(m).standard_normal((4, m))
    np.testing.assert_array_equal(row_median(torch.from_numpy(values))[:, 0], np.median(values, axis=1))


def test_reweighting_solves_the_prox_linear_problem():
    """Against a linear program on data with gross errors; the ridge costs at most its own value."""
    stream = np.random.default_rng(0)
    rows, b = stream.standard_normal((60, 6)), stream.standard_normal(6)
    b = rows @ b + 10 * stream.standard_normal(60) * (stream.uniform(size=60) < 0.2)
    h = solve(torch.from_numpy(rows), torch.from_numpy(b)).numpy()
    cost = np.r_[np.zeros(6), np.full(60, 1 / 60)]
    both = np.block([[rows, -np.eye(60)], [-rows, -np.eye(60)]])
    best = linprog(cost, both, np.r_[-b, b], bounds=[(None, None)] * 6 + [(0, None)] * 60)
    assert best.fun > 0.1
    assert best.fun - 1e-9 <= np.abs(rows @ h + b).mean() <= best.fun + 1e-6
    np.testing.assert_allclose(h, best.x[:6], atol=1e-5)


def test_a_prox_linear_step_is_the_solution_of_the_linearised_problem():
    config = tiny(method="prox_linear", k=2, init="truncated")
    plain, (before, found) = Plain(config), after(config)

    def objective(H):
        linear = np.array([np.sum(a * (before @ before.T + before @ H.T + H @ before.T)) for a in plain.A])
        return np.abs(linear - plain.y).mean() + MU * np.sum(H**2)

    best = objective(found - before)
    stream = np.random.default_rng(1)
    for size in (1e-1, 1e-2, 1e-3):
        for _ in range(20):
            assert objective(found - before + size * stream.standard_normal(before.shape)) > best - 1e-9


def test_prox_linear_converges_quadratically_and_then_stays():
    config = tiny(method="prox_linear", k=2, init="truncated", m=200)
    plain, errors = Plain(config), []
    batch = begun(config)
    for _ in range(9):
        batch.advance(1)
        U = factor(batch)
        errors.append(np.linalg.norm(U @ U.T - plain.X))
    assert errors[5] < 1e-10
    assert min(np.log(b) / np.log(a) for a, b in pairwise(errors[1:4])) > 1.5
    assert max(errors[6:]) < 1e-11  # rounding of 90 and more measurements of size 1, times their condition
    for _ in range(60):
        if batch.state.moved[0] > ARRIVED:  # rounding alone moves it, and says when it rests
            batch.advance(1)
    assert float(batch.state.moved[0]) <= ARRIVED
    arrived = factor(batch).copy()
    batch.advance(2)
    assert (factor(batch) == arrived).all()


@pytest.mark.parametrize("method", ["scaled_sm", "prox_linear"])
def test_methods_for_the_exact_rank_refuse_more_columns(method):
    with pytest.raises(ConfigError, match=f"k=3 must equal r=2 for the method {method}"):
        tiny(method=method)


@pytest.mark.parametrize("name", ["norm", "loss", "gap"])
def test_a_step_that_reads_what_is_not_measured_for_its_method_is_no_number(name, monkeypatch):
    monkeypatch.setitem(METHODS, "geometric", lambda p: (p.D, getattr(p, name)))
    assert np.isnan(after(tiny(method="geometric", **START))[1]).all()


def test_what_a_method_is_not_given_is_missing_as_of_any_object():
    inputs = MethodInputs({"U": torch.ones(2)}, slice(None))
    assert not hasattr(inputs, "speed")
    assert torch.equal(copy.copy(inputs).U, torch.ones(2))
