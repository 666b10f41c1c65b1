"""Verdicts of networks on runs that nothing computed, and the probes; the contract suite judges whole presets."""

import json

import numpy as np
import pytest

import engines
from engines.core.data.plain_json import to_json
from engines.core.protocol.errors import ConfigError
from engines.core.runs.experiment import Experiment
from engines.core.runs.run import Run
from engines.neural_collapse import verdicts
from engines.neural_collapse.config import NeuralCollapse

ENGINE = engines.load("neural_collapse")


@pytest.mark.thorough
@pytest.mark.slow
def test_the_digits_table_is_met_to_its_last_digit():
    """Seed 0: trace ratio, NC1 and NC2 of the simplex at twelve settings, to half a unit of the last digit printed."""
    pytest.importorskip("sklearn")
    from engines.neural_collapse.verdicts.layers import TABLE

    run = engines.run("neural_collapse", preset="P8")
    for i, one in enumerate(run.configs):
        expected = TABLE[one.lambda_w, one.beta]
        for name, value in zip(("nc1_trace", "nc1", "nc2_etf"), expected, strict=True):
            digit = 10.0 ** (-len(f"{value:.10f}".rstrip("0").partition(".")[2]))
            assert run[name][-1, i] == pytest.approx(value, abs=1.01 * digit), (one.lambda_w, one.beta, name)


def test_a_verdict_waits_until_the_run_can_tell():
    for name in ("P0", "P1", "P3", "P5"):
        run = engines.run("neural_collapse", preset=name, steps=10)
        assert {verdict["holds"] for verdict in run.verdicts} == {None}


@pytest.mark.parametrize(
    ("knobs", "probe", "word"),
    [
        ({"per_class": 100}, "staircase", "lower per_class"),
        ({"model": "network", "epochs": 1, "width": 12}, "staircase", "free features"),
        ({"model": "network", "epochs": 1, "width": 12}, "decay", "free features"),
        ({"init": "collapsed", "per_class": 1}, "decay", "no spread"),
    ],
)
def test_what_a_probe_cannot_show_is_refused_with_a_reason(knobs, probe, word):
    run = engines.run("neural_collapse", set=knobs, steps=2)
    with pytest.raises(ConfigError, match=word):
        run.probe(probe)


def test_far_from_collapse_the_decay_of_features_does_nothing_yet():
    """The probe: the rate of the trace ratio is flat in lambda_H to 1e-10, and not in lambda_W."""
    run = engines.run("neural_collapse", preset="P2", steps=5)
    found = run.probe("decay")
    assert abs(found["over_lambda_h"] / found["over_lambda_h"][0] - 1).max() < 1e-10
    assert abs(found["over_lambda_w"] / found["over_lambda_w"][12] - 1).max() > 0.1
    assert (found["over_lambda_w"] < 0).all()
    json.loads(to_json(found))


def test_the_probe_of_the_staircase_agrees_with_its_formula():
    run = engines.run("neural_collapse", preset="P1", steps=2)
    found = run.probe("staircase", member=3)
    assert abs(found["singular_value"] - found["predicted"]).max() < 1e-12
    assert found["crosstalk"] == pytest.approx(1.8657e-3, abs=1e-7)


def recorded(configs, **channels):
    """A run that nothing computed: what every member has at its first and last step."""
    run = Run(ENGINE, configs)
    for step in (0, 9):
        run.recording.dense.append(step, {name: np.array(values[step > 0], float) for name, values in channels.items()})
    return run


def layers(slope, depth, bend=0.0):
    at = np.arange(9.0)
    return np.where(at <= depth, np.exp(slope * at + bend * at**2), np.nan)


@pytest.mark.parametrize(
    ("slope", "bend", "holds"),
    [
        (-0.5, 0.0, [True, True, True, True, True]),
        (-0.2, 0.0, [True, False, True, True, True]),
        (-1.2, 0.08, [True, True, True, True, False]),
    ],
)
def test_separation_is_judged_by_slopes_and_straightness(slope, bend, holds):
    configs = [NeuralCollapse(model="network", depth=depth) for depth in (8, 4)]
    found = [[layers(0.2, 8), layers(0.2, 4)], [layers(slope, 8, bend), layers(-1.0, 4)]]
    run = recorded(configs, layer_nc1=found, nc1=[[1, 1], [0.012, 0.027]])
    assert [verdict.holds for verdict in verdicts.separation(run)] == holds


def test_a_layer_that_does_not_separate_is_found():
    configs = [NeuralCollapse(model="network", depth=4, greedy=True, loss=loss) for loss in ("mse", "ce")]
    falling, rising = layers(-0.5, 4), layers(-0.5, 4) * np.where(np.arange(9) == 3, 2, 1)
    for last, holds in ((falling, True), (rising, False)):
        both = [[falling, falling], [falling, last]]
        run = recorded(configs, layer_nc1=both, nc1=[[1, 1], [0.1, 0.115]])
        assert [verdict.holds for verdict in verdicts.greedy(run)] == [holds, True, True]


def test_weight_decays_are_judged_in_their_order():
    preset = ENGINE.preset("P10")
    configs = Experiment.from_preset(ENGINE, preset).configs()
    good = {(1, 1): 2.5, (2, 1): 1.6, (0, 1): 3.1, (1, 2): 2.1, (1, 0): 2.8}
    usual = NeuralCollapse().weight_decay_last
    keys = [(round(c.weight_decay_features / usual), round(c.weight_decay_last / usual)) for c in configs]
    nc1 = [good[key] / 100 for key in keys]
    same = {
        name: [[value] * len(configs)] * 2 for name, value in (("accuracy", 1.0), ("accuracy_test", 0.99), ("nc4", 0.0))
    }
    assert all(verdict.holds for verdict in verdicts.decays(recorded(configs, nc1=[nc1, nc1], **same)))
    swapped = [good[key[::-1]] / 100 for key in keys]
    judged = verdicts.decays(recorded(configs, nc1=[swapped, swapped], **same))
    assert [verdict.holds for verdict in judged][2] is False
