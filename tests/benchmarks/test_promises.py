"""A promise is held, not held, or cannot be told from what was measured."""

import pytest

from benchmarks import promises, timing


@pytest.mark.parametrize(
    ("value", "target", "error", "said"),
    [
        (0.96, ">= 0.95", 0.0, "  held"),
        (0.94, ">= 0.95", 0.0, "NOT HELD"),
        (1, "<= 0", 0.0, "NOT HELD"),
        (50, "50", 0.0, "  held"),
        (49, "50", 0.0, "NOT HELD"),
        (11, "0.1-10", 0.0, "NOT HELD"),
        (20, "<= 50", 29.0, "  held"),
        (20, "<= 50", 31.0, "not told"),
        (float("nan"), "<= 1", 0.0, "NOT HELD"),
    ],
)
def test_each_row_says_whether_what_is_wanted_is_held(capsys, value, target, error, said):
    timing.head("Promises")
    promises.promise("a thing", value, target, "a detail", error)
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("a thing ") and last.endswith(f"{said}; a detail") and target in last
