"""Configurations from a call, a command line and a link."""

import io
import json
from contextlib import chdir, redirect_stderr, redirect_stdout
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import engines
import launch
from dashboard.controls.ensemble import read_values
from dashboard.session import link
from dashboard.session.start import Start
from dashboard.session.view_state import ViewState
from engines.core import api
from engines.core.protocol.errors import ConfigError, DynascopeError
from engines.core.runs.experiment import LIMIT, STEPS, Experiment
from tests.core.toy import ENGINE, Toy
from tests.faults.hostile import ANYTHING, JSON, NUMBERS, TEXTS, check_sentence, damaged, edited, one_sentence

ENGINES = [ENGINE, *(engines.load(name) for name in engines.names())]
KNOBS = [(engine, knob) for engine in ENGINES for knob in engine.Config.knobs().values()]
LINK = json.loads(Experiment.from_preset(ENGINE, ENGINE.preset("first"), edits=[(3, "eta", 0.2, [0, 1])]).to_json())


def check_experiment(experiment):
    """Members can be used: as many as allowed, each value in its type and within its bounds."""
    configs = experiment.configs()
    assert 1 <= len(configs) <= LIMIT
    low, high = STEPS.bounds
    assert low <= experiment.steps <= high and type(experiment.steps) is int
    knobs = type(experiment.base).knobs()
    spread = [(name, value) for name, axis in experiment.axes.items() for value in axis]
    assert all(type(value) is knobs[name].type for name, value in spread)
    assert all(type(value) is knobs[name].type for case in experiment.cases for name, value in case.items())
    for config in configs[:50]:
        for name, value in config:
            knob = config.knob(name)
            assert type(value) is knob.type and knob.check("", value) == value
    for edit in experiment.edits:
        assert 0 <= edit.step and all(0 <= member < len(configs) for member in edit.members)
        assert ENGINE.Config.knob(edit.knob).role == "live"


@given(st.sampled_from(KNOBS), ANYTHING)
def test_any_value_of_any_knob_is_taken_or_refused(which, value):
    engine, knob = which
    with one_sentence(lambda text: any(name in text for name in engine.Config.knobs()) or pytest.fail(text)):
        config = engine.Config(**{knob.name: value})
        assert type(getattr(config, knob.name)) is knob.type
        assert type(config).from_json(config.to_json()) == config


TYPED = st.one_of(TEXTS, NUMBERS.map(str))


@given(st.sampled_from(KNOBS), st.one_of(TYPED, st.lists(TYPED, max_size=4).map(", ".join),
       st.tuples(TYPED, TYPED, TYPED).map(lambda words: "{} … {} × {}".format(*words))))  # fmt: skip
@example((ENGINE, Toy.knob("d")), "1 to " + "9" * 400)
@example((ENGINE, Toy.knob("eta")), "5e-324 to 1e308 × 9")
@example((ENGINE, Toy.knob("shift")), "-1e308 to 1e308")
@example((ENGINE, Toy.knob("shift")), "nan to inf × 3")
def test_values_that_are_typed_for_an_ensemble_are_read_or_refused(which, text):
    _, knob = which
    if knob.type not in (int, float):
        return
    with one_sentence():
        values = read_values(knob, text)
        assert values and all(type(value) is knob.type and knob.check("", value) == value for value in values)


CONTRADICTORY = [
    ("matrix_sensing", {"n": 11, "n2": 17, "init": "copy"}, "n2=17 must equal n=11"),
    ("loss_landscape", {"subject": "planted", "planted": "duplicate", "width": 1}, "width=1 has no pair"),
    ("loss_landscape", {"subject": "planted", "planted": "parallel", "width": 1}, "width=1 has no pair"),
    ("loss_landscape", {"subject": "potential", "potential": "planes", "inputs": 1, "optimizer": "mala"}, "inputs=1"),
    ("optimizer_dynamics", {"scene": "network", "method": "scaled_gd"}, "needs two factors"),
]


@pytest.mark.parametrize(("name", "knobs", "why"), CONTRADICTORY)
def test_knobs_that_no_run_can_have_together_are_refused(name, knobs, why):
    """Each was taken, and stopped the engine with an error of its own; `test_what_is_taken_runs` looks for others."""
    with pytest.raises(ConfigError, match=why):
        engines.load(name).Config(**knobs)


@given(st.dictionaries(st.sampled_from([*Toy.knobs(), "etta"]) | ANYTHING.filter(lambda x: x.__hash__), ANYTHING,
                       max_size=3) | ANYTHING,
       st.one_of(st.none(), ANYTHING), st.one_of(st.none(), ANYTHING), st.one_of(st.none(), ANYTHING),
       st.lists(st.tuples(NUMBERS, TEXTS | st.sampled_from(["eta", "d"]), ANYTHING, ANYTHING)) | ANYTHING)  # fmt: skip
def test_an_experiment_of_a_call_is_whole_or_refused(set, steps, seeds, cases, edits):
    with one_sentence():
        check_experiment(Experiment.from_preset(ENGINE, None, set, seeds, steps, cases, edits))


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20) | TEXTS.filter(
    lambda text: "\0" not in text and "\ud800" not in text
)
"""Words that a shell can pass on."""


class Reached(DynascopeError):
    """A command line got as far as computing."""


FLAGS = st.sampled_from(["--set", "--seeds", "--steps", "--preset", "--device", "--out", "--resume"])
GIVEN = st.sampled_from(["eta=1", "eta=", "=1", "d=3,4", "0,1", "10", "P0", "cpu"])
NAMES = st.sampled_from(["matrix_sensing", "loss_landscape"])


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """A folder of its own to be in: flags may name files."""
    with chdir(tmp_path_factory.mktemp("here")):
        yield


@given(st.lists(st.tuples(FLAGS, WORDS | GIVEN), max_size=3), WORDS | NAMES)
@example([("--steps", "a\nb")], "matrix_sensing")
@example([("--set", "eta\n=1")], "matrix_sensing")
@example([("--out", "x\n.parquet")], "matrix_sensing")
def test_a_command_line_is_run_or_answered_in_one_line(elsewhere, flags, name):
    words = ["run", name, *(word for flag in flags for word in flag)]
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), patch.object(api, "simulate", side_effect=Reached("reached")):
        try:
            status = launch.main(words)
        except SystemExit as left:
            status = left.code
    assert status in (0, 1, 2)
    lines = [line for line in err.getvalue().splitlines() if not line.startswith("note: ")]
    assert status == 0 or (len(lines) == 1 and out.getvalue() == "")  # --help
    for line in lines:
        check_sentence(line)


# -- links ------------------------------------------------------------------------------------------------------


def open_link(token):
    """Open a token as a page does; the lab opens in any case, and what is wrong is a sentence."""
    start = Start.from_address(ENGINE, token)
    check_experiment(start.experiment)
    if start.error:
        assert len(start.error.splitlines()) == 1
    link.lab_of(token)
    check_sentence(link.missing(token) or "-")
    with one_sentence():
        link.decode(token, ENGINE)


@st.composite
def changed_links(draw):
    view = edited(draw, ViewState(pinned=json.dumps(LINK)).to_json()) if draw(st.booleans()) else {}
    experiment = edited(draw, LINK) if draw(st.booleans()) else LINK
    about = {"version": link.VERSION, "experiment": json.dumps(experiment), "view": view}
    return link.pack(edited(draw, about) if draw(st.booleans()) else about)


@given(changed_links())
def test_a_link_that_was_changed_opens_or_is_refused(token):
    open_link(token)


@given(JSON.map(lambda data: link.pack({"version": link.VERSION, "experiment": json.dumps(data), "view": data})))
def test_a_link_of_anything_is_refused(token):
    open_link(token)


@given(st.data())
def test_a_token_that_was_cut_or_changed_on_its_way_is_refused(data):
    whole = link.encode(Experiment.from_preset(ENGINE), ViewState()).encode()
    open_link(damaged(data.draw, whole).decode("utf-8", "replace"))


@given(TEXTS)
def test_a_text_is_no_link(text):
    open_link(text)
