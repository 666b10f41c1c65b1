"""What is lost and what is not: servers that are killed, jobs that are ended, disks that are full or closed."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest

import engines
from dashboard.runs import library
from dashboard.session import link
from dashboard.session.view_state import ViewState
from engines.core import api
from engines.core.library.index import LEFT_OVER
from engines.core.protocol.errors import StoreError
from engines.core.runs.experiment import Experiment

ROOT = Path(__file__).parents[2]
SMALL = {"operator": "identity", "n": 5, "k": 2, "r": 1}


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv(library.FOLDER_VARIABLE, str(tmp_path))
    return tmp_path


def recorded(steps):
    return engines.run("matrix_sensing", set=SMALL, steps=steps)


PLAYS = """
import os, sys, time
import engines
from dashboard.runs import library
from engines.core.live.runner import Runner
from engines.core.runs.experiment import Experiment
from pathlib import Path
engine = engines.load("matrix_sensing")
experiment = Experiment.from_preset(engine, None, dict(operator="identity", n=5, k=2, r=1), steps=10**8)
runner = Runner(engine, experiment.configs(), horizon=experiment.steps)
runner.play()
safe = library.AutosavedRun(Path(sys.argv[1]))
safe._due = 0
while not safe.due(runner.run):
    time.sleep(0.01)
safe.keep(runner.run.copy())
print("kept", flush=True)
time.sleep(600)
"""


def test_a_run_whose_server_was_killed_is_found_as_interrupted_and_goes_on(place):
    process = subprocess.Popen([sys.executable, "-c", PLAYS, str(place)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "kept\n"
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=20)
    (entry,) = library.opened().find(engine="matrix_sensing")[0]
    assert library.summary_line(entry).startswith("interrupted, ")
    found = api.open(place / entry.file)
    assert found.interrupted and len(found) > 1
    last = int(found.steps[-1])
    longer = api.resume(found, last + 500)
    whole = recorded(last + 500)
    np.testing.assert_array_equal(longer["loss"][-1], whole["loss"][-1])
    assert not longer.interrupted


@pytest.mark.thorough
def test_a_server_that_is_killed_while_visitors_play_leaves_runs_that_another_one_finds(place):
    """`launch.py serve`, two visitors without a browser, and no warning."""
    port = free_port()
    line = [sys.executable, "launch.py", "serve", "--no-browser", "--library", str(place), "--port", str(port)]
    server = subprocess.Popen(line, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        wait(lambda: answers(address), 60)
        experiment = Experiment.from_preset(engines.load("matrix_sensing"), None, SMALL, steps=10**7)
        path = f"/matrix_sensing?s={link.encode(experiment, ViewState(speed='240'))}"
        come = [sys.executable, "-m", "benchmarks.visitor", address, path, "2", "600", "1"]
        visitors = subprocess.Popen(come, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait(lambda: len(list(place.glob("playing-*.parquet"))) == 2, 120)
    finally:
        server.kill()
        server.wait(20)
    visitors.kill()
    visitors.wait(20)
    entries = library.opened().find(engine="matrix_sensing")[0]
    assert len(entries) == 2
    for entry in entries:
        assert library.summary_line(entry).startswith("interrupted, ")
        found = api.open(place / entry.file)
        last = int(found.steps[-1])
        assert last > 0
        longer, whole = api.resume(found, last + 200), recorded(last + 200)
        np.testing.assert_array_equal(longer["loss"][-1], whole["loss"][-1])


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def answers(address):
    try:
        return urllib.request.urlopen(f"{address}/status", timeout=2).status == 200
    except OSError:
        return False


def wait(until, seconds):
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end
        time.sleep(0.2)


def test_what_this_process_plays_is_not_listed_and_gone_with_its_page(place, monkeypatch):
    for name in ("FIRST_SAFE", "SAFE", "SPARING"):
        monkeypatch.setattr(library, name, 0)
    safe = library.AutosavedRun(place)
    run = recorded(50)
    assert safe.due(run) and not list(place.glob("*.parquet"))
    safe.keep(run.copy())
    assert len(list(place.glob("*.parquet"))) == 1 and not library.opened().find(engine="matrix_sensing")[0]
    assert not safe.due(run)  # nothing new
    safe.end()
    assert not list(place.glob("*.parquet"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_job_that_is_ended_keeps_what_was_computed_and_says_how_to_go_on(tmp_path, number):
    target = tmp_path / "run.parquet"
    line = "run matrix_sensing --set operator=identity --set n=5 --set k=2 --set r=1 --steps 100000000 --out".split()
    process = subprocess.Popen(
        [sys.executable, "launch.py", *line, str(target)], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    time.sleep(12)
    process.send_signal(number)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert said.count("\n") == 1 and said.startswith("interrupted at step ") and "--resume" in said
    stored = engines.open(target)
    assert stored.interrupted and stored.steps[-1] > 0
    assert not list(tmp_path.glob("*.part"))


def test_leftovers_are_swept_once_nobody_writes_them_any_more(place):
    old, new = place / "x.parquet.1.part", place / "y.parquet.2.part"
    for file in (old, new):
        file.write_bytes(b"half")
    os.utime(old, (time.time() - 2 * LEFT_OVER,) * 2)
    assert library.opened().find(engine="matrix_sensing")[0] == []
    assert not old.exists() and new.exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
def test_a_full_disk_is_a_sentence_and_leaves_nothing(place, monkeypatch):
    run, safe = recorded(20), library.AutosavedRun(place)

    def full(*arguments):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    for keep in (lambda: library.keep(run), lambda: safe.keep(run.copy())):
        with pytest.raises(StoreError, match="No space left on device"):
            keep()
    assert not list(place.iterdir())
    assert not safe.due(recorded(30))  # it is not tried again


def test_a_store_that_cannot_be_written_is_a_sentence(place, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(library.FOLDER_VARIABLE, str(tmp_path / "file" / "runs"))
    with pytest.raises(StoreError, match="cannot write"):
        library.keep(recorded(5))


def test_a_clock_that_jumps_changes_no_run(monkeypatch):
    steady = recorded(300)
    times = iter(np.cumsum(np.tile([1e6, -2e6, 3.0], 10_000)))
    monkeypatch.setattr(time, "time", lambda: next(times))
    np.testing.assert_array_equal(recorded(300)["loss"], steady["loss"])
