"""A run takes about the memory that it was admitted with: measured in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

PLAY = """
import gc, json, os, re, sys, time
import torch
torch.set_num_threads(1)
import engines
from engines.core.live.admission import ADMISSION
from engines.core.live.runner import Runner
from engines.core.live.scheduler import Scheduler
from engines.core.runs.experiment import Experiment

def bytes_of(name):
    return 1024 * int(re.search(name + r":\\s+(\\d+)", open("/proc/self/status").read())[1])

name, knobs, steps, members = json.loads(sys.argv[1])
engine = engines.load(name)
engines.run(name, set={key: value for key, value in knobs.items() if isinstance(value, str)}, steps=3)
knobs["seed"] = list(range(members))
configs = Experiment.from_preset(engine, None, knobs, steps=steps).configs()
gc.collect()
open("/proc/self/clear_refs", "w").write("5")
before, scheduler = bytes_of("VmRSS"), Scheduler()
runner = Runner(engine.for_configs(configs), configs, horizon=steps, scheduler=scheduler)
runner.play()
end = time.monotonic() + 100
while runner.status.step < steps and not runner.status.message and time.monotonic() < end:
    time.sleep(0.02)
assert not runner.status.message, runner.status.message
print(ADMISSION.total(), bytes_of("VmHWM") - before, flush=True)
os._exit(0)
"""

LARGE = {
    "operators": ("matrix_sensing", {"operator": "gaussian", "n": 60, "m": 4000, "k": 10}, 20, 2),
    "entries": ("matrix_sensing", {"operator": "completion", "n": 1500, "m": 500_000, "k": 20}, 10, 1),
    "many sensing": ("matrix_sensing", {"operator": "identity", "n": 50, "k": 5}, 40, 4000),
    "measurements": ("subgradient_recovery", {"d": 100, "m": 5000, "k": 50}, 10, 1),
    "many features": ("neural_collapse", {}, 60, 4000),
    "layers": ("neural_collapse", {"model": "layers", "classes": 30, "features": 300, "depth": 6}, 5, 1),
    "many networks": ("neural_collapse", {"model": "network", "width": 64}, 2, 100),
    "directions": ("optimizer_dynamics", {"scene": "quadratic", "dimension": 2000}, 20, 1000),
    "clocks": ("loss_landscape", {"subject": "addition", "modulus": 97, "width": 256}, 3, 1),
    "samples": ("loss_landscape", {"subject": "planted", "width": 256, "samples": 10_000}, 3, 1),
}  # fmt: skip


HEAP = 288 * 2**20
"""Bytes of blocks below 32 MiB that the heap keeps and no run is charged with; a quarter more are fragments."""


@pytest.mark.thorough
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="this system does not say how much was taken")
@pytest.mark.parametrize("case", LARGE)
def test_a_run_takes_what_it_was_admitted_with(case):
    line = [sys.executable, "-c", PLAY, json.dumps(LARGE[case])]
    around = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(line, cwd=ROOT, env=around, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr[-2000:]
    admitted, taken = map(int, done.stdout.split())
    print(f"{case}: {admitted / 2**20:.0f} MiB admitted, {taken / 2**20:.0f} MiB taken")
    assert 0.75 * taken - HEAP < admitted < 3 * taken + 32 * 2**20
