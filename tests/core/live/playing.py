"""Runners that tests play."""

import time

import numpy as np

from engines.core.data.recording import Event
from tests.core.toy import Toy

MEMBERS = [Toy(seed=1), Toy(a=3.0, seed=2)]
TIMEOUT = 60


def wait_until(condition):
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, "gave up waiting"
        time.sleep(0.001)


def edit(knob, value, *members):
    """A live edit of some members, or of both."""
    return Event(0, knob, value, members or (0, 1))


def played(runner):
    runner.play()
    runner.wait()
    return copied(runner)


def copied(runner):
    """The whole recording, as arrays that nobody else writes."""
    recording = runner.run.recording
    channels = {name: recording.series(name)[name].copy() for name in ("loss", "x", "field", "rare")}
    return {"steps": recording.dense.steps.copy(), "thin_steps": recording.thin.steps.copy()} | channels


def assert_same(left, right):
    assert left.keys() == right.keys()
    for name, value in left.items():
        np.testing.assert_array_equal(value, right[name], err_msg=name)
