"""Drawings of all pages share the event loop."""

import pytest

from dashboard.page.pace import GONE, SHARE, Pace


@pytest.mark.parametrize("pages", [1, 2, 10, 50])
def test_the_drawings_of_all_pages_take_their_share_and_no_more(pages):
    clock = [0.0]
    pace, cost, spent = Pace(lambda: clock[0]), 0.02, {place: 0 for place in range(pages)}

    class Page:
        pass

    each = [Page() for _ in range(pages)]
    while clock[0] < 60:
        clock[0] += 0.001
        for place, page in enumerate(each):
            if not pace.is_others_turn(page):
                clock[0] += cost
                spent[place] += 1
                pace.count(page, cost)
    share = cost * sum(spent.values()) / clock[0]
    assert share == pytest.approx(SHARE, rel=0.15)
    assert max(spent.values()) <= 1.2 * min(spent.values())


def test_a_page_that_is_gone_or_rests_leaves_its_turn_to_others():
    clock = [0.0]
    pace = Pace(lambda: clock[0])

    class Page:
        pass

    stays, goes = Page(), Page()
    pace.count(goes, 0.1)
    pace.count(stays, 0.1)
    clock[0] = 0.1 * (2 / SHARE - 1) - 0.001
    assert pace.is_others_turn(stays)
    clock[0] = 0.1 * (1 / SHARE - 1) + GONE + 0.001
    assert not pace.is_others_turn(stays)
    pace.count(stays, 0.1)
    clock[0] += 0.1 * (1 / SHARE - 1) + 0.001
    assert not pace.is_others_turn(stays)
