import numpy as np
import pytest

from dashboard.figures.marks.streamed_source import MOST_POINTS, Column, StreamedSource, summarised
from dashboard.session.curves import FEW, Curve
from engines.core.data.recording import Recording


class Run:
    def __init__(self, members=3):
        self.recording = Recording()
        self.diverged_at = np.full(members, -1)
        self.members = members

    def record(self, *steps):
        for step in steps:
            self.recording.dense.append(step, {"error": np.arange(self.members) + 10.0 * step})
        return self


BAND = Curve("c0", "all", "#000000", (0, 1, 2))
SINGLE = Curve("c1", "one", "#000000", (1,))


def feed():
    return StreamedSource(
        [Column(BAND, "error", statistic=statistic) for statistic in ("low", "median", "high")]
        + [Column(SINGLE, "error")]
    )


@pytest.fixture
def streamed(monkeypatch):
    sent = []
    monkeypatch.setattr("bokeh.models.ColumnDataSource.stream", lambda source, data: sent.append(data))
    return sent


def test_only_new_rows_are_sent(streamed):
    drawn, run = feed(), Run().record(0, 1)
    drawn.update(run)
    assert streamed == []
    run.record(2, 3)
    drawn.update(run)
    drawn.update(run)
    assert [rows["step"] for rows in streamed] == [[2, 3]]
    assert streamed[0]["c1.error"] == [21, 31]


def test_bands_of_few_members_go_from_the_least_to_the_largest(streamed):
    drawn = feed()
    drawn.update(Run().record(0, 1))
    assert [drawn.source.data[f"c0.error{part}"][1] for part in (".low", "", ".high")] == [10, 11, 12]


def test_bands_of_many_members_are_medians_and_quantiles():
    values = np.random.default_rng(0).normal(size=(4, FEW))
    for part, share in (("median", 0.5), ("low", 0.1), ("high", 0.9)):
        assert summarised(values, part) == pytest.approx(np.quantile(values, share, axis=1))


def test_a_standard_error_shrinks_with_the_members_that_are_left():
    values = np.array([[1.0, 2.0, 3.0, np.nan], [1.0, 2.0, 3.0, 2.0]])
    low, middle, high = (summarised(values, part, mean=True) for part in ("low", "median", "high"))
    assert middle.tolist() == [2, 2]
    assert high - middle == pytest.approx(
        [np.std(row[np.isfinite(row)], ddof=1) / np.isfinite(row).sum() ** 0.5 for row in values]
    )
    assert middle - low == pytest.approx(high - middle)


def test_a_diverged_member_ends_where_it_diverged(streamed):
    run = Run().record(0, 1, 2, 3)
    run.diverged_at = np.array([-1, 2, -1])
    drawn = feed()
    drawn.update(run)
    assert np.isnan(drawn.source.data["c1.error"]).tolist() == [False, False, True, True]
    assert np.isfinite(drawn.source.data["c0.error"]).all()


@pytest.mark.parametrize(("log", "share"), [(True, 1000), (False, 3)])
def test_the_last_steps_of_a_diverged_member_press_nobody_flat_and_the_others_are_seen_whole(log, share):
    """Member 1 leaves from 2 on its way to 1e9, member 0 goes from 1 to 500 and stays finite."""
    run, columns = Run(2), [Column(Curve(f"c{at}", str(at), "#000000", (at,)), "error") for at in (0, 1)]
    for step, values in enumerate(([1.0, 2.0], [500.0, 1e9], [400.0, np.inf])):
        run.recording.dense.append(step, {"error": np.array(values)})
    drawn = StreamedSource(columns)
    drawn.update(run)
    keys = [column.key for column in columns]
    assert drawn.extent(keys, log)[:2] == (1, 1e9)
    run.diverged_at = np.array([-1, 2])
    drawn.update(run)
    assert drawn.extent(keys, log)[:2] == (1, max(500, 2 * share))


def test_rows_that_were_taken_back_leave_the_figure():
    run, drawn = Run().record(0, 1, 2, 3), feed()
    drawn.update(run)
    run.recording.truncate(1)
    drawn.update(run)
    assert list(drawn.source.data["step"]) == [0, 1]


def test_no_curve_has_more_points_than_can_be_seen_and_the_page_says_so():
    run, drawn = Run(), feed()
    for step in range(3 * MOST_POINTS):
        run.record(step)
        if step % 50 == 0:
            drawn.update(run)
        assert len(drawn.source.data["step"]) <= MOST_POINTS
    assert "recorded points drawn" in drawn.note
    assert np.unique(np.diff(drawn.source.data["step"])).size == 1
