"""What the story claims is what a fit of the curve says, at both ends of each slider."""

import re

import numpy as np
import pytest

from engines.core.analysis.curve_fits import power, slope
from engines.core.api import simulate
from engines.core.runs.run import Run
from engines.matrix_sensing import factor_parts, laws
from engines.matrix_sensing.config import MatrixSensing
from engines.matrix_sensing.engine import ENGINE

STEPS = 1500
BASE = MatrixSensing(operator_seed=-1, target="general", n=30, eta=0.1)

ENDS = [
    ("alpha", 1e-4), ("alpha", 2.0), ("init_ratio", 0.0), ("init_ratio", 1.0), ("init_ratio", 1.5),
    ("k", 1), ("k", 3), ("k", 25), ("eta", 1e-3), ("eta", 2.0),
]  # fmt: skip
OTHERS = [
    {"init": "copy", "init_ratio": 1.0, "target": "psd"}, {"init": "copy", "init_ratio": 1.5},
    {"parameterization": "symmetric", "target": "psd"}, {"parameterization": "symmetric", "target": "psd", "k": 3},
    {"init": "unbalanced"}, {"kappa": 1.0}, {"kappa": 100.0}, {"method": "one_step"},
    {"method": "one_step", "beta": 0.1}, {"method": "one_step", "beta": 2.0},
    {"method": "one_step", "lift": "below_beta"}, {"method": "one_step", "trigger": "manual"},
    {"method": "nesterov"}, {"method": "agn"}, {"method": "prec_gd"},
    {"method": "scaled_gd", "k": 3}, {"method": "scaled_gd_lambda"}, {"init_ratio": 1.0, "alpha": 1.0},
]  # fmt: skip


@pytest.fixture(scope="module")
def runs():
    """The run of every change; the widest is one apart, since a batch is as wide as its widest member."""
    configs = [BASE.replace(**change) for change in [*({name: value} for name, value in ENDS), *OTHERS]]
    wide = [config for config in configs if config.k > 5]
    narrow = [config for config in configs if config.k <= 5]
    return {
        config: (run, member)
        for run in (simulate(Run(ENGINE, some), STEPS) for some in (wide, narrow))
        for member, config in enumerate(run.configs)
    }


@pytest.mark.parametrize("change", [*({name: value} for name, value in ENDS), *OTHERS], ids=str)
def test_the_story_says_what_the_curve_does(runs, change):
    run, member = runs[BASE.replace(**change)]
    config, story = run.configs[member], run.story(member)
    text = story.text
    steps, values = run.curve("error", member)
    assert ("**diverged**" in text) == (run.diverged_at[member] >= 0)
    if run.diverged_at[member] >= 0:
        return
    assert ("never die geometrically" in text) == (config.k > config.r and balanced(config))
    if "out of reach" in text:
        assert values.min() >= float(re.search(r"above ([\d.e-]+)", text)[1]) * 0.995
    if "never die geometrically" in text:
        assert power((steps, values), STEPS / 3, STEPS) == pytest.approx(-1, abs=0.1)
    if found := re.search(r"theory at late times ([\d.e+-]+)\.", text):
        expected = float(found[1])
        assert late(steps, values) == pytest.approx(expected, rel=0.05) or unsettled(values, expected)


def balanced(config):
    return config.method == "gd" and (config.symmetric or (config.init == "copy" and config.init_ratio == 1))


def late(steps, values):
    """The rate over the last four decades above rounding."""
    inside = (values > 1e-12) & (values < max(1e-8, 10 * values.min()))
    return -slope(steps[inside].astype(float), np.log(values[inside]), 3)


def unsettled(values, rate):
    """Whether the run is too short for its late rate: the story's theory is of later times."""
    return values.min() > 1e-10 and rate * STEPS < 20


@pytest.mark.parametrize(
    ("ratio", "word", "sign"),
    [(1 / 3, "Δ > 0", "positive"), (1.0, "both signs", "both"), (3.0, "Δ < 0", "negative")],
)
def test_positive_negative_and_mixed_imbalances_are_told_apart(ratio, word, sign):
    config = BASE.replace(init_ratio=ratio, alpha=0.2)
    run = simulate(Run(ENGINE, [config]), 10)
    assert word in ENGINE.story(run, 0).text
    factors = factor_parts.initial_parts(config)
    assert laws.signs(factors.delta, factors.size) == sign


def test_a_start_of_which_g_is_larger_converges_linearly_at_the_rate_that_is_told():
    """P3 with `init_ratio` 1.5: the story once said 1/t where the run fell to rounding."""
    config = MatrixSensing(operator_seed=-1, target="general", alpha=0.3, init_ratio=1.5)
    run = simulate(Run(ENGINE, [config]), 3000)
    assert run["error"][-1, 0] < 1e-10
    assert late(*run.curve("error", 0)) == pytest.approx(laws.late_rate(config), rel=0.02)


def test_the_story_names_the_arithmetic_of_an_operator_that_has_one():
    for operator, named in (("identity", False), ("completion", False), ("gaussian", True)):
        config = BASE.replace(operator=operator, precision="fp32", n=12, m=100)
        reference = ENGINE.story(simulate(Run(ENGINE, [config]), 1), 0).reference
        assert ("operator in float32" in reference) == named
        assert ("precision" in ENGINE.idle(config)) != named
