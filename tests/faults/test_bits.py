"""The same seed gives the same bits, whatever happens around a run; other numbers of threads give the same digits."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import engines
from engines.core.live.runner import Runner
from engines.core.live.scheduler import Scheduler
from engines.core.runs.experiment import Experiment

ROOT = Path(__file__).parents[2]

CASES = {
    "identity": ("matrix_sensing", {"operator": "identity", "n": 30, "k": 5}),
    "gaussian": ("matrix_sensing", {"operator": "gaussian", "n": 40, "m": 2000, "k": 10, "seed": [0, 1]}),
    "subgradient": ("subgradient_recovery", {"d": 30, "m": 1500}),
    "collapse": ("neural_collapse", {}),
    "landscape": ("loss_landscape", {}),
}

ALONE = """
import hashlib, json, sys
import numpy as np
import torch
import engines
torch.set_num_threads(int(sys.argv[2]))
found = {}
for case, (name, knobs) in json.loads(sys.argv[1]).items():
    run = engines.run(name, set=knobs, steps=50)
    channels = [channel.name for channel in run.engine.channels if not channel.thin and not channel.dims]
    found[case] = {channel: run[channel].tolist() for channel in channels}
print(json.dumps(found))
"""


def alone(threads, hashing="0"):
    """All cases in a process of their own."""
    around = os.environ | {"OMP_NUM_THREADS": str(threads), "PYTHONHASHSEED": hashing}
    line = [sys.executable, "-c", ALONE, json.dumps(CASES), str(threads)]
    done = subprocess.run(line, cwd=ROOT, env=around, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def one():
    return alone(1)


def test_another_process_computes_the_same_bits(one):
    assert repr(alone(1, hashing="77")) == repr(one)  # NaN as well


def test_two_threads_compute_the_same_to_twelve_digits(one):
    two = alone(2)
    for case, channels in one.items():
        for channel, values in channels.items():
            first, second = np.array(values, float), np.array(two[case][channel], float)
            scale = np.nanmax(np.abs(first), initial=1e-300)
            np.testing.assert_allclose(second, first, rtol=1e-9, atol=1e-12 * scale, err_msg=f"{case}: {channel}")


@pytest.mark.parametrize("case", CASES)
def test_a_run_that_is_paused_slowed_stored_and_gone_on_with_has_the_bits_of_one_that_is_not(case, tmp_path):
    name, knobs = CASES[case]
    whole = engines.run(name, set=knobs, steps=60)
    engine = engines.load(name)
    scheduler = Scheduler()
    experiment = Experiment.from_preset(engine, None, knobs, steps=60)
    runner = Runner(engine, experiment.configs(), horizon=60, speed=500, scheduler=scheduler)
    runner.step(7)
    rest(scheduler)
    runner.step(23)
    rest(scheduler)
    half = runner.run.copy()
    half.save(tmp_path / "half.parquet")
    runner.speed = None
    runner.play()
    rest(scheduler)
    longer = engines.resume(engines.open(tmp_path / "half.parquet"), 60)
    for channel in whole.engine.channels:
        if channel.thin or channel.dims:
            continue
        np.testing.assert_array_equal(runner.run[channel.name][-1], whole[channel.name][-1], err_msg=channel.name)
        np.testing.assert_array_equal(longer[channel.name][-1], whole[channel.name][-1], err_msg=channel.name)
    runner.close()


def rest(scheduler):
    end = time.monotonic() + 120
    while scheduler.active():
        assert time.monotonic() < end
        time.sleep(0.005)
