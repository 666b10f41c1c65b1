from itertools import pairwise

import pytest

from engines.core.data.schedule import THIN, Schedule


def test_every_step_up_to_a_hundred_is_observed():
    assert Schedule().steps(100) == list(range(101))


@pytest.mark.parametrize("decade", [2, 3, 5, 8])
def test_later_decades_have_about_two_hundred_frames(decade):
    taken = [step for step in Schedule().steps(10 ** (decade + 1)) if step > 10**decade]
    assert 160 <= len(taken) <= 201


def test_a_run_of_a_billion_steps_is_about_fifteen_hundred_frames():
    assert 1400 < len(Schedule().steps(10**9)) < 1600


@pytest.mark.parametrize("schedule", [Schedule(), THIN, Schedule(origin=37)])
def test_a_frame_depends_on_the_step_alone(schedule):
    steps = schedule.steps(20_000)[:-1]
    assert steps == [step for step in range(schedule.origin, steps[-1] + 1) if step in schedule]
    assert all(schedule.next(step - 1) == step for step in steps[1:])


def test_steps_increase_strictly():
    steps = Schedule().steps(10**7)
    assert all(before < after for before, after in pairwise(steps))


def test_the_last_step_asked_for_is_included_even_off_schedule():
    assert 1005 not in Schedule()
    assert Schedule().steps(1005)[-1] == 1005


def test_a_schedule_with_an_origin_is_the_same_schedule_shifted():
    assert Schedule(origin=5000).steps(7000) == [5000 + step for step in Schedule().steps(2000)]


def test_the_count_is_that_of_the_steps():
    schedule = Schedule(origin=500)
    for stop in (500, 550, 601, 10**4, 10**7):
        assert schedule.count(stop) == pytest.approx(len(schedule.steps(stop)) - 1, abs=2)
    assert schedule.count(3) == 0
