"""GPUs of a machine among the processes of sweeps: one each while there are enough, on GPUs that are not there."""

import subprocess
import sys

import numpy as np
import pytest

from engines.core.compute import device as devices
from engines.core.files import export
from engines.core.files.atomic_file import writing
from engines.core.protocol import device_choice
from engines.core.protocol.registry import load
from engines.core.sweeps import gpus, worker
from engines.core.sweeps.folder import Sweep
from engines.core.sweeps.plan import Plan
from tests.conftest import ROOT
from tests.pretend_gpu import pretended


@pytest.fixture(autouse=True)
def nobody_else(monkeypatch, tmp_path):
    """A machine on which no other process has a GPU."""
    monkeypatch.setattr(gpus.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(gpus, "HELD", [])
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    gpus.take_gpu.cache_clear()
    yield
    gpus.take_gpu.cache_clear()


def assigned(visible):
    """Which GPU each process takes, in turn; `visible` are those that each sees, in its order."""
    taken, found = set(), []
    for names in visible:
        index, place = next(each for each in gpus.places(names) if each[1] not in taken)
        taken.add(place)
        found.append(names[index])
    return found


@pytest.mark.parametrize(
    ("visible", "found"),
    [
        ([["0", "1", "2"]] * 3, ["0", "1", "2"]),
        ([["0", "1"]] * 5, ["0", "1", "0", "1", "0"]),  # more processes than GPUs
        ([["0", "1", "2"], ["1", "2", "0"], ["2", "0", "1"]], ["0", "1", "2"]),  # as dask-cuda turns them
        ([["2", "0", "1"], ["0", "1", "2"], ["1", "2", "0"]], ["2", "0", "1"]),
        ([["GPU-7"], ["GPU-7", "4"], ["4", "GPU-7"]], ["GPU-7", "4", "4"]),  # a part of the GPUs, and all of them
    ],
)
def test_each_gpu_has_one_process_before_any_has_two(visible, found):
    assert assigned(visible) == found


def test_with_many_processes_no_gpu_has_two_more_than_another():
    names = [str(index) for index in range(7)]
    for count in (1, 6, 7, 8, 40):
        shares = np.unique(assigned([names] * count), return_counts=True)[1]
        assert len(shares) == min(count, 7) and shares.max() == -(-count // 7) and shares.max() - shares.min() <= 1


def test_processes_take_the_gpus_that_they_see(monkeypatch):
    def another():
        gpus.take_gpu.cache_clear()  # as another process would ask, with its own lock on the same files
        return gpus.gpu_of_this_process("auto")

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,GPU-7")
    with pretended(gpus=2):
        assert [another() for _ in range(3)] == ["cuda:0", "cuda:1", "cuda:0"]
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-7,4")  # one that sees them the other way round
        assert another() == "cuda:0" and gpus.gpu_of_this_process("auto") == "cuda:0"
        assert gpus.gpu_of_this_process("cuda:1") == "cuda:1" and gpus.gpu_of_this_process("cpu") == "cpu"
    with pretended(gpus=1):
        assert gpus.gpu_of_this_process("auto") == "auto"
    assert gpus.gpu_of_this_process("auto") == "auto"  # without a GPU


def test_a_task_is_computed_on_the_gpu_of_its_process_with_the_numbers_of_the_processor(monkeypatch, tmp_path):
    monkeypatch.setattr(device_choice, "LEAST_GPU_BYTES", 0)
    small = {"alpha": [0.1, 0.2], "operator": "identity", "n": 5, "k": 2, "r": 1}
    plan = Plan.make(load("matrix_sensing"), set=small, seeds=[0, 1], steps=20, keeps_runs=True)
    [task] = plan.tasks()
    found = {}
    with pretended(gpus=2):
        held = gpus.gpu_of_this_process("auto")
        gpus.take_gpu.cache_clear()
        for device in ("auto", "cpu"):
            sweep = Sweep.create(plan, tmp_path / device)
            reply = worker.work(task.to_json(), str(sweep.folder), device)
            assert reply == worker.Reply()
            found[device] = export.read(sweep.path("runs", task)), sweep.table()
    assert held == "cuda:0" and found["auto"][0].device == "cuda:1" and found["cpu"][0].device == "cpu"
    np.testing.assert_allclose(found["auto"][1]["final(loss)"], found["cpu"][1]["final(loss)"], rtol=1e-12)
    with pretended(gpus=1):
        assert str(devices.resolve_or_cpu("cuda:1")) == "cuda:0"  # whoever goes on has fewer gpus


def test_without_room_for_a_lock_processes_share_the_first_card(monkeypatch, tmp_path):
    file = tmp_path / "a file"
    with writing(file) as out:
        out.write(b"no folder")
    monkeypatch.setattr(gpus.tempfile, "gettempdir", lambda: str(file))
    with pretended(gpus=2):
        assert gpus.gpu_of_this_process("cuda") == "cuda:0"


@pytest.mark.slow
def test_the_gpu_of_a_process_that_is_killed_is_free_again(tmp_path):
    script = f"""
from engines.core.protocol.registry import load
from engines.core.sweeps import gpus
from tests.pretend_gpu import pretended
gpus.tempfile.gettempdir = lambda: {str(tmp_path)!r}
with pretended(gpus=2):
    print(gpus.gpu_of_this_process("auto"), flush=True)
    input()
"""
    other = subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout and other.stdout.readline() == "cuda:0\n"
    with pretended(gpus=2):
        assert gpus.gpu_of_this_process("auto") == "cuda:1"
        other.kill()
        other.communicate()
        gpus.take_gpu.cache_clear()
        assert gpus.gpu_of_this_process("auto") == "cuda:0"
