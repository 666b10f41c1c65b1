import pytest
import torch

from dashboard.ui.eta import RemainingTime, duration, frames_ahead
from engines.core.compute.simulation import Simulation
from engines.core.compute.walk import frames as frames_until
from engines.core.data.recording import Event
from engines.core.data.schedule import THIN, Schedule
from engines.core.live.runner import Status
from engines.core.runs.run import Run
from tests.core.toy import ENGINE, Toy


class Frames(Run):
    """A run of which only the number of frames is known."""

    count = 0

    def __len__(self):
        return self.count


@pytest.fixture
def watched():
    """Watch a run: a list of (seconds, step, frames) gives the text after the last of them."""
    time = [0.0]
    remaining, run = RemainingTime(lambda: time[0]), Frames(ENGINE, [Toy()])

    def watch(seen, speed=None, rate=100.0, horizon=10_000, playing=True):
        for seconds, step, frames in seen:
            time[0], run.count = seconds, frames
            status = Status(step=step, horizon=horizon, playing=playing, rate=rate)
            text = remaining.text(run, status, speed)
        return text

    return watch


def test_at_full_speed_the_steps_of_the_last_seconds_decide(watched):
    assert watched([(0, 0, 1), (2, 1000, 300)]) == "about 18 s left"
    assert watched([(10, 2000, 310), (12, 4000, 330)]) == "about 6 s left"


def test_with_a_speed_the_frames_to_come_decide_unless_their_steps_take_longer(watched):
    seen = [(0, 0, 1), (2, 40, 41)]
    run = Run(ENGINE, [Toy()])
    seconds = frames_ahead(run, Status(step=40, horizon=10_000)) / 20
    assert watched(seen, speed=20.0, rate=1e6) == duration(seconds)
    assert watched([(20, 0, 1), (22, 40, 41)], speed=20.0, rate=50.0) == "about 3 min left"


def test_frames_that_come_slower_than_asked_for_are_believed(watched):
    fast = watched([(0, 0, 1), (2, 40, 41)], speed=20.0, rate=1e6)
    slow = watched([(20, 0, 1), (22, 10, 11)], speed=20.0, rate=1e6)
    assert fast.endswith("s left") and slow.endswith("min left")


def test_nothing_is_said_at_once_nor_while_paused_nor_of_another_speed(watched):
    assert watched([(0, 0, 1), (0.5, 100, 60)]) == ""
    assert watched([(1, 200, 70), (3, 400, 80)], playing=False) == ""
    assert watched([(4, 600, 90), (6, 800, 100)]) != ""
    assert watched([(7, 900, 110)], speed=20.0) == ""


def test_a_step_slower_than_the_memory_still_gives_an_estimate(watched):
    assert watched([(0, 0, 1), (20, 1, 2), (40, 2, 3)], horizon=10) == "about 3 min left"


def test_the_frames_ahead_are_about_those_that_come():
    run = Run(ENGINE, [Toy()])
    simulation = Simulation(ENGINE, [Toy()], torch.device("cpu"))
    simulation.advance(30)
    frames = sum(1 for _ in frames_until(simulation, 3000))
    # Those of the thin schedule that fall on a step of the dense one are counted twice.
    assert frames_ahead(run, Status(step=30, horizon=3000)) == pytest.approx(frames, rel=0.1)


def test_an_edit_restarts_the_schedule_of_what_is_ahead():
    run = Run(ENGINE, [Toy()])
    run.recording.events.append(Event(5000, "eta", 0.2, (0,)))
    both = Schedule(5000), Schedule(5000, THIN.dense, THIN.per_decade)
    frames = sum(len(each.steps(9000)) for each in both)
    assert frames_ahead(run, Status(step=5000, horizon=9000)) == pytest.approx(frames, rel=0.05)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1.9, ""),
        (9.6, "about 10 s left"),
        (89, "about 90 s left"),
        (100, "about 2 min left"),
        (10**6, "about 12 days left"),
    ],
)
def test_durations_read_as_people_say_them(seconds, text):
    assert duration(seconds) == text
