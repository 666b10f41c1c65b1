"""Presets against independent measurements, and what is cautioned against."""

import numpy as np
import pytest

import engines
from engines.core.analysis.curve_fits import hitting_time
from engines.core.runs.experiment import Experiment
from engines.matrix_sensing.config import MatrixSensing

ENGINE = engines.load("matrix_sensing")


def test_the_reference_seed_gives_the_reference_numbers():
    """Independent measurements of seed 11: 9.8e-4 at 4000, 2284 and 546 steps to 1e-10, the lift at 83."""
    run = engines.run("matrix_sensing", preset="P6")
    curves = [run.curve("relative_error", member) for member in range(3)]
    assert np.interp(4000, *curves[0]) == pytest.approx(9.8e-4, abs=5e-6)
    assert hitting_time(curves[1], 1e-10) == pytest.approx(2284, abs=1)
    assert hitting_time(curves[2], 1e-10) == pytest.approx(546, abs=1)
    assert run["lifted_at"][-1, 2] == 83


def test_a_verdict_waits_until_the_run_can_tell():
    run = engines.run("matrix_sensing", preset="P1", steps=200)
    assert [verdict["holds"] for verdict in run.verdicts][:2] == [None, None]


def test_no_preset_needs_a_caution():
    for preset in ENGINE.presets:
        configs = Experiment.from_preset(ENGINE, preset).configs()
        assert {ENGINE.caution(config) for config in configs} == {""}, preset.name


def test_fewer_measurements_than_unknowns_are_cautioned_against():
    few = MatrixSensing(operator="gaussian", n=50, r=3, m=290)
    assert "(n₁ + n₂ − r) r = 291 unknowns" in ENGINE.caution(few)
    assert ENGINE.caution(few.replace(m=291)) == ""
    assert "nr − r(r−1)/2 = 147 unknowns" in ENGINE.caution(few.replace(parameterization="symmetric", m=146))
    assert ENGINE.caution(few.replace(operator="identity")) == ""


def test_too_few_columns_and_unstable_steps_are_cautioned_against():
    assert "the error stays above 0.6" in ENGINE.caution(MatrixSensing(k=2))
    assert "unstable" in ENGINE.caution(MatrixSensing(eta=1.5))
    diverges = MatrixSensing(method="one_step", kappa=20, beta=0.05**0.5, eta=0.2)
    assert "unstable after the lift" in ENGINE.caution(diverges)


def test_slopes_end_at_the_step_asked_for():
    run = engines.run("matrix_sensing", preset="P0", steps=200)
    assert run.probe("slopes", step=100)["steps"][-1] == 100
    direct = ENGINE.probe("slopes").compute(run, 0, 100)
    np.testing.assert_array_equal(direct["power"], run.probe("slopes", step=100)["power"])
