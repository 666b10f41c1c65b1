import numpy as np
import pytest

import engines
from engines.core import api
from engines.core.api import replayed
from engines.core.errors import ConfigError, UnknownName
from tests.core.toy import ENGINE


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


def test_the_summary_says_which_member_diverged_and_where():
    run = engines.run("toy", set={"a": [1, 100], "eta": 1, "flat": True}, steps=100)
    summary = run.summary()
    assert [member["status"] for member in summary["members"]] == ["ok", "diverged"]
    assert [member["diverged_at"] for member in summary["members"]] == [None, 16]
    assert set(summary["members"][0]["final"]) == {"loss", "rare"}
    assert summary["members"][1]["config"]["a"] == 100


def test_a_member_computed_again_is_the_same_bit_for_bit():
    run = engines.run("toy", seeds=[0, 1, 2], steps=500)
    again = replayed(run, 333, 2)
    index = run.recording.dense.at(333)
    again = replayed(run, int(run.steps[index]), 2)
    np.testing.assert_array_equal(again.observe().values["x"][0], run["x"][index, 2])


def test_bad_input_raises_by_name():
    with pytest.raises(UnknownName, match="unknown preset of toy 'P9'"):
        engines.run("toy", preset="P9")
    with pytest.raises(ConfigError, match=r"Toy\.eta"):
        engines.run("toy", set={"eta": -1})
    with pytest.raises(ConfigError, match="device='tpu'"):
        engines.run("toy", device="tpu")
    with pytest.raises(UnknownName, match="unknown probe of toy 'hessian'"):
        engines.run("toy", steps=1).probe("hessian")
    with pytest.raises(UnknownName, match="unknown channel of toy 'speed'"):
        ENGINE.channel("speed")
