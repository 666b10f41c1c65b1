import numpy as np
import pytest
import torch

import engines
from engines.core import api
from engines.core.compute import device as devices
from engines.core.protocol.declarations import Story
from engines.core.protocol.errors import ConfigError, UnknownName
from engines.core.runs.replay import simulation_at
from engines.core.runs.run import Run
from tests.core.toy import ENGINE, ToyEngine


@pytest.fixture(autouse=True)
def toy_is_an_engine(monkeypatch):
    monkeypatch.setattr(api, "load", lambda name: ENGINE)


def test_a_run_has_everything_recorded_up_to_its_last_step():
    run = engines.run("toy", set={"a": [1, 2]}, seeds=[0, 1], steps=1005)
    assert len(run.configs) == 4
    assert run.steps[-1] == 1005
    assert run["x"].shape == (len(run), 4, 3)
    assert run.where(a=2, seed=1) == [3]


def test_a_preset_is_judged_and_verdicts_are_plain_dictionaries():
    (verdict,) = engines.run("toy", preset="first").verdicts
    assert type(verdict) is dict
    assert set(verdict) == {"claim", "measured", "predicted", "tolerance", "holds", "kind", "reason"}
    assert verdict["holds"] is True
    assert engines.run("toy", steps=5).verdicts == []


def test_progress_is_told_and_ends_at_the_last_step():
    told = []
    engines.run("toy", steps=205, progress=lambda step, steps: told.append((step, steps)))
    assert told[0] == (1, 205)
    assert told[-1] == (205, 205)
    assert [step for step, _ in told] == sorted(step for step, _ in told)


def test_cases_may_come_one_by_one():
    run = engines.run("toy", cases=({"a": a} for a in (1, 2)), steps=3)
    assert [config.a for config in run.configs] == [1, 2]


@pytest.mark.parametrize("given", [{"set": np.ones(2)}, {"cases": np.ones(2)}, {"edits": np.array(3)},
                                   {"edits": [np.array(3)]}, {"edits": [(1, "eta", 1, np.array(0))]},
                                   {"set": {"a": {}}}, {"seeds": {}}, {"seeds": b"ab"}], ids=str)  # fmt: skip
def test_arrays_and_mappings_where_there_should_be_none_are_one_sentence(given):
    with pytest.raises(ConfigError):
        engines.run("toy", **given, steps=3)


def test_the_summary_says_which_member_diverged_and_where():
    run = engines.run("toy", set={"a": [1, 100], "eta": 1, "flat": True}, steps=100)
    summary = run.summary()
    assert [member["status"] for member in summary["members"]] == ["ok", "diverged"]
    assert [member["diverged_at"] for member in summary["members"]] == [None, 16]
    assert set(summary["members"][0]["final"]) == {"loss", "rare"}
    assert summary["members"][1]["config"]["a"] == 100


def test_a_member_computed_again_is_the_same_bit_for_bit():
    run = engines.run("toy", seeds=[0, 1, 2], steps=500)
    again = simulation_at(run, 333, 2)
    index = run.recording.dense.index_at(333)
    again = simulation_at(run, int(run.steps[index]), 2)
    np.testing.assert_array_equal(again.observe().values["x"][0], run["x"][index, 2])


WRONG = {
    "channel": (lambda run: run["los"], UnknownName, "unknown channel of toy 'los'; did you mean loss?"),
    "curve": (lambda run: run.curve("los", 0), UnknownName, "did you mean loss?"),
    "where": (lambda run: run.where(etta=1), UnknownName, "unknown knob of Toy 'etta'; did you mean eta?"),
    "final": (lambda run: run.final(7), ConfigError, "member=7 is outside its bounds [0, 1]"),
    "curve's member": (lambda run: run.curve("loss", 2), ConfigError, "member=2 is outside its bounds [0, 1]"),
    "story": (lambda run: run.story(-1), ConfigError, "member=-1 is outside its bounds [0, 1]"),
    "probe": (lambda run: run.probe("nom"), UnknownName, "unknown probe of toy 'nom'; did you mean norm?"),
    "member": (lambda run: run.probe("norm", member=9), ConfigError, "member=9 is outside its bounds [0, 1]"),
    "step": (lambda run: run.probe("norm", step=99), ConfigError, "step=99 is outside its bounds [0, 5]"),
    "before": (lambda run: run.probe("norm", step=-2), ConfigError, "step=-2 is outside its bounds [0, 5]"),
    "no number": (lambda run: run.probe("norm", step="x" * 9999), ConfigError, "is outside its bounds [0, 5]"),
    "option": (lambda run: run.probe("norm", pwer=1), UnknownName, "did you mean power?"),
    "preset": (lambda run: engines.run("toy", "firts"), UnknownName, "did you mean first?"),
    "nothing like": (lambda run: engines.run("toy", "P9"), UnknownName, "unknown preset of toy 'P9'; known: first"),
    "knob": (lambda run: engines.run("toy", set={"etta": 1}), UnknownName, "did you mean eta?"),
    "value": (lambda run: engines.run("toy", set={"eta": -1}), ConfigError, "Toy.eta=-1.0 is outside its bounds"),
    "device": (lambda run: engines.run("toy", device="tpu"), ConfigError, "device='tpu'"),
    "no device": (lambda run: engines.run("toy", device=None), ConfigError, "device=None is not present here"),
    "seeds": (lambda run: engines.run("toy", seeds=3), ConfigError, "seeds=[3] is the seed 3, seeds=range(3) are"),
    "seeds twice": (lambda run: engines.run("toy", seeds=[1], set={"seed": 3}), ConfigError, "both seeds and values"),
    "equal seeds": (lambda run: engines.run("toy", seeds=[1, 2, 1.0]), ConfigError, "seed=1 is listed twice"),
    "equal values": (lambda run: engines.run("toy", set={"a": [2, 2]}), ConfigError, "a=2.0 is listed twice"),
    "equal cases": (lambda run: engines.run("toy", cases=[{"a": 2}, {"a": 2}]), ConfigError, "is listed twice"),
    "no seeds": (lambda run: engines.run("toy", seeds=[]), ConfigError, "the ensemble has 0 members"),
    "resume": (lambda run: engines.resume(run, 5), ConfigError, "steps=5 is not beyond the last step of the run, 5"),
}


@pytest.mark.parametrize(("act", "error", "message"), WRONG.values(), ids=WRONG)
def test_what_does_not_exist_is_refused_by_name_value_and_limit(act, error, message):
    run = engines.run("toy", seeds=[0, 1], steps=5)
    with pytest.raises(error) as caught:
        act(run)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 300


def test_seeds_may_be_any_list_of_numbers_and_a_device_torch_s_own():
    run = engines.run("toy", seeds=range(3), set={"eta": np.array(0.5)}, steps=1, device=torch.device("cpu"))
    assert [config.seed for config in run.configs] == [0, 1, 2]
    assert (run.configs[0].eta, run.device) == (0.5, "cpu")
    assert engines.run("toy", seeds=np.arange(2), steps=1, device="auto").device == str(devices.resolve("auto"))


def test_an_empty_list_of_cases_is_the_preset_without_them():
    assert len(engines.run("toy", "cases", cases=[], steps=1).configs) == 1


def test_a_run_says_what_it_is_and_what_changes_nothing(monkeypatch):
    monkeypatch.setattr(ToyEngine, "idle", lambda self, config: frozenset({"sign"}))
    monkeypatch.setattr(ToyEngine, "caution", lambda self, config: "a is large." if config.a > 1 else "")
    run = engines.run("toy", set={"a": [1, 2], "sign": "plus"}, steps=200)
    assert repr(run).splitlines() == [
        f"<Run of toy: 2 members (a), 200 steps in {len(run)} frames, on cpu>",
        "note: a is large. (1 of 2 members)",
        "note: sign changes nothing: it has no effect with these values of the other knobs",
    ]
    assert len(run.notes) == 2
    gone = engines.run("toy", preset="first", set={"a": 100.0, "eta": 1.0, "flat": True, "seed": 0}, steps=50)
    assert "of toy, first: 1 member, 50 steps" in repr(gone) and "1 diverged>" in repr(gone)
    assert "0 steps in 0 frames" in repr(Run(ENGINE, [ENGINE.Config()]))


def test_a_resumed_run_equals_one_that_was_never_stopped():
    edits = [(0, "shift", 0.5, [0]), (40, "eta", 0.2, [1]), (99, "shift", 1.0, [0, 1])]
    first = engines.run("toy", set={"a": [1, 2]}, steps=100, edits=edits)
    before = {name: first[name].copy() for name in ("loss", "x")}
    longer, whole = engines.resume(first, 250), engines.run("toy", set={"a": [1, 2]}, steps=250, edits=edits)
    assert longer.steps[-1] == 250
    for name in ("loss", "x", "field"):
        np.testing.assert_array_equal(longer[name], whole[name])
    assert (longer.configs, longer.notes, first.steps[-1]) == (whole.configs, (), 100)
    for name, values in before.items():
        np.testing.assert_array_equal(first[name], values)


def test_a_run_that_is_not_repeated_here_says_so_when_it_is_resumed():
    run = engines.run("toy", steps=100)
    run["loss"][-1] *= 1.01
    (note,) = engines.resume(run, 120).notes
    assert note.startswith("the recorded steps are not repeated to six digits here: loss ends at")


def test_a_run_computed_on_a_gpu_is_probed_and_resumed_without_one():
    run = engines.run("toy", steps=20)
    run.device = "cuda:7"
    assert run.probe("norm", step=10) == engines.run("toy", steps=10).probe("norm")
    assert engines.resume(run, 30).device == "cpu"
    assert run.device == "cuda:7"


def test_the_story_of_a_diverged_member_says_so_and_is_that_of_the_steps_before(monkeypatch):
    told = lambda self, run, member: Story(formula="", text=f"loss {run['loss'][-1, member]}", reference="")  # noqa: E731
    monkeypatch.setattr(ToyEngine, "story", told)
    run = engines.run("toy", set={"a": 100.0, "eta": 1.0, "flat": True}, steps=50)
    assert np.isnan(run["loss"][-1, 0])
    said, before = run.story(0).text.split("\n")
    assert said.startswith(f"It **diverged** at step {run.diverged_at[0]};")
    assert before == f"loss {run['loss'][run.diverged_at[0] - 1, 0]}"


def test_states_checkpoints_and_rows_count_as_memory(monkeypatch):
    limits = []
    monkeypatch.setattr(devices, "require_bytes", lambda needed, device: limits.append(needed))
    run = engines.run("toy", set={"d": 100}, seeds=range(50), steps=1000)
    row = sum(run[name][0].nbytes for name in ("loss", "x"))
    thin = run.recording.thin.nbytes()
    assert row * len(run) + thin < limits[-1] < 6 * (row * len(run) + thin)
    assert limits[0] == 0  # the engine declares nothing: all of it was measured


def test_what_the_rows_of_a_run_would_take_is_refused_before_it_runs(monkeypatch):
    monkeypatch.setattr(devices, "memory", lambda device: 10**6)
    engines.run("toy", steps=1000)
    with pytest.raises(ConfigError, match=r"needs .* GiB for its data, its states and what is recorded"):
        engines.run("toy", set={"d": 100}, seeds=range(50), steps=1000)
