import numpy as np
import pytest

from engines.core.data.recording import Event, Frame, Recording, Series


def row(step: int) -> dict[str, np.ndarray]:
    return {"loss": np.array([step, -step], dtype=float), "x": np.full((2, 3), step, dtype=float)}


def series(steps: range) -> Series:
    filled = Series()
    for step in steps:
        filled.append(step, row(step))
    return filled


def test_a_series_grows_past_its_first_block_without_losing_a_row():
    filled = series(range(1000))
    assert len(filled) == 1000
    np.testing.assert_array_equal(filled.steps, np.arange(1000))
    np.testing.assert_array_equal(filled["loss"][:, 1], -np.arange(1000.0))
    assert filled["x"].shape == (1000, 2, 3)


def test_rows_that_were_handed_out_never_change():
    filled = series(range(300))
    before, copy = filled["loss"], filled["loss"].copy()
    filled.truncate(99)
    for step in range(100, 700):
        filled.append(step, row(-step))
    np.testing.assert_array_equal(before, copy)


def test_truncation_keeps_the_step_itself_and_forgets_what_follows():
    filled = series(range(0, 100, 10))
    filled.truncate(45)
    np.testing.assert_array_equal(filled.steps, [0, 10, 20, 30, 40])
    filled.truncate(40)
    assert len(filled) == 5
    filled.append(41, row(41))
    assert filled["loss"][-1, 0] == 41


@pytest.mark.parametrize(("step", "index"), [(-1, 0), (0, 0), (9.5, 0), (10, 1), (1000, 9)])
def test_a_step_finds_the_last_row_at_or_before_it(step, index):
    assert series(range(0, 100, 10)).index_at(step) == index


def test_thin_channels_have_a_series_of_their_own_in_single_precision():
    recording = Recording()
    for step in range(10):
        values = {"loss": np.array([1 / 3])} | ({"field": np.array([[1 / 3]])} if step % 4 == 0 else {})
        recording.append(Frame(step, values), frozenset({"field"}))
    np.testing.assert_array_equal(recording.thin.steps, [0, 4, 8])
    assert recording.series("field")["field"].dtype == np.float32
    assert recording.series("loss")["loss"].dtype == np.float64
    assert len(recording.dense) == 10


def test_a_known_step_is_recorded_once():
    recording = Recording()
    for step in (0, 1, 1, 0, 2):
        recording.append(Frame(step, {"loss": np.array([float(step)])}), frozenset())
    np.testing.assert_array_equal(recording.dense.steps, [0, 1, 2])


def test_truncating_a_recording_forgets_later_edits_and_tells_views_to_start_afresh():
    recording = Recording()
    for step in range(5):
        recording.append(Frame(step, {"loss": np.zeros(1)}), frozenset())
    recording.events = [Event(1, "eta", 0.2, (0,)), Event(3, "eta", 0.3, (0,))]
    recording.truncate(2)
    assert [event.step for event in recording.events] == [1]
    assert recording.generation == 1
    assert recording.dense.steps[-1] == 2


def test_thin_channels_stay_within_their_budget_and_keep_their_ends(monkeypatch):
    large = {"loss": np.zeros(2), "field": np.ones((2, 50, 50))}
    monkeypatch.setattr("engines.core.data.recording.BUDGET", 20 * 2 * 50 * 50 * 4)
    recording, generations = Recording(), set()
    for step in range(100):
        recording.append(Frame(step, {**large, "field": large["field"] * step}), frozenset({"field"}))
        generations.add(recording.generation)
    steps = recording.thin.steps
    assert recording.thin.nbytes() <= 20 * 2 * 50 * 50 * 4
    assert steps[0] == 0 and steps[-1] == 99 and (np.diff(steps) > 0).all()
    np.testing.assert_array_equal(recording.thin["field"][:, 0, 0, 0], steps)
    assert len(recording.dense) == 100
    assert len(generations) > 1, "views must be told to start afresh"


def test_the_first_rows_of_a_very_wide_series_are_not_set_aside_in_full():
    wide = Series()
    wide.append(0, {"x": np.zeros((4000, 2000))})
    assert wide["x"].base.nbytes <= 2 * 2 * 4000 * 2000 * 8
