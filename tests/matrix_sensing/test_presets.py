"""The verdicts on seeds that nobody tuned to; the contract suite checks them on the presets' own."""

import numpy as np
import pytest

import engines
from engines.core.ensemble import Experiment
from engines.core.measures import hit
from engines.matrix_sensing.config import MatrixSensing

ENGINE = engines.load("matrix_sensing")
FRESH = (90_001,)

LONG = {"P4", "P7"}
"""Some ten seconds and more: judged on their own seeds alone."""


@pytest.mark.thorough
@pytest.mark.parametrize("name", [preset.name for preset in ENGINE.presets if preset.name not in LONG])
def test_every_verdict_holds_on_fresh_seeds(name):
    run = engines.run("matrix_sensing", preset=name, seeds=FRESH)
    assert run.verdicts
    assert [verdict for verdict in run.verdicts if not verdict["holds"]] == []


def test_the_reference_seed_gives_the_reference_numbers():
    """Independent measurements of seed 11: 9.8e-4 at 4000, 2284 and 546 steps to 1e-10, the lift at 83."""
    run = engines.run("matrix_sensing", preset="P6")
    curves = [run.curve("relative_error", member) for member in range(3)]
    assert np.interp(4000, *curves[0]) == pytest.approx(9.8e-4, abs=5e-6)
    assert hit(curves[1], 1e-10) == pytest.approx(2284, abs=1)
    assert hit(curves[2], 1e-10) == pytest.approx(546, abs=1)
    assert run["lifted_at"][-1, 2] == 83


def test_a_verdict_waits_until_the_run_can_tell():
    run = engines.run("matrix_sensing", preset="P1", steps=200)
    assert [verdict["holds"] for verdict in run.verdicts][:2] == [None, None]


def test_a_wrong_law_is_not_confirmed():
    """Balanced starts under a preset that claims a linear rate: the verdict must not hold."""
    run = engines.run(
        "matrix_sensing", preset="P3", set={"init": "copy", "init_ratio": 1.0, "target": "psd"}, steps=9000
    )
    assert not any(verdict["holds"] for verdict in run.verdicts)


def test_no_preset_needs_a_caution():
    for preset in ENGINE.presets:
        assert {ENGINE.caution(config) for config in Experiment.of(ENGINE, preset).configs()} == {""}, preset.name


def test_fewer_measurements_than_unknowns_are_cautioned_against():
    few = MatrixSensing(operator="gaussian", n=50, r=3, m=290)
    assert "(n₁ + n₂ − r) r = 291 unknowns" in ENGINE.caution(few)
    assert ENGINE.caution(few.replace(m=291)) == ""
    assert "nr − r(r−1)/2 = 147 unknowns" in ENGINE.caution(few.replace(parameterization="symmetric", m=146))
    assert ENGINE.caution(few.replace(operator="identity")) == ""


def test_slopes_end_at_the_step_asked_for():
    run = engines.run("matrix_sensing", preset="P0", steps=200)
    assert run.probe("slopes", step=100)["steps"][-1] == 100
    direct = ENGINE.probe("slopes").compute(run, 0, 100)
    np.testing.assert_array_equal(direct["power"], run.probe("slopes", step=100)["power"])
