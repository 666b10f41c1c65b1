"""Knobs that are said to change nothing do not, and those that are not said to do."""

import numpy as np
import pytest

from engines.subgradient_recovery.config import SubgradientRecovery
from engines.subgradient_recovery.engine import ENGINE
from tests.subgradient_recovery.setting import ran, tiny

OTHER = {
    "huber_delta": 0.1, "trim_fraction": 0.4, "median_threshold": 1.5, "damping": 0.5, "learning_rate_ratio": 0.5,
    "budget": 4.0, "eta0": 0.1, "alpha": 0.02, "kappa": 2.0, "outlier_kind": "cauchy", "outlier_scale": 7.0,
}  # fmt: skip
SETTINGS = [
    {}, {"budget": 0.0}, {"loss": "huber"}, {"loss": "huber", "method": "trimmed"}, {"outlier_fraction": 0.0},
    {"outlier_fraction": 0.005}, {"outlier_kind": "sign_flip"}, {"r": 1}, {"init": "truncated"},
    {"init": "truncated", "budget": 0.0}, {"init": "truncated", "method": "gd"}, {"init": "truncated", "method": "dop"},
    {"init": "random", "method": "geometric"}, {"init": "truth", "method": "subgm_frozen"},
    *({"method": method} for method in SubgradientRecovery.knob("method").choices if method != "subgm"),
]  # fmt: skip


def of(knobs):
    return tiny(**knobs | ({"k": 2} if knobs.get("method") in ("scaled_sm", "prox_linear") else {}))


def values(config):
    run = ran(6, config)
    return [run[channel.name] for channel in ENGINE.channels]


@pytest.mark.parametrize("knobs", SETTINGS, ids=str)
def test_a_knob_that_is_idle_changes_no_number(knobs):
    config = of(knobs)
    idle, before = ENGINE.idle(config), values(config)
    assert idle <= set(OTHER)
    changed = values(config.replace(**{name: OTHER[name] for name in idle}))  # together: none of them does anything
    for channel, one, other in zip(ENGINE.channels, before, changed, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=channel.name)


@pytest.mark.parametrize("name", OTHER)
def test_a_knob_that_is_not_idle_changes_some_number_wherever_it_is_not(name):
    active = [config for config in map(of, SETTINGS) if name not in ENGINE.idle(config)][:3]
    assert active
    for config in active:
        pairs = zip(values(config), values(config.replace(**{name: OTHER[name]})), strict=True)
        assert any(not np.array_equal(one, other, equal_nan=True) for one, other in pairs), config
