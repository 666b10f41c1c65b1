"""The exact risk: against closed forms, other methods' limits, the table, sampled runs and wrong builds."""

import numpy as np
import pytest

from engines.core.protocol.errors import ConfigError
from engines.optimizer_dynamics import cautions, risk
from engines.optimizer_dynamics.config import OptimizerDynamics
from engines.optimizer_dynamics.engine import ENGINE
from engines.optimizer_dynamics.speed import parabola_minimum, steps_to_equal
from tests.optimizer_dynamics.setting import ran

SMALL = {
    "scene": "quadratic", "dimension": 20, "capacity": 1.2, "source": 1.8, "noise": 0.5, "batch_size": 2, "eta": 0.15,
    "horizon": 120,
}  # fmt: skip
TABLE = {"constant": 0.0301563, "cosine": 0.0440862, "linear": 0.0431489, "wsd": 0.0269608, "rsqrt": 0.1207807}


def small(**knobs):
    return OptimizerDynamics(**{**SMALL, **knobs})


def end(config, steps=120):
    return float(risk.expected(config, np.array([steps]))[0])


@pytest.mark.parametrize(("schedule", "value"), TABLE.items())
def test_the_table_of_schedules(schedule, value):
    assert end(small(schedule=schedule)) == pytest.approx(value, abs=1e-7)


def test_wrong_builds_give_other_numbers(monkeypatch):
    """Without the feedback of S 14 % low, without the Gaussian 1/B 1.6 % low."""
    original = risk.signal

    def build(**patch):
        for name, value in patch.items():
            monkeypatch.setattr(risk, name, value)
        found = float(risk.RiskPath(small()).until(120)[120, 0])
        monkeypatch.undo()
        return found

    def without_feedback(k, m):
        return 0 * original(k, m)

    def descent_without_feedback(k, x, inputs):
        monkeypatch.setattr(risk, "signal", without_feedback)
        after = risk.descent(k, x, inputs)
        monkeypatch.setattr(risk, "signal", original)
        return after

    rules = {**risk.RULES, "gd": risk.MomentRule(descent_without_feedback, 1)}
    assert build(RULES=rules) == pytest.approx(0.02582, abs=1e-5)

    def descent_without_kurtosis(k, x, inputs):
        q = inputs.rate * k.divided * k.curvature
        return (risk.descent(k, x, inputs)[0] - q.square() / k.batch_size * x[0],)

    rules = {**risk.RULES, "gd": risk.MomentRule(descent_without_kurtosis, 1)}
    assert build(RULES=rules) == pytest.approx(0.02968, abs=1e-5)


def test_one_direction_is_a_geometric_series():
    config = small(dimension=1, eta=0.3)
    x, B, noise = 0.3, 2, 0.25
    factor, source = 1 - 2 * x + x * x * (1 + 2 / B), x * x / B * noise
    expected = 0.5 * (factor**50 + source * (1 - factor**50) / (1 - factor))
    assert end(config, 50) == pytest.approx(expected, rel=1e-12)


def test_large_minibatches_are_gradient_descent():
    config = small(batch_size=65536, noise=0.0)
    lam, w = risk.curvature(config), risk.minimiser(config)
    plain = (lam * w**2 * (1 - config.eta * lam) ** 240).sum() / 2
    assert end(config) == pytest.approx(plain, rel=1e-3)


def test_methods_meet_where_they_are_the_same():
    descent = end(small())
    assert end(small(method="heavy_ball", beta1=0.0)) == pytest.approx(descent, rel=1e-12)
    assert end(small(method="nesterov", beta1=0.0)) == pytest.approx(descent, rel=1e-12)
    assert end(small(method="schedule_free", beta1=0.0)) == pytest.approx(end(small(average="polyak")), rel=1e-12)
    assert end(small(average="ema", averaging=0.0)) == pytest.approx(descent, rel=1e-12)


SAMPLED = [
    {"method": "heavy_ball", "beta1": 0.8, "eta": 0.03}, {"method": "nesterov", "beta1": 0.8, "eta": 0.03},
    {"method": "schedule_free", "beta1": 0.9, "eta": 0.2}, {"average": "polyak"}, {"average": "ema", "averaging": 0.9},
    {"precondition": 0.5, "eta": 0.05}, {"schedule": "wsd"},
]  # fmt: skip


@pytest.mark.parametrize("knobs", SAMPLED, ids=str)
def test_the_mean_of_sampled_runs_is_the_exact_risk(knobs):
    """400 runs, at every tenth step: within 4.5 standard errors."""
    configs = [small(sampling="sampled", seed=seed, **knobs) for seed in range(400)]
    run = ran(60, *configs)
    at = np.arange(10, 61, 10)
    values = run["risk"][at]
    z = (values.mean(1) - risk.expected(configs[0], at)) / (values.std(1, ddof=1) / 20)
    assert abs(z).max() < 4.5


def test_adams_mean_field_is_close_at_small_steps():
    configs = [small(sampling="sampled", method="adam", eta=0.01, seed=seed, beta2=0.99) for seed in range(200)]
    run = ran(100, *configs)
    assert run["risk"][100].mean() == pytest.approx(end(configs[0], 100), rel=0.06)


def test_the_largest_rate_is_where_the_risk_begins_to_grow():
    for batch_size, value in ((1, 0.494), (4, 1.226), (16, 1.763), (64, 1.938), (256, 1.984)):
        assert risk.largest_rate(small(batch_size=batch_size)) == pytest.approx(value, abs=1e-3)
    top = risk.largest_rate(small())
    for share, grows in ((0.97, False), (1.03, True)):
        late = risk.expected(small(eta=share * top), np.array([3000, 3200]))
        assert (late[1] > late[0] * 1.01) is grows or bool(late[1] > late[0] * 1.01) is grows


def test_a_constant_rate_ends_at_the_floor():
    config = small(eta=0.4)
    assert end(config, 4500) == pytest.approx(risk.noise_floor(config), rel=1e-3)


def test_closed_forms_of_the_best_rate():
    config = OptimizerDynamics(scene="quadratic")
    for T, value in ((64, 0.0927), (256, 0.0532), (1024, 0.0306), (4096, 0.0176)):
        assert risk.best_constant_rate(config, T) == pytest.approx(value, abs=1e-4)


def test_momentum_gains_nothing_where_noise_dominates():
    """At eta(1-beta) and T = 1024: .03173/.03219/.03277 against .03167 (beta .5/.9/.95)."""
    base = {"scene": "quadratic", "schedule": "linear", "horizon": 512}
    plain = end(OptimizerDynamics(**base, eta=0.12), 512)
    heavy = end(OptimizerDynamics(**base, method="heavy_ball", beta1=0.9, eta=0.012), 512)
    assert 1 < heavy / plain < 1.05


def test_speed_ups_are_never_extrapolated():
    budgets, losses = np.array([50, 100, 200]), np.array([0.4, 0.2, 0.1])
    assert steps_to_equal(budgets, losses, 0.1) == 200
    assert steps_to_equal(budgets, losses, 0.09) is None
    assert steps_to_equal(budgets, losses, 0.5) is None
    rate, loss = parabola_minimum(np.array([1.0, 2.0, 4.0, 8.0]), np.array([4.0, 2.0, 4.0, np.inf]))
    assert (rate, loss) == (pytest.approx(2.0), pytest.approx(2.0))


@pytest.mark.parametrize(
    ("knobs", "words"),
    [({"eta": 0.9}, "grows without end"), ({"method": "heavy_ball", "eta": 0.4}, "grows without end"),
     ({"method": "polyak", "sampling": "sampled"}, "does not settle"), ({}, "")],
)  # fmt: skip
def test_rates_that_are_too_large_are_named(knobs, words):
    said = cautions.quadratic(small(**knobs))
    assert words in said if words else said == ""


def test_best_rates_of_tunings_are_minima_of_the_exact_risk_beside_their_law():
    rates = np.geomspace(0.02, 0.4, 9)
    configs = [OptimizerDynamics(scene="quadratic", horizon=T, schedule=schedule, eta=eta, batch_size=B)
               for B in (1, 4) for T, schedule in ((64, "constant"), (64, "linear")) for eta in B * rates]  # fmt: skip
    found = ran(64, *configs).probe("best_rates")
    assert found["batch_linear"].tolist() == [1, 4]
    fine = {B: min(np.geomspace(0.03 * B, 0.15 * B, 60), key=lambda eta, B=B: end(
        OptimizerDynamics(scene="quadratic", horizon=64, eta=float(eta), batch_size=B), 64))
        for B in (1, 4)}  # fmt: skip
    np.testing.assert_allclose(found["rate_constant"], [fine[1], fine[4]], rtol=0.05)
    np.testing.assert_allclose(found["rate_law"][0], 0.0927, atol=1e-4)
    np.testing.assert_allclose(found["share_constant"], found["rate_constant"] / [1, 4])


@pytest.mark.parametrize(("schedule", "batch_size", "best"), [("constant", 256, 1.442), ("linear", 16, 1.27)])
def test_two_optima_of_a_fixed_number_of_samples_by_a_fine_scan(schedule, batch_size, best):
    """4096 samples: an independent grid of 121 rates, no interpolation; to half of its distance of 0.4 %."""
    top = risk.largest_rate(OptimizerDynamics(scene="quadratic", batch_size=batch_size))
    rates = best * np.exp(np.linspace(-0.24, 0.24, 121))
    fixed, steps = {"scene": "quadratic", "schedule": schedule, "batch_size": batch_size}, 4096 // batch_size
    configs = [OptimizerDynamics(**fixed, horizon=steps, eta=eta) for eta in rates if eta < top]
    risks = ran(steps, *configs)["risk"][-1]
    assert configs[int(np.argmin(risks))].eta == pytest.approx(best, rel=0.006)


@pytest.mark.parametrize("method", ["heavy_ball", "nesterov"])
def test_momentum_is_stable_up_to_its_own_largest_rate_and_ends_at_its_own_floor(method):
    """Far below (2 + 2β)/λ₁ where samples are few: the risk grows 2 % above it, and not 2 % below."""
    config = small(method=method, beta1=0.9, dimension=30, capacity=1.5, batch_size=1)
    top = risk.largest_rate(config)
    assert top < 0.2
    assert "from where on the risk grows" in ENGINE.caution(config.replace(eta=1.02 * top))
    assert not ENGINE.caution(config.replace(eta=0.98 * top))
    early, late = risk.expected(config.replace(eta=1.02 * top), np.array([1000, 2000]))
    assert late > 3 * early
    below = config.replace(eta=0.5 * top)
    assert risk.expected(below, np.array([2000]))[0] == pytest.approx(risk.noise_floor(below), rel=1e-4)
    plain = config.replace(beta1=0.0)
    assert risk.largest_rate(plain) == pytest.approx(risk.largest_rate(config.replace(method="gd")), rel=1e-9)


def test_schedule_free_is_stable_beyond_the_largest_rate_of_gradient_descent():
    config = small(method="schedule_free", beta1=0.9, dimension=30, capacity=1.5, batch_size=1)
    top = risk.largest_rate(config.replace(method="gd"))
    beyond = config.replace(eta=1.5 * top)
    early, late = risk.expected(beyond, np.array([500, 2000]))
    assert late < early and not ENGINE.caution(beyond)
    over = config.replace(eta=10.5 * top)
    early, late = risk.expected(over, np.array([500, 2000]))
    assert late > 1e3 * early and "grows without end" in ENGINE.caution(over)


@pytest.mark.parametrize(("method", "eta", "off"), [("schedule_free", 0.3, 0.0), ("adam", 0.01, 0.05)])
def test_a_preconditioner_is_in_the_exact_risk_of_every_method(method, eta, off):
    """The mean of 400 runs within 4.5 standard errors; of Adam, whose scales are at their mean, and a twentieth."""
    config = small(method=method, eta=eta, precondition=0.5, sampling="sampled")
    at = np.array([10, 40])
    runs = ran(40, *(config.replace(seed=seed) for seed in range(400)))["risk"][at]
    exact = risk.expected(config, at)
    assert (abs(runs.mean(1) - exact) < 4.5 * runs.std(1) / 20 + off * exact).all()


def test_weight_decay_is_in_no_exact_risk():
    config = OptimizerDynamics(scene="quadratic", weight_decay=0.5)
    assert "weight_decay" in ENGINE.idle(config)
    sampled = config.replace(sampling="sampled")
    assert "weight_decay" not in ENGINE.idle(sampled) and ENGINE.theory(sampled, np.arange(3)) == []
    with pytest.raises(ConfigError, match="known exactly"):
        ran(2, sampled).probe("monte_carlo", 0)
