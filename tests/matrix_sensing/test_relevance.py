"""Knobs that are said to change nothing do not, and those that are not said to do."""

import numpy as np
import pytest

from engines.core.api import simulate
from engines.core.runs.run import Run
from engines.matrix_sensing.config import MatrixSensing
from engines.matrix_sensing.engine import ENGINE

BASE = {"n": 8, "k": 3, "r": 2, "m": 60, "alpha": 0.4}
OTHER = {
    "precision": "fp32", "m": 50, "kappa": 3.0, "target": "general", "gradient_factor": 2, "init_ratio": 0.7,
    "alpha": 0.2, "init_variance": "1", "momentum": 0.5, "damping": 0.4, "trigger_level": 0.4, "beta": 1.3,
    "lift": "below_beta", "trigger": "true", "lift_at": 3,
}  # fmt: skip
SETTINGS = [
    {}, {"operator": "gaussian"}, {"operator": "rank_one"}, {"parameterization": "symmetric"}, {"spectrum": "equal"},
    {"spectrum": "1:0.5"}, {"n2": 6}, {"init": "unbalanced"}, {"init": "orthonormal"}, {"init": "copy"},
    {"init": "spectral", "operator": "gaussian"}, {"init": "unbalanced", "parameterization": "symmetric"},
    {"method": "one_step", "trigger_level": 0.9, "eta": 0.5},
    {"method": "one_step", "trigger": "manual", "lift_at": 5, "beta": 0.1},
    {"method": "nesterov"}, {"method": "scaled_gd_lambda"}, {"method": "prec_gd"}, {"method": "agn"},
]  # fmt: skip


def values(config):
    run = simulate(Run(ENGINE, [config]), 12)
    return [run[channel.name] for channel in ENGINE.channels]


@pytest.mark.parametrize("knobs", SETTINGS, ids=str)
def test_a_knob_that_is_idle_changes_no_number(knobs):
    config = MatrixSensing(**{**BASE, **knobs})
    idle, before = ENGINE.idle(config), values(config)
    assert idle <= set(OTHER)
    for name in idle:
        for one, other in zip(before, values(config.replace(**{name: OTHER[name]})), strict=True):
            np.testing.assert_array_equal(one, other, err_msg=name)


@pytest.mark.parametrize("name", OTHER)
def test_a_knob_that_is_not_idle_changes_some_number(name):
    """In at least one setting; so none is idle everywhere."""
    configs = [MatrixSensing(**{**BASE, **knobs}) for knobs in SETTINGS]
    active = [config for config in configs if name not in ENGINE.idle(config) and getattr(config, name) != OTHER[name]]
    changed = (
        zip(values(c), values(c.replace(**{name: OTHER[name]})), strict=True) for c in active if allowed(c, name)
    )
    assert any(not np.array_equal(one, other, equal_nan=True) for pairs in changed for one, other in pairs)


def allowed(config, name):
    return not (name == "target" and config.symmetric)
