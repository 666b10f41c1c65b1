"""What is drawn as valid holds: laws within the factor of their labels, bounds as bounds, limits in the end."""

from math import exp, log

import numpy as np
import pytest

from engines.core.protocol.errors import ConfigError
from engines.neural_collapse import near_collapse
from engines.neural_collapse.config import NeuralCollapse
from engines.neural_collapse.predictions import ROUNDING, WITHIN, predictions
from tests.neural_collapse.setting import last, ran

WHOLE = {"lambda_w": (1e-8, 1e4), "lambda_h": (1e-8, 1e4), "beta": (1e-6, 1e9), "epsilon": (1e-6, 1e3),
         "step_size": (1e-9, 100), "scale": (1e-3, 1e3)}  # fmt: skip
"""Whole bounds of the knobs (their least values above 0)."""

USUAL = {"lambda_w": (1e-3, 2), "lambda_h": (1e-3, 2), "beta": (1e-2, 1e3), "epsilon": (1e-4, 1),
         "step_size": (1e-3, 1), "scale": (1e-1, 5)}  # fmt: skip
"""Where most people are."""

STARTS = ("near_collapse", "near_collapse", "near_collapse", "gaussian", "gaussian_means")


def drawn(stream, model, count):
    """Members of one shape, their other knobs all over; three in ten over the whole bounds."""
    K, n = int(stream.integers(2, 8)), int(stream.choice([1, 2, 4, 10, 50]))
    shape = {"model": model, "classes": K, "per_class": n, "features": K + int(stream.choice([0, 0, 1, 2, 5, 20]))}
    found = []
    while len(found) < count:
        ranges = WHOLE if stream.random() < 0.3 else USUAL
        knobs = {name: exp(stream.uniform(log(low), log(high))) for name, (low, high) in ranges.items()}
        knobs["scale"] *= stream.random() < 0.25
        knobs |= {"bias": bool(stream.random() < 0.3), "init": str(stream.choice(STARTS))}
        try:
            found.append(NeuralCollapse(**shape, **knobs, seed=int(stream.integers(1000))))
        except ConfigError:  # contradicts another knob
            continue
    return found


def missed(run, member):
    """The predictions of a member that are drawn as valid and are not, with the worst of them."""
    end = run.diverged_at[member] if run.diverged_at[member] >= 0 else np.inf
    for p in predictions(run.configs[member], run.steps):
        values = run[p.channel][:, member]
        finite = np.isfinite(p.values) & (run.steps < end)
        if p.broken or "limit" in p.label or not finite.any():
            continue
        if "solved" in p.label:  # at its input, and once it is
            finite &= (run.steps == 0) | (run["residual"][:, member] <= 1e-11)
        if p.kind == "law":
            off = np.abs(np.log(values[finite] / p.values[finite])).max()
            fails = not off <= log(1 + WITHIN)
        else:
            sign = 1 if p.kind == "upper" else -1
            off = (sign * (values - p.values) / np.abs(p.values).clip(1e-300))[finite].max()
            fails = not off <= 1e-9  # rounding
        if fails:
            yield p.channel, p.label, off, run.configs[member]


SAMPLES = [("central_path", 100, 25), ("proximal", 100, 25), ("layers", 6, 12)]


def sweep(model, steps, count, rounds, seed):
    stream = np.random.default_rng(seed)
    found = []
    for _ in range(rounds):
        run = ran(steps, *drawn(stream, model, count))
        found += [miss for member in range(count) for miss in missed(run, member)]
    return found


@pytest.mark.parametrize(("model", "steps", "count"), SAMPLES)
def test_what_is_not_grey_holds_from_the_first_step_to_the_last(model, steps, count):
    """Laws within a quarter, bounds to rounding, over the whole bounds of the knobs."""
    assert sweep(model, steps, count, 2, seed=1) == []


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(2, 6))
@pytest.mark.parametrize(("model", "steps", "count"), SAMPLES)
def test_what_is_not_grey_holds_in_many_more_runs(model, steps, count, seed):
    assert sweep(model, 3 * steps, 2 * count, 6, seed) == []


def drawn_law(one, steps, channel="nc1_trace"):
    (law,) = [p for p in predictions(one, steps) if (p.channel, p.kind) == (channel, "law")]
    return law


FULL = {"classes": 5, "features": 5, "per_class": 4, "lambda_w": 0.079, "lambda_h": 0.060, "seed": 8}
SLOW = {"classes": 4, "features": 11, "per_class": 4, "lambda_w": 0.0113, "lambda_h": 0.0858, "epsilon": 0.0869,
        "seed": 1}  # fmt: skip


@pytest.mark.parametrize("epsilon", [0.79, 0.3])
def test_without_room_out_of_the_frame_large_perturbations_are_grey(epsilon):
    """d = K: all spread is in the span, and no law holds of it: 7,634 and 13.5 times off before."""
    one = NeuralCollapse(**FULL, epsilon=epsilon)
    assert "not small" in drawn_law(one, np.arange(301)).broken
    assert not drawn_law(one.replace(epsilon=0.03), np.arange(301)).broken


def test_the_law_of_nc1_follows_lengths_that_settle_slowly():
    """First order in the perturbation was 1.6 times off at step 28, 10 times at 221; now a quarter throughout.

    It is grey nevertheless: the estimate of the next order is a cautious one.
    """
    one = NeuralCollapse(**SLOW)
    run = ran(230, one)
    law = drawn_law(one, run.steps, "nc1")
    finite = np.isfinite(law.values)
    assert finite.mean() > 0.98
    assert np.abs(np.log(run["nc1"][finite, 0] / law.values[finite])).max() < log(1.25)


def test_the_slope_of_the_trace_ratio_is_no_bound():
    """Sixty times exceeded by a Gaussian start: drawn grey, as a slope, and parallel in the end."""
    one = NeuralCollapse(model="layers", classes=4, features=5, per_class=12, lambda_w=0.3372, lambda_h=0.0017,
                         beta=2.6746, init="gaussian", seed=14)  # fmt: skip
    law = drawn_law(one, np.arange(5))
    assert "no level" in law.broken
    assert not [p for p in predictions(one, np.arange(5)) if p.channel == "nc1_trace" and p.kind != "law"]


@pytest.mark.parametrize("features", [4, 7])
def test_runs_end_up_parallel_to_the_slope_that_is_drawn(features):
    """-2 lambda_H, and -2 a where d = K leaves no room out of the span: 3 per cent."""
    one = NeuralCollapse(classes=4, features=features, per_class=6, init="gaussian_means", step_size=0.1)
    steps = 900 if features > 4 else 300
    run = ran(steps, one)
    law, late = drawn_law(one, run.steps), run.steps >= 0.8 * steps
    found, drawn_slope = (np.polyfit(run.steps[late], np.log(values[late]), 1)[0]
                          for values in (run["nc1_trace"][:, 0], law.values))  # fmt: skip
    assert found == pytest.approx(drawn_slope, rel=0.03)


def test_limits_are_where_runs_end():
    """Once errors of the shape of the frame are gone, e^-20 of them: 1e-6."""
    knobs = {"lambda_w": 0.2, "lambda_h": 0.2, "step_size": 0.1, "classes": 4, "per_class": 6, "features": 6}
    run = ran(400, *(NeuralCollapse(**knobs, init=init, bias=bias) for init in STARTS[2:4] for bias in (False, True)))
    for i, one in enumerate(run.configs):
        limits = [p for p in predictions(one, run.steps) if "limit" in p.label]
        assert len(limits) == 3
        for p in limits:
            assert last(run, p.channel)[i] == pytest.approx(p.values[-1], rel=1e-6), (one, p.label)


def test_the_length_of_the_means_is_that_of_its_differential_equation():
    """`ds/dt = s (lambda_W/x² - lambda_H)`, from below, above and on the frame, against 20,000 Runge-Kutta steps."""
    one = NeuralCollapse(lambda_w=0.3, lambda_h=0.08)
    s = np.array([0.05, 0.7, one.rho**0.5, 4.0])
    found = near_collapse.lengths(one, s, np.array([0.0, 2.0, 20.0]))
    np.testing.assert_allclose(found[0], s, rtol=1e-12)

    def rate(s):
        return s * (0.3 / (s**2 + 0.3) ** 2 - 0.08)

    h = 1e-3
    for step in range(20_000):
        k1 = rate(s)
        k2 = rate(s + h / 2 * k1)
        k3 = rate(s + h / 2 * k2)
        s = s + h / 6 * (k1 + 2 * k2 + 2 * k3 + rate(s + h * k3))
        if step == 1999:
            np.testing.assert_allclose(found[1], s, rtol=1e-9)
    np.testing.assert_allclose(found[2], s, rtol=1e-9)


def test_nc1_is_not_drawn_where_rounding_drowns_it():
    one = NeuralCollapse(epsilon=1e-3)
    steps = np.arange(4000)
    found = {p.channel: p for p in predictions(one, steps) if p.kind == "law"}
    finite = np.isfinite(found["nc1"].values)
    assert finite[0]
    assert not finite[-1]
    assert (found["nc1"].values[finite] > ROUNDING**2 * found["nc1_trace"].values[finite]).all()
