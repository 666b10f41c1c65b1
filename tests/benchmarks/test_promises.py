"""A promise is held, not held, or cannot be told from what was measured."""

import pytest

from benchmarks import promises


@pytest.mark.parametrize(
    ("value", "target", "error", "said"),
    [
        (0.96, ">= 0.95", 0.0, "yes"),
        (0.94, ">= 0.95", 0.0, "NO"),
        (1, "<= 0", 0.0, "NO"),
        (50, "50", 0.0, "yes"),
        (49, "50", 0.0, "NO"),
        (11, "0.1-10", 0.0, "NO"),
        (20, "<= 50", 29.0, "yes"),
        (20, "<= 50", 31.0, "cannot be told"),
        (float("nan"), "<= 1", 0.0, "NO"),
    ],
)
def test_what_was_promised_is_said_again_at_the_end_with_what_came_of_it(
    capsys, monkeypatch, value, target, error, said
):
    monkeypatch.setattr(promises, "PROMISES", [])
    promises.promise("a thing", value, target, "a detail", error)
    promises.summary()
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("a thing ") and target in last and said in last
