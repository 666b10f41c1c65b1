"""The program of a run gives the numbers of the run, in a process of its own."""

import ast
import json
from dataclasses import replace

import pytest

import engines
from engines.core.api import simulate
from engines.core.runs.experiment import Experiment
from engines.core.runs.run import Run
from engines.core.runs.script import script

ALWAYS = (("matrix_sensing", "P1"), ("neural_collapse", "P0"))
PRESETS = [(name, preset) for name in engines.names() for preset in engines.load(name).presets]
STEPS = 60
"""Of a long preset the first steps tell as much."""


def cases():
    for name, preset in PRESETS:
        marks = [] if (name, preset.name) in ALWAYS else [pytest.mark.thorough]
        yield pytest.param(name, preset.name, marks=marks, id=f"{name}-{preset.name}")


def finals(fresh_python, text):
    """What the program prints, as the final values of each member."""
    lines = [line.partition(" ") for line in fresh_python("-c", text).stdout.splitlines() if line[:1].isdigit()]
    return [ast.literal_eval(values.replace("nan", "None").replace("inf", "1e999")) for _, _, values in lines]


def computed(experiment):
    run = simulate(Run(experiment.engine, experiment.configs()), experiment.steps, None, experiment.edits)
    return [json.loads(json.dumps(run.final(m)).replace("NaN", "null").replace("Infinity", "1e999"))
            for m in range(len(run.configs))]  # fmt: skip


@pytest.mark.parametrize(("name", "preset"), list(cases()))
def test_the_program_of_a_preset_gives_its_numbers(fresh_python, name, preset):
    engine = engines.load(name)
    chosen = Experiment.from_preset(engine, engine.preset(preset))
    experiment = replace(chosen, steps=min(STEPS, chosen.steps))
    assert finals(fresh_python, script(experiment)) == computed(experiment)


def test_a_preset_as_it_is_is_named_and_nothing_more():
    engine = engines.load("matrix_sensing")
    text = script(Experiment.from_preset(engine, engine.preset("P3")))
    assert "engines.run(\n    'matrix_sensing',\n    preset='P3',\n)" in text


def test_changed_knobs_axes_seeds_cases_and_live_edits_are_repeated(fresh_python):
    engine = engines.load("matrix_sensing")
    changed = {"alpha": 0.4, "seed": [3, 1], "k": [4, 6]}
    edits = [(20, "eta", 0.05, [0, 2]), (40, "eta", 0.02, [1])]
    experiment = Experiment.from_preset(engine, engine.preset("P3"), changed, steps=50, edits=edits)
    found = finals(fresh_python, script(experiment))
    assert found == computed(experiment)
    assert len({final["error"] for final in found}) == 4
    several = Experiment.from_preset(engine, None, {}, steps=20, cases=[{"alpha": 0.1}, {"alpha": 0.2, "k": 4}])
    assert finals(fresh_python, script(several)) == computed(several)


def test_live_edits_change_what_follows_them():
    engine = engines.load("matrix_sensing")
    plain, edited = (Experiment.from_preset(engine, engine.preset("P3"), {"alpha": 0.4}, [0], 50, edits=edits)
                     for edits in ((), [(20, "eta", 0.05, [0])]))  # fmt: skip
    assert computed(plain) != computed(edited)
