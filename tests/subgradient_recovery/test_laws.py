"""Every law that is drawn, against quadrature, closed forms, Monte Carlo or runs."""

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import cauchy, norm, uniform

from engines.core.analysis.curve_fits import hitting_time
from engines.subgradient_recovery import flow, laws
from engines.subgradient_recovery.cautions import caution, needed
from engines.subgradient_recovery.config import SubgradientRecovery
from engines.subgradient_recovery.dynamics import measure
from engines.subgradient_recovery.predictions import broken, predictions
from engines.subgradient_recovery.probes import direction
from tests.subgradient_recovery.setting import begun, ran

ROOT = np.sqrt(2 / np.pi)


def config(**knobs):
    return SubgradientRecovery(**knobs)


# -- noise ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("a", [0.0, 0.7, 2.5])
def test_the_mean_of_a_sign_times_its_normal(a):
    """E[sign(z - a) z] = sqrt(2/pi) exp(-a²/2), the identity behind phi."""
    value = quad(lambda z: np.sign(z - a) * z * norm.pdf(z), -12, 12, points=[a])[0]
    assert value == pytest.approx(ROOT * np.exp(-(a**2) / 2), rel=1e-8)


OUTLIERS = {"gaussian": norm, "cauchy": cauchy, "uniform": uniform(-1, 2)}


@pytest.mark.parametrize("kind", OUTLIERS)
@pytest.mark.parametrize("size", [0.1, 1.0, 7.0])
def test_phi_is_its_integral_over_the_outliers(kind, size):
    scale, p = 2.0, 0.3
    found = laws.phi(config(outlier_kind=kind, outlier_scale=scale, outlier_fraction=p), size)
    edge = 1 if kind == "uniform" else np.inf

    def spared(o):
        return np.exp(-((scale * o) ** 2) / (2 * size**2)) * OUTLIERS[kind].pdf(o)

    mean = quad(spared, -edge, edge, limit=400, epsabs=1e-12)[0]
    assert float(found) == pytest.approx(ROOT * (1 - p + p * mean), rel=1e-6)


@pytest.mark.parametrize(
    "knobs", [{}, {"noise": 0.4}, {"noise": 0.4, "outlier_kind": "constant", "outlier_scale": 1.0}]
)
def test_phi_and_the_loss_gap_with_dense_noise_are_monte_carlo_means(knobs):
    """Four million draws of z and s; five standard errors."""
    one, t, n = config(outlier_fraction=0.3, **{"outlier_scale": 3.0, **knobs}), 0.8, 4_000_000
    stream = np.random.default_rng(0)
    outlier = one.outlier_scale * (np.ones(n) if one.outlier_kind == "constant" else stream.standard_normal(n))
    s = np.where(stream.uniform(size=n) < 0.3, outlier, 0) + one.noise * stream.standard_normal(n)
    z = stream.standard_normal(n)
    for samples, law in (
        (np.sign(z * t - s) * z, laws.phi(one, t)),
        (np.abs(z * t - s) - np.abs(s), laws.loss_gap(one, np.array([t]))[0]),
    ):
        assert samples.mean() == pytest.approx(float(law), abs=5 * samples.std() / np.sqrt(n))


def test_phi_has_its_limits():
    huge, none = config(outlier_scale=1e6, outlier_fraction=0.4), config(outlier_fraction=0.0)
    assert float(laws.phi(huge, 1.0)) == pytest.approx(ROOT * 0.6, rel=1e-5)
    assert float(laws.phi(none, 1e-9)) == pytest.approx(ROOT, rel=1e-12)
    assert float(laws.phi(config(outlier_fraction=0.4, outlier_scale=1e-3), 100.0)) == pytest.approx(ROOT, rel=1e-4)
    assert float(laws.phi(config(outlier_fraction=0.0, noise=0.5), 1e-6)) < 1e-5


def test_the_mean_direction_is_phi_along_the_error():
    """d = 10, m = 2e5, p = .3, scale 100: phi within 1 %, what is left below 1.3 noise edges."""
    one = config(d=10, k=10, m=200_000, outlier_fraction=0.3)
    problem, X = begun(one).problem, np.random.default_rng(1).standard_normal((10, 3))
    X = torch.from_numpy(X @ X.T / np.linalg.norm(X @ X.T))[None]
    Q = direction(problem, X)
    assert float((Q * X).sum()) == pytest.approx(float(laws.phi(one, 1.0)), rel=0.01)
    off = torch.linalg.eigvalsh(Q - laws.phi(one, 1.0) * X).abs().max()
    assert 0.7 < float(off) / laws.edge(one) < 1.3


@pytest.mark.parametrize(("d", "m", "low", "high"), [(30, 1200, 0.80, 1.10), (50, 1000, 0.86, 1.06)])
def test_the_noise_edge_is_the_norm_of_random_signs(d, m, low, high):
    problem = begun(config(d=d, m=m)).problem
    signs = torch.from_numpy(np.random.default_rng(2).choice([-1.0, 1.0], (20, m)))
    sizes = torch.linalg.eigvalsh(problem.sensing.adjoint(signs)).abs().amax(-1) / laws.edge(config(d=d, m=m))
    assert low < float(sizes.min()) and float(sizes.max()) < high


def test_a_spike_meets_the_edge_where_it_vanishes_and_there_the_measurements_are_just_enough():
    w = laws.edge(config())
    assert w / 2 + w**2 / (4 * w / 2) == pytest.approx(w, rel=1e-15)
    huge = config(outlier_scale=1e6, outlier_fraction=0.3, r=3)
    assert laws.threshold(huge) == pytest.approx(np.pi / 4 * 30 * 3 / 0.7**2, rel=1e-4)
    enough = round(laws.threshold(huge))
    assert laws.spikes(huge.replace(m=enough - 5))[-1] == laws.edge(huge.replace(m=enough - 5))
    assert laws.spikes(huge.replace(m=enough + 50))[-1] > laws.edge(huge.replace(m=enough + 50))


@pytest.mark.parametrize("p", [0.0, 0.2, 0.5])
def test_the_spectrum_of_the_start_is_spikes_and_a_semicircle(p):
    one = config(outlier_fraction=p, m=2400)
    batch = begun(*(one.replace(seed=seed) for seed in range(4)))
    found = torch.linalg.eigvalsh(batch.problem.sensing.adjoint(batch.problem.y.sign())).flip(-1).numpy()
    np.testing.assert_allclose(found[:, :2].mean(0), laws.spikes(one), rtol=0.1)
    bulk = flow.semicircle(28, laws.edge(one))
    np.testing.assert_allclose(found[:, 2:].mean(0), bulk, atol=0.13 * laws.edge(one))


def test_the_floor_of_dense_noise_is_that_of_least_absolute_deviations():
    """sqrt(pi/2) nu sqrt(dof/m), and for mixtures the density at zero, by quadrature."""
    pure = config(outlier_fraction=0.0, noise=0.3)
    assert laws.dense_floor(pure) == pytest.approx(np.sqrt(np.pi / 2) * 0.3 * np.sqrt(59 / 1200), rel=1e-12)
    for kind, law in OUTLIERS.items():
        mixed = config(outlier_kind=kind, outlier_scale=2.0, outlier_fraction=0.4, noise=0.3)
        edge = 1 if kind == "uniform" else np.inf
        product = quad(lambda o, law=law: norm.pdf(2 * o / 0.3) / 0.3 * law.pdf(o), -edge, edge, points=None)[0]
        assert laws.density(mixed) == pytest.approx(0.6 * norm.pdf(0) / 0.3 + 0.4 * product, rel=1e-6), kind


# -- time -------------------------------------------------------------------------------------------------------


def test_the_budget_is_the_sum_of_all_steps():
    one = config(eta0=0.2, budget=13.9)
    steps = 0.2 * (1 - 0.2 / 13.9) ** np.arange(500)
    assert float(flow.time_spent(one, np.array([500.0]))[0]) == pytest.approx(steps.sum(), rel=1e-12)
    assert float(flow.step_size(one, np.array([499.0]))[0]) == pytest.approx(steps[-1], rel=1e-12)
    run = ran(500, one)
    assert run["spent"][-1, 0] == pytest.approx(steps.sum(), rel=1e-12)
    np.testing.assert_allclose(run["normalised_step"][:-1, 0], 0.2 * (1 - 0.2 / 13.9) ** run.steps[:-1], rtol=1e-11)


@pytest.mark.parametrize("alpha", [1e-4, 1e-8])
def test_the_first_component_is_learned_when_its_eigenvalue_says(alpha):
    one = config(m=2400, eta0=0.05, alpha=alpha, budget=float(0.8 * np.log(1 / alpha) + 1))
    run, batch = ran(400, one), begun(one)
    lam = torch.linalg.eigvalsh(batch.problem.sensing.adjoint(batch.problem.y.sign()))[0].flip(-1)[:2].numpy()
    learned = run["spent"][(run["signal_min"][:, 0] > 0.5).argmax(), 0]
    assert learned == pytest.approx(laws.learning_times(alpha, lam, one.sigma)[-1], rel=0.03)


def test_the_half_times_of_stairs_are_those_of_the_flow():
    """sigma = 1, .5, .25 at eta0 = .05: within 5 %, from the spectrum of the draw itself."""
    one = config(r=3, kappa=4.0, m=2400, alpha=1e-4, budget=18.4, eta0=0.05)
    run = ran(500, one)
    passed = [run["spent"][(run["signal_eigenvalues"][:, 0, j] >= one.sigma[j] / 2).argmax(), 0] for j in range(3)]
    np.testing.assert_allclose(passed, flow.follow(one).half_times(one.sigma), rtol=0.05)


def test_the_flow_of_the_residual_is_an_upper_band():
    for one in (config(alpha=1e-6, budget=10.7), config(r=3, kappa=4.0, m=2400, alpha=1e-8, budget=22.0)):
        run = ran(1500, one)
        band = np.interp(run["spent"][:, 0], flow.follow(one).tau, flow.follow(one).residual)
        assert (run["residual_norm"][:, 0] <= 1.02 * band).all()


def test_the_error_follows_its_curve_from_the_start_to_the_last_step():
    one = config(alpha=1e-12, budget=20.34)
    run = ran(2500, one)
    ratio = run["relative_error"][:, 0] / flow.error(one, run.steps.astype(float))
    assert np.abs(np.log(ratio[run.steps < 100])).max() < 0.01
    curves = ((run.steps, flow.error(one, run.steps)), run.curve("relative_error", 0))
    learned = [hitting_time(curve, 0.5) for curve in curves]
    foretold, found = flow.time_spent(one, np.array(learned))
    assert foretold == pytest.approx(found, rel=0.03)
    late = ratio[run.steps >= 500]
    assert 0.4 < late.min() and late.max() < 2.0


@pytest.mark.parametrize("seed", range(3))
def test_the_error_hops_around_the_size_of_the_steps(seed):
    """Every other value is about .8 of eta0 rho^t, those between about 2.1: a step overshoots by as much as it went."""
    batch = begun(config(alpha=1e-12, budget=20.34, seed=seed))
    truth, size, found = batch.problem.truth[0], float(batch.problem.size[0]), []
    batch.advance(500)
    for _ in range(1000):
        U, step = batch.state.U[0], 0.15 * float(batch.state.decay[0])
        found.append(float(torch.linalg.matrix_norm(U @ U.mT - truth)) / size / step)
        batch.advance(1)
    low, high = sorted((np.median(found[::2]), np.median(found[1::2])))
    assert 0.6 < low < 1.1 and 1.7 < high < 2.5
    assert np.exp(np.log(found).mean()) == pytest.approx(flow.TRACKING, rel=0.15)


def test_the_mean_of_the_loss_step_is_exact():
    """eta0 (pi/2) (E f) 2 (E Q) U = 2 eta0 Delta U, with E f = sqrt(2/pi)|Delta| and E Q = sqrt(2/pi) Delta/|Delta|."""
    stream = np.random.default_rng(0)
    U, X = stream.standard_normal((6, 3)), stream.standard_normal((6, 6))
    D = U @ U.T - X - X.T
    mean = 0.1 * np.pi / 2 * (ROOT * np.linalg.norm(D)) * 2 * (ROOT * D / np.linalg.norm(D)) @ U
    np.testing.assert_allclose(mean, 2 * 0.1 * D @ U, rtol=1e-12)


@pytest.mark.parametrize(
    ("knobs", "factor"),
    [({"alpha": 1e-2, "k": 2}, 2.0), ({"alpha": 1.0}, 1.25), ({"alpha": 1.0, "init": "random"}, 1.25)],
)
def test_the_population_curve_of_the_loss_step_is_that_of_its_mean_iteration(knobs, factor):
    """Against U <- U - 2 eta0 Delta U in full, from step 50 on (the law takes quantiles for the start's spectrum)."""
    one = config(outlier_fraction=0.0, method="subgm_loss", eta0=0.1, m=20_000, **{"k": 30, **knobs})
    problem = begun(one).problem
    U, X, found = problem.U0[0].numpy(), problem.truth[0].numpy(), []
    for _ in range(1200):
        found.append(np.linalg.norm(U @ U.T - X) / np.linalg.norm(X))
        U = U - 2 * 0.1 * (U @ U.T - X) @ U
    ratio = flow.population(one, np.arange(1200.0)) / np.array(found)
    seen = (np.array(found) > 1e-13) & (np.arange(1200) >= 50)
    assert seen.sum() > 50
    assert np.abs(np.log(ratio[seen])).max() < np.log(factor)


def test_a_direction_that_has_not_turned_a_sign_is_a_power_of_the_start():
    """While no residual has changed its sign, U_t = W prod(1 + 2 eta_l lam/|lam|_max) Wᵀ U_0, to 1e-12."""
    one = config(alpha=1e-12, budget=20.34)
    batch = begun(one)
    Q = batch.problem.sensing.adjoint(batch.problem.y.sign())[0].numpy()
    values, vectors = np.linalg.eigh(Q)
    steps = one.eta0 * (1 - one.eta0 / one.budget) ** np.arange(100)
    grown = np.prod(1 + 2 * steps[:, None] * values / np.abs(values).max(), axis=0)
    expected = (vectors * grown) @ vectors.T @ batch.state.U[0].numpy()
    batch.advance(100)
    assert bool((measure(batch.problem, batch.state, batch.knobs).R.sign() == -batch.problem.y.sign()).all())
    np.testing.assert_allclose(batch.state.U[0].numpy(), expected, rtol=0, atol=1e-12 * np.abs(expected).max())


# -- what is drawn ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("knobs", "word"),
    [
        ({"init": "truth"}, "start"),
        ({"outlier_kind": "sign_flip"}, "sign flips"),
        ({"alpha": 0.5, "budget": 20.0}, "not small"),
        ({"method": "geometric", "budget": 8.0}, "norm of the direction"),
        ({"m": 60}, "too near the noise"),
        ({"eta0": 0.5}, "overshoot"),
        ({"k": 2, "alpha": 3.0}, "larger than the truth"),
        ({"budget": 4.0}, "ends before"),
        ({"method": "subgm_loss"}, "never decays"),
    ],
)
def test_a_violated_assumption_is_named(knobs, word):
    one = config(**knobs)
    steps = np.array([0, 1, 100])
    said = [p.broken for p in predictions(one, steps) if p.channel == "relative_error"]
    assert said and all(word in reason for reason in said)


def test_the_default_breaks_no_assumption():
    assert broken(config()) == "" and caution(config()) == ""


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"m": 50}, ("59 unknowns", "raise m above 59")),
        ({"m": 70}, ("lost in the noise", "raise m above")),
        ({"budget": 5.0}, ("B = 5", "raise budget to 12.3 (0 sets it from the data)")),
        ({"d": 15, "m": 60, "k": 8}, ("6 columns to spare", "lower k towards r")),
        ({"method": "subgm_loss"}, ("noiseless", "the sub-gradient method")),
        ({"method": "gd", "loss": "l2"}, ()),
        ({"k": 2, "alpha": 1.0}, ()),
    ],
)
def test_what_cannot_work_is_said_with_the_knob_to_move(knobs, words):
    message = caution(config(**knobs))
    assert all(word in message for word in words) and bool(message) == bool(words)


def test_the_budget_that_is_asked_for_is_enough():
    short = config(budget=8.0)
    assert ran(1500, short)["signal_min"][-1, 0] < 0.5
    assert ran(1500, short.replace(budget=1.1 * needed(short) + 0.5))["signal_min"][-1, 0] > 0.99


def test_theory_costs_a_slider_drag():
    """It must not grow with d or m: nothing of the size of the problem is drawn."""
    large = config(d=1024, k=1024, m=10**6)
    assert len(predictions(large, np.arange(1, 400))) > 5
