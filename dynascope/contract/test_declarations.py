"""An engine delivers what it declares."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

import engines
from dynascope.contract.small_runs import CPU, all_configs, odd_values, restarted, short_run
from engines.core.analysis.probing import check_options, probe_options
from engines.core.api import simulate
from engines.core.compute.simulation import Simulation
from engines.core.data.plain_json import to_json
from engines.core.protocol import registry
from engines.core.protocol.declarations import Phase, Prediction, Story, Verdict
from engines.core.protocol.engine import Engine
from engines.core.protocol.errors import ConfigError, EngineFailure
from engines.core.runs.run import Run
from engines.core.sweeps.plan import Plan

LOADED = """
import sys
sys.path[:] = {path}
import engines
from engines.core.protocol import registry
registry.PLUGINS.__path__[:] = {plugins}
engines.load({name!r})
print(*{{module.partition('.')[0] for module in sys.modules}})
"""
"""A program that loads an engine, and prints what was imported with it."""

UI = {"panel", "bokeh", "holoviews", "hvplot", "param", "pyvista"}


def test_every_engine_loads_under_the_name_of_its_folder(name):
    assert isinstance(engines.load(name), Engine)
    assert engines.load(name).name == name


def test_loading_an_engine_pulls_in_no_screen(name):
    printed = subprocess.run(
        [sys.executable, "-c", LOADED.format(path=sys.path, plugins=registry.PLUGINS.__path__, name=name)],
        text=True, capture_output=True, check=True,
    )  # fmt: skip
    assert not set(printed.stdout.split()) & UI


# -- knobs ------------------------------------------------------------------------------------------------------


def test_a_value_out_of_bounds_is_refused_by_class_knob_value_and_bound(engine, knob):
    low, high = knob.bounds
    for value in (low - 1, 2 * abs(high) + 1):
        with pytest.raises(ConfigError) as caught:
            engine.Config(**{knob.name: knob.type(value)})
        assert f"{engine.Config.__name__}.{knob.name}={knob.type(value)!r} is outside its bounds [" in str(caught.value)


def test_every_knob_is_documented_and_its_ranges_fit_together(engine):
    for knob in engine.Config.knobs().values():
        assert knob.doc, knob.name
        assert knob.check("", knob.default) == knob.default
        if knob.soft:
            low, high = knob.bounds or (-np.inf, np.inf)
            assert low <= knob.soft[0] < knob.soft[1] <= high, knob.name
            assert not knob.log or knob.soft[0] > 0, knob.name
        assert knob.type in (int, float, bool, str), knob.name
        assert set(knob.labels) <= set(knob.choices or ()), f"{knob.name} labels what is no choice of it"


def test_cases_are_labelled_all_or_none_and_no_term_is_explained_twice(engine):
    for preset in engine.presets:
        assert len(preset.case_labels) in (0, len(preset.cases)), preset.name
    forms = [form.lower() for term in engine.glossary for form in dict.fromkeys((term.name, *term.forms))]
    assert sorted(set(forms)) == sorted(forms)


def test_there_is_a_seed_and_few_knobs_stay_in_sight(engine, preset):
    assert engine.Config.knob("seed").type is int
    knobs = engine.Config.knobs()
    for config in all_configs(engine, preset):
        assert engine.idle(config) <= set(knobs)
        assert engine.blank(config) < {plot.name for plot in engine.plots}
        assert sum(not knob.more for name, knob in knobs.items() if name not in engine.idle(config)) <= 12


def test_a_configuration_round_trips_through_json_text_and_digest(engine, preset):
    for config in all_configs(engine, preset):
        again = type(config).from_json(config.to_json())
        assert again == config
        assert again.digest() == config.digest()
        typed = {name: config.knob(name).parse(str(value)) for name, value in config}
        assert type(config)(**typed) == config


@pytest.mark.parametrize("count", [20, pytest.param(500, marks=pytest.mark.thorough)])
def test_what_is_taken_runs(engine, count):
    """Odd values of many knobs at once are refused by a sentence, or run, and are foretold and told."""
    stream, ran = np.random.default_rng(count), 0
    for _ in range(30 * count):
        values = odd_values(engine, stream)
        try:
            run = simulate(Run(engine, [engine.Config(**values)]), 3)
        except ConfigError:
            continue
        except EngineFailure as failure:
            pytest.fail(f"{values}: {failure}")
        assert run.story(0).text
        engine.theory(run.configs[0], run.steps)
        engine.caution(run.configs[0])
        ran += 1
        if ran == count:
            return
    assert ran >= count / 4, "hardly any of these values is taken"


# -- channels, theory and plots ---------------------------------------------------------------------------------


def test_observations_are_exactly_the_declared_channels(engine, preset):
    (batch,) = restarted(engine, preset).batches
    arguments = (batch.problem, batch.state, batch.knobs)
    for observed, thin in ((engine.observe(*arguments), False), (engine.snapshot(*arguments), True)):
        declared = {channel.name: channel for channel in engine.channels if channel.thin is thin}
        assert set(observed) == set(declared)
        for name, value in observed.items():
            assert value.shape[0] == len(batch.members), name
            assert value.dim() == 1 + len(declared[name].dims), name


def test_an_axis_has_one_length_in_every_channel(engine, preset):
    run = short_run(engine, preset)
    lengths = {}
    for channel in engine.channels:
        for dim, length in zip(channel.dims, run[channel.name].shape[2:], strict=True):
            assert lengths.setdefault(dim, length) == length, f"{channel.name}: {dim}"


def test_theory_speaks_of_declared_channels_on_the_steps_asked_for(engine, preset):
    steps = np.array([0, 1, 2, 10, 100, 1000, 10**6])
    dims = {channel.name: len(channel.dims) for channel in engine.channels}
    for config in all_configs(engine, preset):
        for said in engine.theory(config, steps):
            assert isinstance(said, Prediction)
            assert dims[said.channel] == (0 if said.component is None else 1)
            assert np.shape(said.values) == steps.shape, said.label
            assert said.label
            assert said.reference


def test_plots_probes_actions_and_the_opening_refer_to_what_exists(engine):
    channels = {channel.name for channel in engine.channels}
    for plot in engine.plots:
        assert set(plot.channels) <= channels, plot.name
        assert plot.x == "step" or plot.x in channels, plot.name
        assert plot.doc
    for action in engine.actions:
        assert engine.Config.knob(action.knob).role == "live", action.name
    for preset in engine.presets:
        for name, chosen in preset.probes.items():
            assert check_options(engine.probe(name), chosen) == chosen, f"{preset.name}: {name}"
    assert engine.preset(engine.opening)
    assert {preset.lead for preset in engine.presets} <= {"", *(plot.name for plot in engine.plots)}
    assert engine.references
    assert engine.title
    assert engine.summary


@pytest.mark.parametrize("small", [True, False])
def test_a_named_sweep_measures_what_exists_over_knobs_that_exist(engine, small):
    for sweep in engine.sweeps:
        plan = Plan.from_name(engine, sweep.name, small)
        assert any(True for task in plan.tasks()), sweep.name
        assert sweep.title
        assert sweep.look_for
        assert sweep.label


def test_names_are_unique(engine):
    for items in (engine.channels, engine.plots, engine.presets, engine.sweeps, engine.probes, engine.actions):
        names = [item.name for item in items]
        assert len(names) == len(set(names))


def test_every_channel_is_documented(engine):
    for channel in engine.channels:
        assert channel.doc, channel.name
        assert channel.label, channel.name


# -- presets ----------------------------------------------------------------------------------------------------


def test_what_a_preset_offers_next_exists(engine, preset):
    assert not preset.follows or engine.preset(preset.follows) is not preset


def test_the_first_steps_of_a_preset_are_finite(engine, preset):
    run = short_run(engine, preset)
    np.testing.assert_array_equal(run.diverged_at, -1)
    for channel in engine.channels:
        if not channel.dims:
            values = run[channel.name]  # what does not apply to a member is NaN from the first step on
            assert (np.isfinite(values) | np.isnan(values[0])).all(), channel.name
    assert any(np.isfinite(run[channel.name]).all() for channel in engine.channels if not channel.dims)


def test_story_phases_and_verdicts_work_on_a_run_that_has_just_begun(engine, preset):
    run = short_run(engine, preset)
    for member in {0, len(run.configs) - 1}:
        story = engine.story(run, member)
        assert isinstance(story, Story)
        assert story.text
        assert all(isinstance(phase, Phase) and phase.label for phase in engine.phases(run, member))
        assert isinstance(engine.stability(run.configs[member]), str)
    for verdict in run.judge():
        assert isinstance(verdict, Verdict)
        assert verdict.claim
        assert verdict.holds in (True, False, None)


def test_the_outcome_of_a_preset_is_json(engine, preset):
    about = json.loads(to_json(short_run(engine, preset).summary()))
    assert set(about) == {"engine", "steps", "members", "verdicts"}


def test_a_run_survives_the_store_and_becomes_a_dataset(engine, tmp_path):
    run = short_run(engine, engine.preset(engine.opening))
    run.save(tmp_path / "run.parquet")
    again = engines.open(tmp_path / "run.parquet")
    for channel in engine.channels:
        np.testing.assert_array_equal(again[channel.name], run[channel.name], err_msg=channel.name)
    data = again.to_xarray()
    assert set(data.data_vars) == {channel.name for channel in engine.channels}
    clashes = set(engine.Config.knobs()) & set(data.data_vars)
    assert set(engine.Config.knobs()) - clashes | {f"knob_{name}" for name in clashes} <= set(data.coords)


def nbytes(value, counted):
    """Bytes of all tensors within a problem or a state, by the place where they lie: views lie in what they show."""
    if isinstance(value, torch.Tensor):
        counted[value.untyped_storage().data_ptr()] = value.untyped_storage().nbytes()
    elif id(value) not in counted:
        counted[id(value)] = 0
        for part in [*(value if isinstance(value, tuple | list) else ()), *getattr(value, "__dict__", {}).values()]:
            nbytes(part, counted)
    return sum(counted.values())


def test_the_memory_that_is_counted_is_at_least_what_a_problem_and_its_states_take(engine):
    light = [preset for preset in engine.presets if preset.cost != "heavy"]
    largest = max(light, key=lambda preset: len(all_configs(engine, preset)))
    for preset in (engine.preset(engine.opening), largest):
        made = Simulation(engine, all_configs(engine, preset), CPU)
        assert nbytes([(batch.problem, batch.state) for batch in made.batches], {}) <= made.estimate, preset.name


def answer_of(engine, probe):
    """Compute a probe in the first experiment that it suits: those whose claims rest on it come first."""
    resting = [preset for preset in engine.presets if probe.name in preset.probes]
    refused = ""
    for preset in [*resting, engine.preset(engine.opening), *(each for each in engine.presets if each.cost != "heavy")]:
        try:
            return short_run(engine, preset).probe(probe.name, step=5, **preset.probes.get(probe.name, {}))
        except ConfigError as error:
            refused = str(error)
    raise AssertionError(f"{probe.name} suits no experiment: {refused}")


def test_every_probe_delivers_what_its_picture_needs_at_the_step_asked_for(engine):
    for probe in engine.probes:
        values = answer_of(engine, probe)
        json.loads(to_json(values))
        traces = [trace for picture in probe.pictures for trace in getattr(picture, "traces", ())]
        drawn = [trace for trace in traces if {trace.x, trace.y} <= values.keys()]  # the rest is left out
        assert drawn or not traces, probe.name
        for trace in drawn:
            x, y = np.asarray(values[trace.x]), np.asarray(values[trace.y])
            assert x.ndim == 1, f"{probe.name}: {trace.x}"
            assert x.shape == y.shape, f"{probe.name}: {trace.y}"
        assert probe.doc
        assert {type(option.default) for option in probe_options(probe).values()} <= {int, float, bool, str}, probe.name
