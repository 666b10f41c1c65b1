from dataclasses import replace

from dashboard.story import _row
from engines.core.judging import above


def test_a_claim_about_nothing_measured_says_none_at_the_end_and_waits_before():
    missing = above("error", None, 0.4)
    assert "measured waiting · predicted &gt; 0.4" in _row(missing)
    ended = _row(replace(missing, holds=False))
    assert "measured none · predicted &gt; 0.4" in ended
    assert "class='sign no'" in ended
