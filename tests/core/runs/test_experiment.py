import dataclasses
import itertools
import json

import numpy as np
import pytest

from engines.core.protocol.config import knob
from engines.core.protocol.errors import ConfigError, UnknownName
from engines.core.protocol.registry import load
from engines.core.runs.experiment import LIMIT, Experiment
from tests.core.toy import ENGINE, Toy, ToyEngine

FIRST, CASES = ENGINE.presets


def of(preset=None, values=None, **options):
    return Experiment.from_preset(ENGINE, preset, values, **options)


def test_without_anything_there_is_one_member_at_the_defaults():
    assert of().configs() == [Toy()]


def test_lists_spread_into_their_product_with_the_last_axis_fastest():
    configs = of(values={"a": [1, 2], "eta": [0.1, 0.2]}, seeds=[0, 1]).configs()
    assert [(c.a, c.eta, c.seed) for c in configs] == [
        (a, eta, seed) for a in (1, 2) for eta in (0.1, 0.2) for seed in (0, 1)
    ]


def test_a_preset_gives_its_axes_its_seeds_and_its_steps():
    experiment = of(FIRST)
    assert [(c.a, c.seed) for c in experiment.configs()] == [(1, 0), (1, 1), (2, 0), (2, 1)]
    assert experiment.steps == 50
    assert experiment.varied() == ("a", "seed")


def test_a_value_ends_an_axis_of_the_preset_and_a_list_replaces_it():
    assert [(c.a, c.seed) for c in of(FIRST, {"a": 5}).configs()] == [(5, 0), (5, 1)]
    assert [(c.a, c.seed) for c in of(FIRST, {"a": [5, 6, 7]}, seeds=[3]).configs()] == [(5, 3), (6, 3), (7, 3)]


def test_a_list_of_one_value_is_that_value():
    experiment = of(values={"a": [2]})
    assert experiment.varied() == ()
    assert experiment.configs() == [Toy(a=2)]


def test_an_array_is_an_axis_like_a_list():
    assert of(values={"a": np.array([1.0, 2.0])}).configs() == of(values={"a": [1, 2]}).configs()


def test_cases_multiply_with_the_axes():
    configs = of(CASES, seeds=[0, 1]).configs()
    assert [(c.a, c.eta, c.seed) for c in configs] == [(1, 0.1, 0), (1, 0.1, 1), (2, 0.2, 0), (2, 0.2, 1)]


def test_a_live_knob_that_is_turned_is_an_edit_of_all_members_in_its_own_type():
    experiment, edits = of(FIRST).edit({"eta": "0.5", "shift": 1})
    assert [(edit.knob, edit.value, edit.members) for edit in edits] == [
        ("eta", 0.5, (0, 1, 2, 3)), ("shift", 1.0, (0, 1, 2, 3)),
    ]  # fmt: skip
    assert {(config.eta, config.shift) for config in experiment.configs()} == {(0.5, 1.0)}


@pytest.mark.parametrize("values", [{"a": 2.0}, {"eta": [0.1, 0.2]}, {"eta": 0.1, "seed": 3}], ids=str)
def test_what_only_a_restart_can_change_is_no_edit(values):
    experiment, edits = of(FIRST).edit(values)
    assert edits is None
    assert experiment == of(FIRST).override(values)


def test_a_live_axis_that_ends_restarts_since_members_merge():
    assert of(values={"eta": [0.1, 0.2]}).edit({"eta": 0.3})[1] is None


@pytest.mark.parametrize(
    ("values", "message"),
    [({"eta": 11}, r"Toy\.eta=11\.0 is outside"), ({"eta": "fast"}, r"Toy\.eta='fast' is not"),
     ({"speed": 1}, "unknown knob of Toy 'speed'")],
)  # fmt: skip
def test_a_bad_edit_is_refused(values, message):
    with pytest.raises((ConfigError, UnknownName), match=message):
        of().edit(values)


@pytest.mark.parametrize(
    "given",
    [{"cases": 3}, {"cases": [3]}, {"cases": {"eta": 1.0}}, {"cases": "ab"}, {"set": [1]}, {"set": 3},
     {"set": {"eta": [0.1, 0.2]}, "cases": [{"eta": 0.3}]}],
    ids=str,
)  # fmt: skip
def test_values_that_are_no_mapping_or_given_twice_are_one_sentence(given):
    with pytest.raises(ConfigError, match=r"of knobs to values|leave one of them out"):
        Experiment.from_preset(ENGINE, **given)


def test_cases_end_an_axis_of_the_preset():
    engine = load("matrix_sensing")
    found = Experiment.from_preset(engine, engine.preset("P3"), cases=[{"seed": 7}])
    assert {config.seed for config in found.configs()} == {7}


def test_cases_that_become_equal_merge():
    assert [(c.a, c.eta) for c in of(CASES, {"a": 3}).configs()] == [(3, 0.1), (3, 0.2)]
    assert [(c.a, c.eta) for c in of(CASES, {"a": 3, "eta": 0.3}).configs()] == [(3, 0.3)]


def test_cases_lend_to_the_base_what_each_of_them_sets():
    """The default k = 30 exceeds d = 15, but no member has it."""
    engine = load("subgradient_recovery")
    experiment = Experiment.from_preset(engine, None, {"d": 15}, cases=[{"k": 4}, {"k": 8, "alpha": 1e-4}])
    assert [(c.d, c.k, c.alpha) for c in experiment.configs()] == [(15, 4, 1e-8), (15, 8, 1e-4)]
    with pytest.raises(ConfigError, match="k=30 exceeds"):
        Experiment.from_preset(engine, None, {"d": 15}, cases=[{"k": 4}, {"alpha": 1e-4}]).configs()


def test_bad_values_are_refused_by_name():
    with pytest.raises(UnknownName, match="unknown knob of Toy 'speed'"):
        of(values={"speed": 1})
    with pytest.raises(ConfigError, match=r"Toy\.eta=-1"):
        of(values={"eta": -1})
    with pytest.raises(ConfigError, match=r"Toy\.eta=-1"):
        of(values={"eta": [0.1, -1]}).configs()


@pytest.mark.parametrize("steps", [0, -5, 10**9 + 1, 1.5, "far", float("inf"), None.__class__])
def test_steps_out_of_bounds_or_not_whole_are_refused(steps):
    with pytest.raises(ConfigError, match="steps="):
        of(steps=steps)


def test_no_members_and_too_many_members_are_refused():
    with pytest.raises(ConfigError, match=f"the ensemble has 0 members; allowed are 1 to {LIMIT}"):
        of(seeds=[]).configs()
    with pytest.raises(ConfigError, match=f"the ensemble has {2 * LIMIT} members"):
        of(values={"a": [1, 2]}, seeds=range(LIMIT)).configs()
    assert len(of(seeds=range(LIMIT)).configs()) == LIMIT


@pytest.mark.parametrize("seeds", [range(LIMIT + 1), range(10**30), itertools.count()])
def test_a_list_that_is_too_long_is_refused_before_all_of_it_is_made(seeds):
    with pytest.raises(ConfigError, match=f"seed has more values than an ensemble may have members, {LIMIT}"):
        of(seeds=seeds)


@pytest.mark.parametrize("experiment", [of(), of(FIRST, {"eta": 1 / 3}), of(CASES, {"a": [0.1 + 0.2, 2]}, seeds=[4])])
def test_json_gives_back_the_same_members(experiment):
    again = Experiment.from_json(ENGINE, experiment.to_json())
    assert again.configs() == experiment.configs()
    assert (again.steps, again.preset, again.varied()) == (experiment.steps, experiment.preset, experiment.varied())
    assert again.to_json() == experiment.to_json()


def tampered(**changes):
    return json.dumps(json.loads(of(FIRST).to_json()) | changes)


DAMAGED = {
    "not JSON": "{",
    "nested without end": "[" * 100_000,
    "not an object": "[]",
    "null": "null",
    "empty": "{}",
    "axes that are a list": tampered(axes=[1]),
    "an axis that is a number": tampered(axes={"a": 1}),
    "an axis of lists": tampered(axes={"a": [[1]]}),
    "an axis of objects": tampered(axes={"a": [{}]}),
    "an empty axis": tampered(axes={"a": []}),
    "too many members": tampered(axes={"seed": list(range(100)), "eta": [0.1] * 100}),
    "cases that are numbers": tampered(cases=[1]),
    "cases that are null": tampered(cases=None),
    "a value out of bounds": tampered(base={"eta": 100}),
    "a value of another type": tampered(base={"sign": {}}),
    "a base that is text": tampered(base="Toy"),
    "steps that are text": tampered(steps="many"),
    "steps without end": tampered().replace('"steps": 50', '"steps": 1e999'),
    "no steps": tampered(steps=None),
    "a preset that is a list": tampered(preset=["first"], steps=-1),
}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED.keys())
def test_damaged_json_is_refused_with_a_message(text):
    with pytest.raises(ConfigError):
        Experiment.from_json(ENGINE, text)


def test_unknown_knobs_and_presets_in_json_are_ignored_so_that_old_links_work():
    old = json.loads(of(FIRST).to_json())
    old["base"]["gone"], old["axes"]["also_gone"], old["preset"] = 1, [1, 2], "renamed"
    again = Experiment.from_json(ENGINE, json.dumps(old))
    assert again.configs() == of(FIRST).configs()
    assert again.preset is None


EDIT = {"step": 7, "knob": "eta", "value": 0.3, "members": [0]}


def edited(**changes):
    about = json.loads(of(FIRST).to_json()) | {"edits": [EDIT | changes]}
    return Experiment.from_json(ENGINE, json.dumps(about))


def test_live_edits_survive_the_round_trip_and_end_with_an_override():
    experiment = edited()
    assert [vars(event) for event in experiment.edits] == [EDIT | {"members": (0,)}]
    assert Experiment.from_json(ENGINE, experiment.to_json()) == experiment
    assert experiment.override({"a": 2}).edits == ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"value": 99}, r"eta=99.0 is outside its bounds \[0, 10\]"),
        ({"knob": "a"}, "a is not a live knob"),
        ({"knob": "nothing"}, "nothing"),
        ({"step": -1}, "step of an edit"),
        ({"members": [4]}, "not among the 4"),
        ({"members": [-1]}, "the member -1, which is not among the 4"),
        ({"members": [float("inf")]}, "the member inf, which is not among the 4"),
        ({"members": ["0"]}, "the member '0', which is not"),
        ({"members": [0.7]}, "the member 0.7, which is not"),
        ({"members": [True]}, "the member True, which is not"),
        ({"members": "01"}, "the members of a live edit are '01'"),
        ({"members": ["x" * 10**5]}, "^a live edit names the member 'x{39}, which"),
        ({"members": None}, "the members of a live edit are None, and must be a list"),
    ],
)
def test_a_tampered_edit_is_named(changes, words):
    with pytest.raises(ConfigError, match=words):
        edited(**changes)


def test_a_value_is_checked_together_with_those_that_all_cases_set():
    widths = [{"sign": "minus", "eta": 0.1}, {"sign": "minus"}]
    flat = {"flat": True}
    with pytest.raises(ConfigError, match="flat needs sign=plus"):
        Experiment.from_preset(ENGINE, set=flat, cases=widths).configs()
    found = Experiment.from_preset(ENGINE, set={"flat": True}, cases=[{"sign": "plus", "eta": 0.2}, {"sign": "plus"}])
    assert [(config.flat, config.eta) for config in found.configs()] == [(True, 0.2), (True, 0.1)]


def test_a_default_that_every_case_replaces_contradicts_nothing():
    Minus = dataclasses.make_dataclass(
        "Minus",
        [("sign", str, knob("minus", "sign", choices=("plus", "minus")))],
        bases=(Toy,),
        frozen=True,
        kw_only=True,
    )
    engine = type("Other", (ToyEngine,), {"Config": Minus})()
    assert len(Experiment.from_preset(engine, set={"flat": True}, cases=[{"sign": "plus"}]).configs()) == 1
    with pytest.raises(ConfigError, match="flat needs sign=plus"):
        Experiment.from_preset(engine, set={"flat": True})
    with pytest.raises(UnknownName, match="did you mean eta"):
        Experiment.from_preset(engine, cases=[{"etta": 1.0}])


@pytest.mark.parametrize("edits", [5, None, "abc", [5], [(5, "eta", 0.05)], [{"step": 5}], [(5, ["eta"], 0.05, [0])]])
def test_edits_of_another_form_are_one_sentence(edits):
    with pytest.raises(ConfigError, match=r"is no (list of live edits|live edit: it needs)"):
        Experiment.from_preset(ENGINE, edits=edits)


def test_an_edit_that_contradicts_another_knob_or_comes_after_the_end_is_refused_before_anything_is_computed():
    import engines

    collapse = engines.load("neural_collapse")
    with pytest.raises(ConfigError, match="lambda_h"):
        Experiment.from_preset(collapse, collapse.preset("P0"), edits=[(5, "lambda_h", 0, [0])])
    with pytest.raises(ConfigError, match="the edit of eta at step 21 is after the last, 20"):
        Experiment.from_preset(ENGINE, steps=20, edits=[(21, "eta", 0.05, [0])])
