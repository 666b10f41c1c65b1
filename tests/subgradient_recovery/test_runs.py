"""Whole runs: symmetries, recovery, floors, and the budget that sets itself."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import engines
from benchmarks.recovery import SETTINGS, successes
from engines.core.protocol.errors import ConfigError
from engines.subgradient_recovery import flow, laws
from engines.subgradient_recovery.cautions import caution
from engines.subgradient_recovery.config import SubgradientRecovery
from engines.subgradient_recovery.dynamics import steps
from engines.subgradient_recovery.probes import descent, sign_rip, spectrum
from tests.subgradient_recovery.setting import begun, factor, ran, tiny


def config(**knobs):
    return SubgradientRecovery(**knobs)


# -- symmetries -------------------------------------------------------------------------------------------------


def test_columns_that_a_member_does_not_have_stay_zero_and_change_nothing():
    narrow, wide = tiny(k=3), tiny(k=7)
    together, alone = begun(narrow, wide), begun(narrow)
    together.advance(200)
    alone.advance(200)
    U = factor(together)
    assert not U[:, 3:].any()
    np.testing.assert_allclose(U[:, :3], factor(alone), rtol=0, atol=1e-12)


def test_data_four_times_as_large_is_the_same_path_at_twice_the_size():
    batch = begun(tiny())
    state, twice = batch.state, batch.state._replace(U=2 * batch.state.U)
    larger = replace(batch.problem, y=4 * batch.problem.y)
    for _ in range(100):
        state, twice = steps(batch.problem, state, batch.knobs, 1), steps(larger, twice, batch.knobs, 1)
    torch.testing.assert_close(twice.U, 2 * state.U, rtol=0, atol=0)


def test_a_rotation_of_the_columns_leaves_the_iterate():
    batch = begun(tiny())
    Q = torch.linalg.qr(torch.from_numpy(np.random.default_rng(1).standard_normal((1, 3, 3))))[0]
    state, turned = batch.state, batch.state._replace(U=batch.state.U @ Q)
    for _ in range(100):
        state, turned = steps(batch.problem, state, batch.knobs, 1), steps(batch.problem, turned, batch.knobs, 1)
    torch.testing.assert_close(turned.U @ turned.U.mT, state.U @ state.U.mT, rtol=1e-9, atol=1e-9)


def test_seeds_that_share_the_measurements_differ_in_the_noise_and_are_one_batch():
    shared = begun(*(tiny(operator_seed=7, seed=seed) for seed in range(4)))
    assert len(shared.problem.sensing.operators) == 1
    assert (shared.problem.V == shared.problem.V[0]).all()
    assert len({tuple(row) for row in shared.problem.s.tolist()}) == 4


# -- recovery ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_size_of_the_outliers_is_irrelevant_once_they_dwarf_the_signal():
    run = ran(2500, *(config(alpha=1e-6, budget=10.7, outlier_scale=scale) for scale in (1e4, 1e6)))
    small, large = run["relative_error"][-1]
    assert large == pytest.approx(small, rel=0.01)


@pytest.mark.thorough
@pytest.mark.slow
def test_near_convergence_the_gap_is_that_of_the_clean_measurements():
    run = ran(1500, *(config(budget=13.9, outlier_fraction=p, seed=s) for p in (0.1, 0.2) for s in (0, 1)))
    share = np.array([1 - one.outlier_fraction for one in run.configs])
    ratio = run["loss_gap"][-1] / (share * np.sqrt(2 / np.pi) * run["error"][-1])
    assert (ratio > 0.7).all() and (ratio < 1.3).all()


@pytest.mark.slow
def test_at_the_dense_floor_the_loss_is_below_by_the_density():
    """(f_true - f)/(g0 |Delta|²) = 1 within .3."""
    members = [config(outlier_fraction=0.0, noise=0.3, k=k, alpha=1e-8, eta0=0.2, budget=13.9, seed=s)
               for k in (2, 30) for s in (0, 1)]  # fmt: skip
    run = ran(1200, *members)
    ratio = -run["loss_gap"][-1] / (laws.density(members[0]) * run["error"][-1] ** 2)
    assert (ratio > 0.7).all() and (ratio < 1.3).all()


@pytest.mark.thorough
@pytest.mark.slow
@pytest.mark.parametrize(
    ("d", "r", "m", "p"), [(30, 2, 1200, 0.2), (30, 2, 1200, 0.5), (50, 2, 1000, 0.2), (20, 3, 1200, 0.1)]
)
def test_the_budget_that_sets_itself_recovers_at_full_width(d, r, m, p):
    """rel was 2.9e-9 to 2.2e-4 (worst at p = .5) in an independent implementation."""
    run = ran(1500, *(config(d=d, r=r, k=d, m=m, outlier_fraction=p, seed=seed) for seed in (0, 1)))
    assert (run["relative_error"][-1] < (2e-3 if p == 0.5 else 3e-5)).all()


@pytest.mark.thorough
@pytest.mark.parametrize("setting", SETTINGS)
def test_the_budget_that_sets_itself_recovers_at_least_where_the_fixed_rule_does(setting):
    own, fixed = successes(setting)
    assert own >= fixed


def test_the_budget_that_sets_itself_is_found_from_the_signs_alone():
    one = config(r=3, m=2400)
    batch = begun(one, one.replace(outlier_scale=1e5), one.replace(alpha=1e-4))
    usual, larger, _ = batch.problem.budget.tolist()
    assert usual == pytest.approx(larger, rel=0.01)
    values = np.array(spectrum(ran(1, one), 0)["eigenvalue"])
    tau, length = values[0] / (2 * values[2]) * np.log(1 / (1e-8 * np.sqrt(values[2]))), np.log(1e8)
    assert usual == pytest.approx(max(0.7 * length + 1, min(1.1 * tau + 1.5, length + 1)), rel=1e-9)


@pytest.mark.parametrize("knobs", [{}, {"outlier_fraction": 0.5, "kappa": 2.0, "seed": 3}, {"operator_seed": 4}])
def test_the_lines_use_the_budget_and_the_spectrum_of_the_run(knobs):
    one = config(**knobs)
    batch = begun(one)
    lam = torch.linalg.eigvalsh(batch.problem.sensing.adjoint(batch.problem.y.sign()))[0].flip(-1).numpy()
    np.testing.assert_allclose(laws.start_eigenvalues(one), lam[: one.r + 1], rtol=1e-9)
    assert laws.budget(one) == pytest.approx(float(batch.problem.budget[0]), rel=1e-9)


def test_a_budget_that_ends_too_soon_is_cautioned_of_also_where_it_sets_itself():
    one = config(m=480, outlier_fraction=0.5, k=2, seed=1)
    short = one.replace(budget=flow.follow(one.replace(budget=40.0)).half_times(one.sigma).max() - 1)
    assert "spent before the signal is learned" in caution(short)
    assert caution(config(d=15, m=60, k=8)).startswith("The 6 columns to spare may grow")


@pytest.mark.slow
def test_single_precision_reaches_its_own_rounding():
    run = ran(2500, config(alpha=1e-12, budget=20.34, precision="fp32"))
    assert 1e-9 < run["relative_error"][-1, 0] < 4e-7


@pytest.mark.slow
def test_double_over_parameterisation_learns_with_a_ratio_tuned_by_hand():
    """k = 10, a = 1e-4: .03 gets below .05 within 3000 steps, 1e-3 learns no outliers and stays above 1."""
    dop = {"method": "dop", "init": "random", "alpha": 1e-4, "eta0": 0.1, "k": 10, "outlier_scale": 10.0}
    run = ran(3000, config(**dop, learning_rate_ratio=0.03), config(**dop, learning_rate_ratio=1e-3))
    assert run["relative_error"][-1, 0] < 0.05 and run["relative_error"][-1, 1] > 1


def test_a_live_budget_changes_the_steps_from_there_on():
    from engines.core.compute.simulation import Simulation
    from engines.subgradient_recovery.engine import ENGINE

    simulation = Simulation(ENGINE, [config(budget=10.0)], torch.device("cpu"))
    simulation.advance(50)
    simulation.set("budget", [20.0])
    simulation.advance(60)
    expected = (1 - 0.15 / 10) ** 50 * (1 - 0.15 / 20) ** 10
    assert float(simulation.batches[0].state.decay[0]) == pytest.approx(expected, rel=1e-12)


# -- probes -----------------------------------------------------------------------------------------------------


def test_the_deviation_is_the_supremum_over_directions_of_its_rank():
    """At the best rank-j direction <Q - phi X/|X|, Y>/|Y| equals phi delta_j; random ones never exceed it."""
    stream = np.random.default_rng(0)
    Q, X = (A + A.T for A in stream.standard_normal((2, 8, 8)))
    X /= np.linalg.norm(X)
    D = Q - np.sum(Q * X) * X
    left, values, right = np.linalg.svd(D)
    for j in (1, 4):
        delta = np.sqrt((values[:j] ** 2).sum())
        best = (left[:, :j] * values[:j]) @ right[:j]
        assert np.sum(D * best) / np.linalg.norm(best) == pytest.approx(delta, rel=1e-12)
        for _ in range(200):
            Y = stream.standard_normal((8, j)) @ stream.standard_normal((j, 8))
            assert np.sum(D * Y) / np.linalg.norm(Y) <= delta


def test_the_sign_rip_probe_meets_the_table_and_its_own_formulas():
    """p = .3, N(0, 100²), |X| = 1: phi .56, delta_1 about .40, delta_4 about .71 (d = 30, m = 1200)."""
    run = ran(1, config(outlier_fraction=0.3))
    found = sign_rip(run, 0, draws=20)
    at = np.isclose(found["size"], 1.0)
    assert found["phi"][at].mean() == pytest.approx(0.56, abs=0.02)
    assert found["delta_1"][at].mean() == pytest.approx(0.40, abs=0.06)
    assert found["delta_4"][at].mean() == pytest.approx(0.71, abs=0.08)
    np.testing.assert_allclose(found["phi"][at].mean(), found["phi_formula"][at][0], rtol=0.04)
    assert (found["delta_1"] < 1.3 * found["delta_1_formula"]).all()


def test_dense_noise_leaves_no_direction_below_its_size():
    run = ran(1, config(outlier_fraction=0.0, noise=0.3))
    found = sign_rip(run, 0)
    small, large = found["size"] < 2e-3, found["size"] > 5
    assert found["delta_1"][large].max() < 0.4
    assert np.abs(found["phi"][small]).max() < 0.05


def test_the_loss_is_downhill_from_the_truth_to_an_over_fitted_iterate():
    wide = config(d=50, k=50, m=1000, eta0=0.3, alpha=1e-10, budget=80.0, init="truth")
    run = ran(1500, wide)
    found = descent(run, 0)
    gap, place = found["gap"], found["place"]
    assert gap[np.isclose(place, 0)][0] == pytest.approx(0, abs=1e-9)
    assert found["at_iterate"] == pytest.approx(float(run["loss_gap"][-1, 0]), rel=1e-9)
    assert found["at_iterate"] < 0 and gap[(place > 0) & (place < 1)].min() < 0


def test_the_probe_of_the_start_shows_as_many_spikes_as_the_rank():
    found = spectrum(ran(1, config(r=3, m=2400)), 0)
    assert (found["eigenvalue"] > 1.15 * found["edge"]).sum() == 3


# -- bad input --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"k": 40}, "k=40 exceeds the size of the matrix, d=30"),
        ({"r": 31, "k": 30, "d": 30}, "r=31 exceeds the size of the matrix, d=30"),
        ({"k": 1}, "k=1 is below the rank of the unknown matrix, r=2"),
        ({"outlier_fraction": 1.0}, r"outlier_fraction=1.0 is outside its bounds \[0, 0.95\]"),
        ({"budget": 0.1}, "budget=0.1 must exceed the first step, eta0=0.15"),
        ({"outlier_scale": 1e7}, "outlier_scale=10000000.0 is outside its bounds"),
    ],
)
def test_bad_input_is_a_sentence_that_names_the_knob(knobs, message):
    with pytest.raises(ConfigError, match=message):
        config(**knobs)


def test_too_few_measurements_are_warned_of_and_not_refused():
    run = engines.run("subgradient_recovery", set={"m": 40}, steps=20)
    assert np.isfinite(run["relative_error"]).all()
    assert "cannot identify" in run.engine.caution(run.configs[0])


def test_gradient_descent_with_too_large_a_step_diverges_alone():
    run = ran(200, config(loss="l2", method="gd", eta0=1.0, alpha=0.1), config(budget=13.9))
    assert run.diverged_at[0] > 0 and run.diverged_at[1] == -1
    assert "stable up to" in run.engine.stability(run.configs[0])
