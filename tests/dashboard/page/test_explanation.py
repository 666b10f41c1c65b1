from dataclasses import replace

from dashboard.page.explanation import _row
from engines.core.protocol.declarations import Verdict


def test_a_claim_about_nothing_measured_waits_while_the_run_goes_on_and_says_none_at_its_end():
    missing = Verdict(claim="error", measured=None, predicted=0.4, tolerance=0.0, holds=None, kind="above")
    assert "measured waiting · predicted &gt; 0.4" in _row(missing)
    ended = _row(replace(missing, holds=False))
    assert "measured none · predicted &gt; 0.4" in ended and "class='sign no'" in ended
