"""What is drawn as valid holds within what it says, at knobs drawn over their whole ranges."""

from __future__ import annotations

import numpy as np
import pytest

from engines.core.methods.names import METHODS, RATE_FREE
from engines.core.protocol.errors import ConfigError
from engines.optimizer_dynamics import laws, modes
from engines.optimizer_dynamics.config import OptimizerDynamics
from engines.optimizer_dynamics.engine import ENGINE
from engines.optimizer_dynamics.predictions import WITHIN
from engines.optimizer_dynamics.scenes import factorisation
from tests.optimizer_dynamics.setting import ran

ALL = tuple(range(20))
"""Seeds of the streams of `make thorough`; with every change the first is tried."""

streams = pytest.mark.parametrize("seed", [pytest.param(s, marks=[pytest.mark.thorough] * (s > 0)) for s in ALL])


def valid(config, steps):
    """The predictions of a configuration that are not grey."""
    return [line for line in ENGINE.theory(config, steps) if not line.broken]


def drawn(stream, knobs, steps):
    """Configurations until one has a prediction that is not grey."""
    while True:
        try:
            config = OptimizerDynamics(**knobs(stream))
        except ConfigError:
            continue
        if valid(config, steps):
            return config


def told(config):
    """The knobs of a configuration that are not at their defaults."""
    default = dict(OptimizerDynamics())
    return str({name: value for name, value in dict(config).items() if value != default[name]})


def decades(stream, low, high):
    return float(10 ** stream.uniform(low, high))


# -- a product of factors ---------------------------------------------------------------------------------------


def factors(stream):
    return {
        "method": str(stream.choice(METHODS)), "start": str(stream.choice(["random", "random", "aligned", "diagonal"])),
        "depth": int(stream.choice([2, 2, 3, 4])), "alpha": decades(stream, -3.5, 0),
        "eta": decades(stream, -3.3, -0.5), "beta1": float(stream.choice([0.0, 0.5, 0.9, 0.95])), "eps": 1e-30,
        "seed": int(stream.integers(1000)),
        "orthogonalise": str(stream.choice(["polar", "newton_schulz"])), "look_ahead": bool(stream.integers(2)),
        "scale": str(stream.choice(["original", "match_rms_adamw", "none"])),
        "spectrum": str(stream.choice(["4:2:1:0.5:0.25", "2:1", "3:1:0.3", "2:1.8:1.7", "1:1", "1:0.005"])),
        "rows": int(stream.choice([5, 8, 16, 32])), "columns": int(stream.choice([5, 8, 12, 32])),
        "width": int(stream.choice([5, 10, 32])), "schedule": str(stream.choice(["constant", "constant", "linear"])),
        "horizon": 600, "weight_decay": float(stream.choice([0.0, 0.0, 0.0, 0.3])),
        "warmup": int(stream.choice([0, 0, 0, 20])),
    }  # fmt: skip


def half_times(values, s):
    """First step of a line at half of s; None where it does not come there from below."""
    reached = values >= s / 2
    return int(reached.argmax()) if reached.any() and not reached[0] else None


@streams
def test_modes_follow_what_is_drawn(seed):
    """Aligned: exact to the first crossing. Random: half times within `WITHIN` and 2.5 steps, or within the band."""
    stream = np.random.default_rng(seed)
    for _ in range(8 if seed else 3):
        config = drawn(stream, factors, np.arange(3))
        run = ran(400, config)
        lines = [line for line in valid(config, np.arange(401)) if line.channel == "modes"]
        lines = [line for line in lines if "text-book" not in line.label]
        if config.start != "random":
            exactly(np.stack([line.values for line in lines], 1)[run.steps], run["modes"][:, 0], config)
            continue
        for part, s in enumerate(config.values):
            mine = [line.values for line in lines if line.component == part]
            times, half = [half_times(values, s) for values in mine], run["half_time"][-1, 0, part]
            if None not in times and np.isfinite(half):
                allowed = 2.5 + WITHIN * half
                assert min(times) - allowed <= half <= max(times) + allowed, told(config)


@streams
def test_a_law_in_closed_form_is_met_where_there_is_one(seed):
    """Half times of aligned factors by their recursion, which full matrices are: a twentieth and three steps."""
    stream, met = np.random.default_rng(seed), 0
    while met < (30 if seed else 20):
        knobs = factors(stream) | {
            "start": "diagonal", "damping": 0.0, "schedule": "constant", "alpha": decades(stream, -4, 0),
            "spectrum": str(stream.choice(["4:2:1:0.5:0.25", "25:16:9", "1:0.01"])),
            "beta2": float(stream.choice([0.9, 0.99, 0.999, 0.9999])), "eps": float(stream.choice([1e-30, 1e-8, 1e-4])),
        }  # fmt: skip
        try:
            config = OptimizerDynamics(**knobs)
        except ConfigError:
            continue
        start = np.full(len(config.values), config.alpha)
        law = laws.half_times(config, start**config.depth)
        law = np.where(law < 1500, law, np.nan)
        if np.isfinite(law).any():
            met += 1
            times = modes.half_times(config, start, 2000)
            off = np.abs(times - law)[np.isfinite(law)]
            assert (off <= 3 + 0.05 * law[np.isfinite(law)]).all(), f"{told(config)} {times} {law}"


@pytest.mark.parametrize("knobs", [
    {"warmup": 30}, {"method": "sign", "start": "aligned"}, {"method": "soap", "beta1": 0.0}, {"alpha": 0.5},
    {"eta": 0.6, "start": "aligned"}, {"depth": 3}, {"method": "adam", "start": "diagonal", "beta1": 0.0, "beta2": 0.9},
], ids=str)  # fmt: skip
def test_no_law_is_named_where_its_assumptions_are_broken(knobs):
    """With a warm-up, in a rotated basis, from a start that is not small or not balanced, of a short memory."""
    config = OptimizerDynamics(**knobs)
    assert np.isnan(laws.half_times(config, factorisation.strengths(config))).all()


@streams
def test_the_text_books_momentum_is_met_where_it_is_not_grey(seed):
    """The limit of `eta s << (1-beta)²`: half times within `WITHIN`, and a step."""
    stream, met = np.random.default_rng(seed), 0
    while met < (5 if seed else 2):
        knobs = factors(stream) | {"method": str(stream.choice(["heavy_ball", "nesterov"])), "depth": 2,
                                   "schedule": "constant", "eta": decades(stream, -4.5, -2)}  # fmt: skip
        try:
            config = OptimizerDynamics(**knobs)
        except ConfigError:
            continue
        lines = [line for line in valid(config, np.arange(8001)) if "text-book" in line.label]
        run = ran(8000, config) if lines else None
        for line in lines:
            expected = half_times(line.values, config.values[line.component])
            found = run["half_time"][-1, 0, line.component]
            if expected is not None and np.isfinite(found):
                met += 1
                assert abs(found - expected) <= WITHIN * found + 1, told(config)


def test_the_text_books_momentum_is_grey_where_it_is_a_third_off():
    """At beta = .9 and eta s = .008 it is 35 % too optimistic."""
    config = OptimizerDynamics(method="heavy_ball", eta=0.002, start="aligned", spectrum="4:0.01")
    lines = [line for line in ENGINE.theory(config, np.arange(2)) if "text-book" in line.label]
    assert [bool(line.broken) for line in lines] == [True, False]
    assert "η s = 0.008 is not far below (1 − β)² = 0.01" in lines[0].broken


def exactly(u, found, config):
    """Until any mode is at its singular value, from where on signs are decided by rounding."""
    over = (u >= config.values * (1 - 1e-6)).any(1)
    end = int(over.argmax()) if over.any() else len(u)
    # Roots of Gram matrices keep half the digits.
    assert np.abs(found - u)[:end].max(initial=0) <= 1e-6 * config.values[0], told(config)


@streams
def test_the_loss_of_equal_steps_ends_below_its_bound(seed):
    stream, tried = np.random.default_rng(seed), 0
    while tried < (3 if seed else 1):
        config = drawn(stream, lambda s: {**factors(s), "method": str(s.choice(["muon", "sign"])), "beta1": 0.0,
                                          "orthogonalise": "polar", "start": "diagonal"}, np.arange(3))  # fmt: skip
        bounds = [line for line in valid(config, np.arange(1, 601)) if line.kind == "upper"]
        if not bounds or not np.isfinite(bounds[0].values).any():
            continue
        tried += 1
        run = ran(600, config)
        bound = next(line for line in valid(config, run.steps) if line.kind == "upper").values
        assert np.nanmax(run["loss"][:, 0] / bound) <= 1 + 1e-9, told(config)


# -- the quadratic ----------------------------------------------------------------------------------------------


def sampled(stream):
    return {
        "scene": "quadratic", "sampling": "sampled", "dimension": int(stream.choice([1, 5, 20, 60])),
        "capacity": float(stream.uniform(0.5, 2.5)), "source": float(stream.uniform(1.1, 4)), "horizon": 60,
        "noise": float(stream.choice([0.0, 0.3, 1.0])), "batch_size": int(stream.choice([1, 2, 8])),
        "eta": decades(stream, -3, 0), "beta1": float(stream.choice([0.0, 0.5, 0.9])),
        "method": str(stream.choice(["gd", "heavy_ball", "nesterov", "schedule_free"])),
        "average": str(stream.choice(["none", "none", "ema", "polyak"])), "averaging": 0.9,
        "precondition": float(stream.choice([0.0, 0.0, 0.5])), "warmup": int(stream.choice([0, 10])),
        "schedule": str(stream.choice(["constant", "linear", "cosine", "wsd", "rsqrt", "power"])),
        "weight_decay": float(stream.choice([0.0, 0.0, 0.5])),
    }  # fmt: skip


@streams
def test_sampled_runs_scatter_about_the_exact_risk_and_mostly_in_its_band(seed):
    """256 runs: the mean within 5 standard errors, unless near instability, where tails are heavy; 80 % in the band."""
    stream, at = np.random.default_rng(seed), np.array([10, 30, 60])
    for _ in range(2):
        config = drawn(stream, sampled, at)
        if ENGINE.caution(config):
            continue
        runs = ran(60, *(config.replace(seed=1000 + one) for one in range(256)))["risk"][at]
        lines = valid(config, at)
        mean = next(line.values for line in lines if line.kind == "law")
        low, high = (line.values for line in lines if line.kind == "band")
        calm = runs.std(1) < 2 * runs.mean(1)
        z = (runs.mean(1) - mean) / (runs.std(1, ddof=1) / 16)
        assert abs(z[calm]).max(initial=0) < 5, told(config)
        inside = (runs <= high[:, None]) & ~(runs < low[:, None])
        assert inside[calm].mean(1).min(initial=1) > 0.8, told(config)


@streams
def test_risk_without_noise_is_the_power_law_where_it_is_drawn(seed):
    """Within 15 %, and the end of a constant rate within 2 %."""
    stream, steps = np.random.default_rng(seed), np.array([50, 500, 2000])
    config = drawn(stream, lambda s: {"scene": "quadratic", "noise": 0.0, "dimension": 2000, "eta": decades(s, -3, 0),
                                      "capacity": float(s.uniform(1.1, 2)), "source": float(s.uniform(1.2, 3)),
                                      "batch_size": 256}, steps)  # fmt: skip
    run = ran(2000, config)
    (law,) = valid(config, run.steps)
    known = np.isfinite(law.values)
    np.testing.assert_allclose(run["risk"][known, 0], law.values[known], rtol=0.15, err_msg=told(config))


# -- two parameters, and one ------------------------------------------------------------------------------------


@streams
def test_the_maps_of_two_parameters_are_exact_until_chaos_amplifies_rounding(seed):
    stream, steps = np.random.default_rng(seed), np.arange(61)
    for _ in range(4):
        config = drawn(stream, lambda s: {"scene": "edge", "model": "product", "method": "gd", "eta": decades(s, -2, 0),
                                          "product": float(s.uniform(-1, 1)), "sharpness": decades(s, 0, 1.3),
                                          "weight_decay": float(s.choice([0.0, 0.0, 0.5])),
                                          "warmup": int(s.choice([0, 0, 10])),
                                          "centre": float(s.uniform(-2, 2))}, steps)  # fmt: skip
        run = ran(60, config)
        for line in valid(config, run.steps):
            found = run[line.channel][:, 0]
            both = np.isfinite(found) & np.isfinite(line.values) & (np.abs(found) < 1e6)
            np.testing.assert_allclose(found[both], line.values[both], rtol=1e-6, atol=1e-8, err_msg=told(config))


@streams
def test_estimates_keep_below_their_ceilings_and_dog_goes_its_way(seed):
    """DoG's law within 5 % of the decades that it has come."""
    stream = np.random.default_rng(seed)
    for _ in range(4):
        config = drawn(stream, lambda s: {"scene": "line", "method": str(s.choice(RATE_FREE)), "eta": 1.0,
                                          "goal": decades(s, -2, 6), "d0": decades(s, -9, -3),
                                          "warmup": int(s.choice([0, 0, 10])),
                                          "beta1": float(s.choice([0.0, 0.9]))}, np.arange(3))  # fmt: skip
        run = ran(300, config)
        for line in valid(config, run.steps):
            found = run[line.channel][:, 0]
            if line.kind == "upper":
                assert (found <= line.values * (1 + 1e-12)).all(), told(config)
                continue
            known = np.isfinite(line.values)
            came, law = (np.log(values[known] / config.d0) for values in (found, line.values))
            np.testing.assert_allclose(came, law, rtol=0.05, atol=0.3, err_msg=told(config))
