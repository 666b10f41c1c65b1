"""A runner plays: what it shows, how fast, where it stops, and that it records what a run without a screen does."""

import time

import numpy as np
import pytest

from engines.core.compute import device as devices
from engines.core.live.admission import ADMISSION
from engines.core.runs.run import Run
from tests.core.live.playing import MEMBERS, assert_same, edit, played, wait_until
from tests.core.toy import ENGINE


def test_a_runner_shows_its_first_frame_before_it_is_played(start):
    runner = start()
    assert runner.status.ready
    assert not runner.status.playing
    np.testing.assert_array_equal(runner.run.steps, [0])


def test_play_runs_to_the_horizon_and_then_ten_times_as_far(start):
    runner = start(horizon=150)
    played(runner)
    assert (runner.status.step, runner.status.playing) == (150, False)
    assert runner.run.steps[-1] == 150
    played(runner)
    assert (runner.status.step, runner.status.horizon) == (1500, 1500)


def test_a_live_run_records_what_a_headless_run_records(start):
    from engines.core.api import simulate

    live = played(start(horizon=1234))
    headless = simulate(Run(ENGINE, MEMBERS), 1234)
    np.testing.assert_array_equal(live["steps"], headless.steps)
    np.testing.assert_array_equal(live["x"], headless["x"])


def test_speed_changes_when_frames_come_and_never_which(start):
    assert_same(played(start(horizon=120)), played(start(horizon=120, speed=10_000)))


def test_pause_stops_and_shows_the_newest_step(start):
    runner = start(horizon=10**9)
    runner.play()
    wait_until(lambda: runner.status.step > 0)
    runner.pause()
    runner.wait()
    assert not runner.status.playing
    assert 0 < runner.status.step < 10**9
    assert runner.run.steps[-1] == runner.status.step


def test_nothing_is_recorded_any_more_once_a_run_says_that_it_stands_still(start, monkeypatch):
    """Who draws reads the status before the rows: one that came after it would be missing on the page."""
    runner = start(horizon=10**9)
    states, append = [], runner.run.recording.append

    def record(*args):
        states.append(runner.status.playing)
        append(*args)

    monkeypatch.setattr(runner.run.recording, "append", record)
    runner.play()
    wait_until(lambda: runner.status.step > 0)
    runner.pause()
    runner.wait()
    assert not runner.status.playing
    assert states and all(states)


@pytest.mark.parametrize("count", [1, 10, 1003])
def test_step_takes_as_many_steps_as_asked_and_pauses(start, count):
    runner = start()
    runner.step(count)
    runner.wait()
    assert not runner.status.playing
    assert runner.status.step == runner.run.steps[-1] == count


def test_steps_asked_for_in_quick_succession_add_up(start):
    runner = start()
    for _ in range(5):
        runner.step(300)
    runner.wait()
    assert runner.status.step == 1500


def test_step_while_playing_takes_that_many_more_and_pauses(start):
    runner = start(horizon=10**9)
    runner.play()
    wait_until(lambda: runner.status.step > 0)
    runner.step(3)
    runner.wait()
    assert not runner.status.playing
    assert runner.status.step < 10**9


def test_a_live_edit_is_logged_and_restarts_the_schedule(start):
    runner = start(horizon=1000)
    played(runner)
    runner.apply(edit("eta", 0.2, 1))
    runner.step(150)
    runner.wait()
    (event,) = runner.run.recording.events
    assert (event.step, event.knob, event.value, event.members) == (1000, "eta", 0.2, (1,))
    assert [config.eta for config in runner.run.configs] == [0.1, 0.2]
    assert [config.eta for config in runner.run.initial_configs] == [0.1, 0.1]
    after = runner.run.steps[runner.run.steps > 1000]
    np.testing.assert_array_equal(after[:100], np.arange(1001, 1101))


def test_close_stops_the_work_and_keeps_what_was_recorded(start, scheduler):
    runner = start(horizon=10**9)
    runner.play()
    wait_until(lambda: len(runner.run) > 100)
    held = ADMISSION.count()
    runner.close()
    runner.wait()
    assert len(runner.run) > 100
    assert ADMISSION.count() == held - 1
    count = len(runner.run)
    runner.play()
    runner.wait()
    assert len(runner.run) == count


def test_an_idle_runner_costs_nothing(start, scheduler):
    runner = start()
    played(runner)
    assert scheduler.active() == 0


def test_auto_is_stored_as_what_it_was(start):
    assert start(device="auto").run.device == str(devices.resolve("auto"))


def test_a_run_stops_when_its_lease_ends_and_goes_on_when_it_is_renewed(start):
    runner = start(horizon=10**8, until=time.monotonic() + 0.2)
    runner.play()
    runner.wait()
    first = runner.status
    assert first.playing and 0 < first.step < 10**8
    runner.renew(time.monotonic() + 0.1)
    wait_until(lambda: runner.status.step > first.step)
    runner.wait()
    assert runner.status.playing
    runner.pause()
    runner.wait()
    at = runner.status.step
    runner.renew(time.monotonic() + 60)  # whoever paused is not played on
    runner.wait()
    assert (runner.status.step, runner.status.playing) == (at, False)
