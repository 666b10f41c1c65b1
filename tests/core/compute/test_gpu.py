"""What the core does with a GPU, on one that is not there."""

import re
import threading
import time
from itertools import groupby

import numpy as np
import pytest
import torch

from benchmarks import gpu
from engines.core import api
from engines.core.compute import cuda_graph, memory
from engines.core.compute import device as devices
from engines.core.compute.simulation import Simulation
from engines.core.compute.walk import frames
from engines.core.data.recording import Event
from engines.core.live.admission import ADMISSION
from engines.core.live.runner import Runner
from engines.core.live.scheduler import Scheduler
from engines.core.protocol import device_choice
from engines.core.protocol.errors import ConfigError, EngineFailure, as_engine_failure
from tests.core.toy import ENGINE, Toy, ToyEngine
from tests.pretend_gpu import OnGpu, held, pretended

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)
MEMBERS = [Toy(seed=1), Toy(a=3.0, seed=2), Toy(eta=0.5, sign="minus")]


def recorded(running, stop):
    return [running.observe(), *(frame for frame, _ in frames(running, stop))]


def assert_same(left, right):
    assert [frame.step for frame in left] == [frame.step for frame in right]
    for one, other in zip(left, right, strict=True):
        for name, value in one.values.items():
            np.testing.assert_array_equal(value, other.values[name], err_msg=f"{name} at {one.step}")


def test_the_pretended_gpu_refuses_counts_and_plays_back():
    with pretended(gpus=2) as machine:
        x = torch.ones(3, device="cuda")
        with machine.counting() as count:
            assert (x + 1).sum().item() == 6
        assert (count.kernels, count.waits) == (2, ["_local_scalar_dense"])
        for wrong in (torch.ones(3), torch.ones(3, device="cuda:1")):
            with pytest.raises(RuntimeError, match="same device"):
                _ = x + wrong
        with pytest.raises(TypeError, match="numpy"):
            np.asarray(x)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            doubled = 2 * x
        assert held(doubled).isnan().all()  # nothing is computed by a capture
        x[0] = 5
        graph.replay()
        assert held(doubled).tolist() == [10, 2, 2]
        with pytest.raises(RuntimeError, match="capturing"), torch.cuda.graph(torch.cuda.CUDAGraph()):
            x.sum().item()


def test_a_short_run_is_replayed_from_its_first_step_on():
    with pretended() as machine:
        graphed = Simulation(ENGINE, MEMBERS, GPU)
        there = recorded(graphed, 150)
        assert machine.replays == 150  # frames are less than 32 steps apart
        graphed.advance(150 + 2 * 32 + 5)
        assert machine.replays == 150 + 2 + 5
    assert_same(there, recorded(Simulation(ENGINE, MEMBERS, CPU), 150))


def test_a_step_that_cannot_be_captured_is_computed_by_the_loop(caplog):
    with pretended() as machine:
        machine.refuses_capture = True
        there = recorded(Simulation(ENGINE, MEMBERS, GPU), 20)
        assert (machine.replays, machine.emptied) == (0, 1)
    assert "without a graph" in caplog.text
    assert_same(there, recorded(Simulation(ENGINE, MEMBERS, CPU), 20))


def test_one_graph_is_captured_at_a_time(monkeypatch):
    monkeypatch.setattr(cuda_graph, "UNROLLED", (2, 1))
    steps = []
    with pretended():
        batch = Simulation(ENGINE, MEMBERS, GPU).batches[0]

        def slow(state, knobs, count):
            steps.extend([threading.current_thread()] * count)
            time.sleep(0.02)
            return ENGINE.steps(batch.problem, state, knobs, count)

        both = [
            threading.Thread(target=cuda_graph.CapturedSteps, args=(slow, batch.state, batch.knobs)) for _ in range(2)
        ]
        for one in both:
            one.start()
        for one in both:
            one.join(10)
    assert len(steps) == 2 * (cuda_graph.WARM_UP + 2 + 1)
    assert len(list(groupby(steps))) == 2


def test_a_diverging_member_is_frozen_on_a_gpu_as_on_the_processor():
    members = [Toy(), Toy(a=100.0, eta=1.0, flat=True)]
    with pretended():
        there = Simulation(ENGINE, members, GPU)
        found = recorded(there, 40)
    here = Simulation(ENGINE, members, CPU)
    assert_same(found, recorded(here, 40))
    np.testing.assert_array_equal(there.diverged_at, here.diverged_at)


def test_the_second_gpu_computes_captures_and_is_waited_for_itself():
    with pretended(gpus=2) as machine:
        there = Simulation(ENGINE, MEMBERS, devices.resolve("cuda:1"))
        found = recorded(there, 20)
        assert machine.replays == 20 and there.devices == "cuda:1"
        assert machine.current == 0
        with pytest.raises(ConfigError, match="cuda:2"):
            devices.resolve("cuda:2")
    assert_same(found, recorded(Simulation(ENGINE, MEMBERS, CPU), 20))


def test_channels_of_all_types_come_in_one_copy_that_does_not_block():
    values = {
        "flag": torch.tensor([True, False]), "wide": torch.arange(6.0, dtype=torch.float64).view(2, 3).mT,
        "narrow": torch.tensor([0.5], dtype=torch.float32), "whole": torch.tensor([[7], [8]]),
        "none": torch.ones(0, 2), "strided": torch.arange(4.0, dtype=torch.float64)[::3][1:],
    }  # fmt: skip
    with pretended() as machine:
        there = {name: value.to("cuda") for name, value in values.items()}
        with machine.counting() as count:
            sent = devices.Transfer(there)
            found = sent.result()
        assert not count.waits
    assert list(found) == list(values)
    for name, value in values.items():
        np.testing.assert_array_equal(found[name], value.numpy())
        assert found[name].dtype == value.numpy().dtype


def test_a_gpu_comes_first_where_there_is_one():
    with pretended(gpus=2):
        assert str(devices.resolve("auto")) == str(devices.resolve("cuda")) == "cuda:0"
        assert [one.name for one in devices.describe_devices()] == ["cpu", "cuda:0", "cuda:1"]
        assert api.run("matrix_sensing", steps=3).device == "cuda:0"


def test_a_gpu_multiplies_in_full_whatever_the_machine_is_set_to():
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        Simulation(ENGINE, MEMBERS, CPU)
        assert torch.get_float32_matmul_precision() == "high"
        with pretended():
            Simulation(ENGINE, MEMBERS, GPU)
        assert torch.get_float32_matmul_precision() == "highest"
    finally:
        torch.set_float32_matmul_precision(before)


def test_a_turn_ends_when_the_gpu_has_done_what_it_was_told(monkeypatch):
    waited, scheduler = [], Scheduler()
    scheduler.request = lambda worker: None
    monkeypatch.setattr(devices, "synchronise", lambda device: waited.append(str(device)))
    runner = Runner(ENGINE, MEMBERS, horizon=9, device="cuda", scheduler=scheduler)
    with pretended():
        runner.step(3)
        while runner.work(0.05) is not None or runner.status.playing:
            pass
    assert runner.status.step == 3 and waited and set(waited) == {"cuda:0"}


def test_what_torch_keeps_of_runs_that_ended_is_free():
    with pretended(memory=100 * 2**30) as machine:
        whole = devices.memory(GPU)
        machine.cached = 45 * 2**30
        assert devices.memory(GPU) == whole == 50 * 2**30


class Hungry(ToyEngine):
    """Its steps ask for more than there is from step 5 on, on a GPU."""

    def nbytes(self, configs):
        return 2**24 * len(configs)

    def step(self, problem, state, knobs):
        if isinstance(state.x, OnGpu) and self.hungry:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 32.00 MiB. GPU 0 is full.")
        return super().step(problem, state, knobs)

    def capturable(self, problem):
        return False

    hungry = True


def test_memory_that_runs_out_in_the_second_batch_moves_no_batch():
    with pretended():
        engine = Hungry()
        engine.hungry = False
        simulation = Simulation(engine, [Toy(d=2), Toy(d=3)], GPU)
        simulation.advance(3)
        before = [held(batch.state.x).clone() for batch in simulation.batches]
        second = simulation.batches[1]
        second.engine, engine.hungry = Hungry(), False
        with pytest.raises(EngineFailure, match="ran out of memory"):
            simulation.advance(9)
        assert simulation.step == 3
        assert all(torch.equal(held(b.state.x), x) for b, x in zip(simulation.batches, before, strict=True))


def test_memory_that_runs_out_says_what_would_fit_and_the_run_goes_on_on_the_processor():
    scheduler, engine, members = Scheduler(), Hungry(), [Toy(seed=seed) for seed in range(4)]
    engine.hungry = False
    scheduler.request = lambda worker: None  # this thread serves it: the pretended GPU is its own
    runner = Runner(engine, members, horizon=30, device="cuda", scheduler=scheduler)

    def done(command, *arguments):
        command(*arguments)
        while runner.work(0.05) is not None or runner.status.playing:
            pass

    with pretended() as machine:
        done(runner.step, 7)
        assert runner.status.device == "cuda:0"
        engine.hungry = True
        done(runner.step, 3)
        status = runner.status
        assert status.full and status.step == 7 and not status.playing
        assert re.search(r"32 MiB more.*: 2 of the 4 members would fit; the processor may have room", status.message)
        assert machine.emptied
        done(runner.move, "cpu")
        assert (runner.status.message, runner.status.device, runner.status.full) == ("", "cpu", False)
        done(runner.play)
        done(runner.close)
        runner.work(0)
    assert runner.run.device == "cpu" and runner.status.step == 30
    np.testing.assert_array_equal(runner.run["x"], api.simulate(api.Run(ENGINE, members), 30)["x"])
    with pretended(), pytest.raises(EngineFailure, match="device cpu"):
        api.simulate(api.Run(engine, members, device="cuda"), 10)


def test_a_run_asks_a_gpu_for_what_is_new_alone_and_another_device_for_all_of_it(monkeypatch):
    """Free is what is beside the run: one that holds half of a card could be edited never again."""
    scheduler, engine, members = Scheduler(), Hungry(), [Toy(seed=seed) for seed in range(4)]
    engine.hungry, memory_of = False, devices.memory
    scheduler.request = lambda worker: None
    runner = Runner(engine, members, horizon=30, device="cuda", scheduler=scheduler)

    def done(command, *arguments):
        command(*arguments)
        while runner.work(0.05) is not None or runner.status.playing:
            pass

    with pretended():
        done(runner.step, 7)
        monkeypatch.setattr(devices, "memory", lambda device: 2**20 if device.type == "cuda" else memory_of(device))
        done(runner.apply, Event(0, "eta", 0.05, (0,)))
        assert (runner.status.refusal, runner.status.message, len(runner.edits)) == ("", "", 1)
        before = ADMISSION.total()
        done(runner.move, "cpu")
        there = ADMISSION.total()
        assert there - before > engine.nbytes(members) and runner.status.device == "cpu"
        done(runner.move, "cuda")
        assert "the limit on cuda:0" in runner.status.refusal and runner.status.device == "cpu"
        assert ADMISSION.total() == there and runner.status.message == ""
        done(runner.close)
        runner.work(0)


def test_memory_that_runs_out_while_a_run_is_built_is_a_sentence():
    with pretended() as machine:
        machine.largest = 8
        with pytest.raises(EngineFailure, match=r"ran out of memory \(.*\): the processor may have room"):
            api.simulate(api.Run(ENGINE, MEMBERS, device="cuda"), 10)


def test_a_gpu_that_is_lost_to_the_process_says_so():
    error = RuntimeError("CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be reported")
    wanted = "the GPU is lost to this program (an illegal memory access was encountered); start the program again"
    assert str(as_engine_failure("Toy", error)) == f"Toy stopped: {wanted}"


def test_what_a_gpu_computes_is_drawn_on_the_host_and_has_to_fit_there(monkeypatch):
    monkeypatch.setattr(devices, "memory", lambda device: 10**6 if device.type == "cpu" else 10**12)
    monkeypatch.setattr(ToyEngine, "nbytes", lambda self, configs: 10**8)
    with pretended(), pytest.raises(ConfigError, match="the limit on cpu"):
        Simulation(ENGINE, MEMBERS, GPU)
    assert memory.estimate(ENGINE, MEMBERS) == 10**8


def test_the_report_of_a_gpu_measures_steps_graphs_and_bits(capsys):
    tiny = gpu.Estimate("tiny", "matrix_sensing", {"operator": "gaussian", "n": 8, "m": 40, "k": 2, "r": 2}, 1e9)
    refused = gpu.Estimate("too large", "matrix_sensing", {"operator": "gaussian", "n": 2000, "m": 400_000}, 1.0)
    with pretended():
        (rate,) = gpu.report([tiny, refused], seconds=0.01)
    said = capsys.readouterr().out
    assert rate.replayed and rate.same and rate.steps > 0 and rate.observation > 0
    assert "Pretended GPU" in said and "yes, yes" in said and "too large" in said and "GiB" in said
    assert device_choice.LEAST_GPU_BYTES == 2**23
