import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Future

import numpy as np
import pyarrow.parquet as pq
import pytest

import engines
from engines.core import api
from engines.core.compute.simulation import Simulation
from engines.core.files.checkpoint_file import restore_checkpoint, write_checkpoint
from engines.core.protocol import registry
from engines.core.protocol.errors import ConfigError, DynascopeError, EngineFailure, StoreError, UnknownName
from engines.core.sweeps import sweep as sweeps
from engines.core.sweeps.compute import Interrupted, compute_task
from engines.core.sweeps.folder import Sweep, rows_to_bytes
from engines.core.sweeps.plan import MEMBERS, Plan, Task
from engines.core.sweeps.sweep import sweep
from tests.conftest import ROOT
from tests.core.toy import ENGINE

PLUGINS = str(ROOT / "tests" / "core" / "sweeps" / "plugins")


@pytest.fixture(autouse=True)
def toy_is_a_plugin(monkeypatch):
    monkeypatch.setattr(registry.PLUGINS, "__path__", [])
    registry.load.cache_clear()
    registry.add_plugins(PLUGINS)
    yield
    registry.load.cache_clear()


def plan(**options):
    return Plan.make(ENGINE, **options)


def test_tasks_are_all_points_once_and_share_shapes():
    made = plan(set={"a": [1.0, 2.0], "d": [2, 3], "eta": 0.2}, seeds=range(100), steps=5)
    tasks = list(made.tasks())
    points = [tuple(point.values()) for task in tasks for point in task.points]
    assert len(points) == len(set(points)) == len(made) == 400
    assert all(len({point["d"] for point in task.points}) == 1 and len(task.points) <= MEMBERS for task in tasks)
    assert len({task.digest for task in tasks}) == len(tasks)
    assert [Task.from_json(task.to_json()).digest for task in tasks] == [task.digest for task in tasks]
    assert made.count_tasks() == len(tasks)


def test_a_task_of_a_million_points_is_as_short_as_another():
    tasks = [next(plan(set={"a": [1.0, 2.0]}, seeds=range(count), steps=5).tasks()) for count in (100, 500_000)]
    assert len({len(task.to_json()) for task in tasks}) == 1 and tasks[1].plan.count_tasks() == 15_625


def test_an_axis_is_any_list_and_seeds_are_one():
    assert len(plan(set={"a": np.array([1.0, 2.0])}, seeds=range(3), steps=5)) == 6
    with pytest.raises(ConfigError, match="the limit is 10,000,000"):
        plan(seeds=range(10**12))
    with pytest.raises(ConfigError, match="seeds=3 is no list"):
        plan(seeds=3)
    with pytest.raises(ConfigError, match="both seeds and values of the knob seed"):
        plan(set={"seed": [3]}, seeds=[1, 2])


def test_a_preset_is_computed_whole_at_every_point():
    made = plan(preset="first", set={"eta": [0.1, 0.2]})
    assert len(made) == 2 and len(made.group) == 4
    rows, _ = compute_task(next(iter(made.tasks())))
    assert rows["case"].tolist() == [0, 1, 2, 3] * 2 and rows["a"].tolist() == [1.0, 1.0, 2.0, 2.0] * 2


def test_a_sweep_has_the_numbers_of_a_run(tmp_path):
    result = sweep("toy", set={"a": [1.0, 2.0, 30.0], "d": [2, 3]}, seeds=[0, 1], steps=40, out=tmp_path, workers=2)
    data = result.to_xarray()
    run = engines.run("toy", set={"a": [1.0, 2.0, 30.0], "d": [2, 3]}, seeds=[0, 1], steps=40)
    assert data.sizes == {"a": 3, "d": 2, "seed": 2}
    for member, config in enumerate(run.configs):
        here = data.sel(a=config.a, d=config.d, seed=config.seed)
        assert here["diverged_at"] == run.diverged_at[member]
        np.testing.assert_array_equal(here["final(loss)"], _last_finite(run, member))


def test_a_dataset_of_a_sweep_reads_what_is_used_when_it_is_used(tmp_path, monkeypatch):
    made = sweep("toy", set={"a": [1.0, 2.0], "d": [2, 3]}, seeds=range(3), steps=9, out=tmp_path, workers=1)
    read = []
    rows = Sweep.rows
    monkeypatch.setattr(Sweep, "rows", lambda self, *asked: read.append(asked) or rows(self, *asked))
    data = engines.open(tmp_path).to_xarray()
    part = data["final(loss)"].sel(a=2.0).isel(seed=[2, 0, 2]).transpose("seed", "d")
    assert data.sizes == {"a": 2, "d": 2, "seed": 3} and data.attrs["steps"] == 9 and "final(loss)" in repr(data)
    knobs = {name: data.coords[name] for name in ENGINE.Config.knobs()}  # each of them, also those that are not swept
    assert knobs["d"].values.tolist() == [2, 3] and knobs["eta"] == made.plan.group[0].eta and not read
    found = part.values
    [(columns, wanted)] = read
    assert columns == ["a", "d", "seed", "final(loss)"] and (wanted["a"], wanted["seed"]) == ([2.0], [0, 2])
    table = made.table().set_index(["a", "seed", "d"])["final(loss)"]
    assert found.tolist() == [[table[2.0, seed, d] for d in (2, 3)] for seed in (2, 0, 2)]
    assert data["final(loss)"].equals(made.read()["final(loss)"]) and made["final(loss)"].equals(data["final(loss)"])
    with pytest.raises(UnknownName, match=r"did you mean final\(loss\)"):
        made["final(los)"]


def test_files_that_hold_nothing_of_what_is_asked_for_are_not_read(tmp_path):
    made = sweep("toy", set={"d": [2, 3]}, seeds=range(3), steps=9, out=tmp_path, workers=1)
    [damaged] = [path for path in (tmp_path / "results").iterdir() if pq.read_table(path)["d"][0].as_py() == 3]
    whole = damaged.read_bytes()
    tail = 8 + int.from_bytes(whole[-8:-4], "little")  # what a file says of itself stands at its end
    damaged.write_bytes(bytes(len(whole) - tail) + whole[-tail:])
    data = made.to_xarray("final(loss)")["final(loss)"]
    assert np.isfinite(data.sel(d=2)).all()
    with pytest.raises(StoreError, match="cannot be read"):
        data.sel(d=3).load()


def test_members_of_a_preset_lie_along_case_with_the_knobs_in_which_they_differ(tmp_path):
    data = sweep("toy", preset="first", set={"eta": [0.1, 0.2]}, judged=True, out=tmp_path, workers=1).to_xarray()
    assert data.sizes == {"eta": 2, "case": 4} and data["a"].values.tolist() == [1.0, 1.0, 2.0, 2.0]
    assert data["claim_1"].dims == ("eta", "case") and set(data["claim_1"].values.ravel()) <= {0.0, 1.0}
    assert data["d"].ndim == 0


def test_what_is_not_computed_yet_is_nan_and_a_point_that_is_refused_first_hides_no_other(tmp_path):
    options = {"set": {"flat": [True, False], "sign": ["minus", "plus"], "d": [2, 3]}, "steps": 5, "workers": 1}
    known = []
    for shard in ((1, 2), (2, 2)):
        made = sweep("toy", **options, out=tmp_path, shard=shard)
        found = made.to_xarray("final(loss)")["final(loss)"]
        known.append(int(np.isfinite(found).sum()))
        assert np.isnan(found.sel(flat=True, sign="minus")).all()
        assert made.query('select count("final(loss)") as n from results')["n"].item() == known[-1]
    assert 0 < known[0] < known[1] == 6


def _last_finite(run, member):
    return run.curve("loss", member)[1][-1]


def test_kept_runs_open_at_a_point_and_others_are_computed_again(tmp_path):
    options = {"set": {"a": [1.0, 2.0]}, "seeds": [0, 1], "steps": 30}
    kept = sweep("toy", **options, out=tmp_path / "kept", keep_runs=True, workers=1)
    bare = sweep("toy", **options, out=tmp_path / "bare", workers=1)
    one, other = kept.run(a=2.0, seed=1), bare.run(a=2.0, seed=1)
    assert len(one.configs) == 1 and one.configs == other.configs
    np.testing.assert_array_equal(one["loss"], other["loss"])
    np.testing.assert_array_equal(one["field"], other["field"])
    with pytest.raises(ConfigError, match="no point"):
        kept.run(a=3.0, seed=1)


def test_claims_are_judged_at_every_point(tmp_path):
    result = sweep("toy", preset="first", set={"eta": [1e-4, 0.1], "d": 50}, judged=True, out=tmp_path, workers=1)
    first = engines.run("toy", preset="first", set={"eta": 1e-4, "d": 50}).judge()[0].holds
    rows = result.table().set_index("eta")["claim_1"]
    assert set(rows.loc[1e-4]) == {first} and set(rows.loc[0.1]) == {True} and first is False


def test_points_that_contradict_themselves_are_rows_with_the_reason(tmp_path):
    result = sweep("toy", set={"flat": [True, False], "sign": ["plus", "minus"]}, steps=5, out=tmp_path, workers=1)
    refused = result.table().query("refused != ''")
    assert refused[["flat", "sign"]].to_numpy().tolist() == [[True, "minus"]]
    assert refused["refused"].item() == "Toy.flat needs sign=plus"
    assert np.isnan(result.to_xarray("final(loss)")["final(loss)"].sel(flat=True, sign="minus"))


def test_a_folder_goes_on_where_it_is_and_refuses_another_sweep(tmp_path):
    options = {"set": {"a": [1.0, 2.0]}, "seeds": range(100), "steps": 5, "out": tmp_path, "workers": 1}
    for shard in ((1, 2), (2, 2)):
        sweep("toy", **options, shard=shard)
    counts = []
    with pytest.raises(StoreError, match="resume"):
        sweep("toy", **options)
    again = sweep("toy", **options, resume=True, progress=lambda *count: counts.append(count))
    assert not counts and len(again.table()) == 200
    with pytest.raises(StoreError, match=r"another sweep, which differs in experiment\.steps"):
        sweep("toy", **options | {"steps": 6}, resume=True)


def kept(folder):
    """A small sweep that was computed in this process."""
    made = Sweep.create(plan(set={"a": [1.0, 2.0]}, steps=5), folder)
    for task in made.plan.tasks():
        made.keep(task, rows_to_bytes(compute_task(task)[0]), None)
    return made


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: os.symlink("/dev/zero", path), os.mkdir])
def test_what_is_no_file_is_neither_read_nor_waited_for(tmp_path, make):
    whole = kept(tmp_path / "whole")
    make(tmp_path / "whole" / "results" / "odd.parquet")
    with pytest.raises(StoreError, match="cannot be read: there is no such file"):
        whole.table()
    make(tmp_path / "sweep.json")
    with pytest.raises(StoreError, match="is not the folder of a sweep"):
        Sweep(tmp_path)


def test_results_that_are_not_those_of_the_plan_are_refused(tmp_path):
    result = kept(tmp_path)
    (one,) = (tmp_path / "results").iterdir()
    (tmp_path / "results" / "copy.parquet").write_bytes(one.read_bytes())
    with pytest.raises(StoreError, match="are not those of its plan"):
        result.read()
    pq.write_table(pq.read_table(one).drop_columns("a"), tmp_path / "results" / "copy.parquet")
    one.unlink()
    with pytest.raises(StoreError, match="are not those of its plan: it lacks"):
        result.read()


@pytest.mark.parametrize("change", [{"axes": {"a": []}}, {"measures": []}])
def test_a_description_without_values_is_none(change):
    about = json.loads(plan(set={"a": [1.0, 2.0]}, steps=5).to_json())
    with pytest.raises(ConfigError, match="no description of a sweep"):
        Plan.from_json(json.dumps(about | change))


def test_a_question_in_sql_is_answered_and_reads_nothing_else(tmp_path):
    result = sweep("toy", set={"a": [1.0, 2.0]}, seeds=[0, 1], steps=5, out=tmp_path, workers=1)
    means = result.query('select a, avg("final(loss)") as mean from results group by a order by a')
    expected = result.table().groupby("a")["final(loss)"].mean()
    np.testing.assert_allclose(means["mean"], expected, rtol=1e-15)
    for sql in ("select * from '/etc/passwd'", "select nothing from results", "drop table results; select"):
        with pytest.raises(StoreError, match="cannot be answered"):
            result.query(sql)


@pytest.mark.parametrize(
    "options",
    [{"set": {"nothing": [1]}}, {"set": {"a": [1.0, 1e9]}}, {"set": {"a": []}}, {"seeds": [1, 1]}, {"preset": "none"},
     {"measures": ["nothing(loss)"]}, {"judged": True}, {"shard": (3, 2)}, {"steps": 0},
     {"workers": -1}, {"workers": 0},
     {"seeds": range(10**4), "set": {"a": [0.1 + 1e-4 * n for n in range(2000)]}}],
)  # fmt: skip
def test_what_is_wrong_is_one_sentence_before_anything_is_computed(tmp_path, options):
    with pytest.raises(DynascopeError) as raised:
        sweep("toy", **options, out=tmp_path / "x")
    assert "\n" not in str(raised.value) and not (tmp_path / "x" / "results").exists()


def test_a_checkpoint_on_disk_goes_on_bit_for_bit(tmp_path):
    made = plan(set={"a": [1.0, 2.0, 30.0]}, seeds=[0, 1], steps=1000)
    [task] = made.tasks()
    whole, run = compute_task(task)
    asked = iter([False] * 300)
    with pytest.raises(Interrupted):
        compute_task(task, tmp_path / "x", interrupted=lambda: next(asked, True))
    state = Simulation(ENGINE, run.configs, api.devices.resolve("cpu"))
    restore_checkpoint(state, tmp_path / "x.safetensors")
    assert 200 < state.step < 1000
    rows, resumed = compute_task(task, tmp_path / "x")
    assert rows.equals(whole)
    np.testing.assert_array_equal(resumed["loss"], run["loss"])
    np.testing.assert_array_equal(resumed["field"], run["field"])
    np.testing.assert_array_equal(resumed.diverged_at, run.diverged_at)


@pytest.mark.parametrize("damage", [b"", b"not a checkpoint", None])
def test_a_damaged_checkpoint_begins_anew_and_the_log_says_so(tmp_path, caplog, damage):
    [task] = plan(set={"a": [1.0, 2.0]}, steps=1000).tasks()
    asked = iter([False] * 200)
    with pytest.raises(Interrupted):
        compute_task(task, tmp_path / "x", interrupted=lambda: next(asked, True))
    state = tmp_path / "x.safetensors"
    state.write_bytes(state.read_bytes()[:100] if damage is None else damage)
    assert compute_task(task, tmp_path / "x")[0].equals(compute_task(task)[0])
    assert "a task begins anew, for its checkpoint cannot be used" in caplog.text


def test_a_checkpoint_writes_only_what_is_new(tmp_path):
    [task] = plan(set={"a": [1.0, 2.0, 30.0]}, seeds=[0, 1], steps=1000).tasks()
    whole, run = compute_task(task)
    asked = iter([False] * 60)
    with pytest.raises(Interrupted):
        compute_task(task, tmp_path / "x", interrupted=lambda: next(asked, True), period=0)
    steps = [pq.read_table(part)["step"].to_numpy()[::6] for part in sorted(tmp_path.glob("x-*.parquet"))]
    assert len(steps) > 50 and (np.diff(np.concatenate(steps)) > 0).all()
    rows, resumed = compute_task(task, tmp_path / "x")
    assert rows.equals(whole)
    for channel in ("loss", "field", "rare"):
        np.testing.assert_array_equal(resumed[channel], run[channel])


def test_a_device_that_is_not_here_is_told_before_anything_begins(tmp_path):
    with pytest.raises(ConfigError, match="mps"):
        sweep("toy", set={"a": [1.0, 2.0]}, steps=5, out=tmp_path / "x", device="mps")
    assert not (tmp_path / "x").exists()


def test_a_checkpoint_of_other_members_is_refused(tmp_path):
    one, two = (
        Simulation(ENGINE, [ENGINE.Config(seed=s) for s in range(n)], api.devices.resolve("cpu")) for n in (2, 3)
    )
    write_checkpoint(one.checkpoint(), tmp_path / "x.safetensors")
    with pytest.raises(StoreError, match="not a checkpoint of this run"):
        restore_checkpoint(two, tmp_path / "x.safetensors")


class SecondFails:
    """A pool of processes in which all tasks but the first fail."""

    def __init__(self, *settings):
        self.tasks = 0

    def submit(self, work, text, folder, device):
        reply = Future()
        reply.set_result(sweeps.Reply(failure="no" * self.tasks))
        self.tasks += 1
        return reply

    def shutdown(self, **how):
        pass


def test_a_failing_task_leaves_the_others(tmp_path, monkeypatch):
    monkeypatch.setattr(sweeps, "ProcessPoolExecutor", SecondFails)
    with pytest.raises(EngineFailure, match="1 of 2 tasks failed; the first: no"):
        sweep("toy", set={"d": [1, 2]}, steps=5, out=tmp_path)


def start(folder, *more):
    words = [*"launch.py sweep toy --set a=1,2 --set d=1:9 --seeds 0:64 --steps 20000 --workers 2".split(), *more]
    return subprocess.Popen(
        [sys.executable, *words, "--plugins", PLUGINS, "--out", str(folder)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def finish(process):
    """Wait for the end of a sweep that should succeed."""
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    finish(start(folder))
    return folder


def _assert_same(folder, other):
    order = ["a", "d", "seed"]
    one, two = (Sweep(each).table().sort_values(order).reset_index(drop=True) for each in (folder, other))
    assert one.equals(two)


@pytest.mark.slow
def test_an_interrupted_sweep_says_how_to_go_on_and_ends_like_another(tmp_path, undisturbed):
    process = start(tmp_path)
    while not list(tmp_path.glob("results/*.parquet")):
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and "--resume" in said and "Traceback" not in said, said
    finish(start(tmp_path, "--resume"))
    _assert_same(tmp_path, undisturbed)
    assert not list(tmp_path.glob("partial/*"))


@pytest.mark.slow
@pytest.mark.parametrize("kills", [2, pytest.param(100, marks=pytest.mark.thorough)])
def test_kills_at_random_moments_lose_nothing_that_was_finished(tmp_path, undisturbed, kills):
    moments, finished = np.random.default_rng(0).uniform(2, 9, kills), set()
    for number, moment in enumerate(moments):
        process = start(tmp_path, *(["--resume"] if number else []))
        time.sleep(moment)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        done = {path.name for path in tmp_path.glob("results/*.parquet")}
        assert finished <= done
        finished = done
    finish(start(tmp_path, "--resume"))
    _assert_same(tmp_path, undisturbed)
