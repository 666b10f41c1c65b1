"""Sweeps that engines offer by name: each small one is computed, its verdicts hold, and notice what is wrong."""

import numpy as np
import pytest

import engines
from engines.core.protocol.errors import ConfigError, UnknownName
from engines.core.sweeps.compute import compute_task
from engines.core.sweeps.folder import Sweep, rows_to_bytes
from engines.core.sweeps.plan import Plan

NAMED = [(name, sweep.name) for name in engines.names() for sweep in engines.load(name).sweeps]


def computed(plan, folder):
    """Compute a plan in this process, where torch is loaded already."""
    sweep = Sweep.create(plan, folder)
    for task in plan.tasks():
        sweep.keep(task, rows_to_bytes(compute_task(task)[0]), None)
    return Sweep(folder)


def wrong(engine, data):
    """What a fault of the engine would have measured: curves off by half, or success for eight times as much."""
    if engine == "subgradient_recovery":
        return data.assign_coords(m=data["m"] * 8)
    return data * 1.5


def check(engine, name, folder, small):
    sweep = computed(Plan.from_name(engines.load(engine), name, small), folder)
    named = sweep.named
    assert named.name == name and {named.across, named.up} <= {*sweep.map().dims}
    verdicts = sweep.judge()
    assert verdicts and [verdict.holds for verdict in verdicts] == [True] * len(verdicts), verdicts
    assert all(len(line.across) == len(line.up) and line.label for line in sweep.lines())
    config = sweep.plan.group[0]
    assert False in [each.holds for each in named.judge(wrong(engine, sweep.to_xarray()), config)]
    nothing = sweep.to_xarray() * np.nan
    assert not any(each.holds for each in named.judge(nothing, config))  # what is not computed yet is open


@pytest.mark.parametrize(("engine", "name"), NAMED)
def test_a_small_phase_diagram_is_where_its_theory_says(engine, name, tmp_path):
    check(engine, name, tmp_path, small=True)


@pytest.mark.thorough
@pytest.mark.parametrize(("engine", "name"), NAMED)
def test_a_whole_phase_diagram_is_where_its_theory_says(engine, name, tmp_path):
    check(engine, name, tmp_path, small=False)


def test_every_engine_of_a_phase_diagram_offers_it():
    assert {engine for engine, _ in NAMED} >= {
        "loss_landscape",
        "matrix_sensing",
        "neural_collapse",
        "subgradient_recovery",
    }


def test_a_named_sweep_is_planned_with_values_of_ones_own():
    engine = engines.load("neural_collapse")
    plan = Plan.from_name(engine, "weight_decay", small=True, set={"beta": [1.0, 2.0]})
    assert plan.axes["beta"] == [1.0, 2.0] and plan.experiment.steps == 80
    assert Plan.from_json(plan.to_json()).named == "weight_decay"
    with pytest.raises(ConfigError, match="give it several values"):
        Plan.from_name(engine, "weight_decay", small=True, set={"lambda_w": 0.1})
    with pytest.raises(UnknownName, match="did you mean weight_decay"):
        Plan.from_name(engine, "weight_decey")


def test_descriptions_of_newer_versions_and_damaged_ones_are_told_apart():
    text = Plan.from_name(engines.load("neural_collapse"), "weight_decay", small=True).to_json()
    with pytest.raises(ConfigError, match="newer version of Dynascope"):
        Plan.from_json(text.replace('"format": 1', '"format": 2', 1))
    for damaged in (text[:50], text.replace('"axes"', '"axis"'), "[]"):
        with pytest.raises(ConfigError, match="no description of a sweep"):
            Plan.from_json(damaged)
