"""What is kept of pages that lost their connection: for whom, how long, how much."""

import pytest

from dashboard.session.lost_pages import KEPT_FOR, MOST, LostPages
from dashboard.session.start import Start


class Session:
    """Counts how often it was closed."""

    closed = 0

    def close(self):
        self.closed += 1


class Page:
    """A page that is left at most once."""

    def __init__(self):
        self.session, self.left = Session(), 0

    def leave(self):
        self.left += 1
        return Start(experiment=None, session=self.session)


@pytest.fixture
def kept():
    now = [0.0]
    made = LostPages(lambda: now[0])
    made.now = now
    return made


def test_a_page_comes_back_once_to_what_it_had_open(kept):
    page = Page()
    ticket = kept.enter("ann", page.leave)
    assert kept.leave(ticket) and page.left == 1
    kept.now[0] = KEPT_FOR - 1
    assert kept.holds(ticket)
    assert kept.adopt(ticket, "ann").session is page.session
    assert kept.adopt(ticket, "ann") is None and not kept.holds(ticket)
    assert not page.session.closed and page.left == 1


def test_a_page_comes_back_before_the_server_noticed_that_it_was_lost(kept):
    page = Page()
    ticket = kept.enter("ann", page.leave)
    assert kept.adopt(ticket, "ann").session is page.session
    assert page.left == 1
    assert not kept.leave(ticket), "the end of the page before is no news"


def test_nobody_else_gets_it(kept):
    page = Page()
    ticket = kept.enter("ann", page.leave)
    kept.leave(ticket)
    assert kept.adopt(ticket, "bob") is None
    assert kept.adopt("", "ann") is None and kept.adopt(ticket[:-1], "ann") is None
    assert kept.adopt(ticket, "ann")


def test_what_nobody_comes_back_to_is_given_up(kept):
    page = Page()
    ticket = kept.enter("ann", page.leave)
    kept.leave(ticket)
    kept.now[0] = KEPT_FOR + 1
    kept.expire()
    assert page.session.closed == 1 and kept.adopt(ticket, "ann") is None


def test_of_too_many_the_first_that_were_lost_are_given_up(kept):
    pages = [Page() for _ in range(MOST + 2)]
    tickets = [kept.enter("ann", page.leave) for page in pages]
    stays = Page()
    kept.enter("ann", stays.leave)
    for ticket in tickets:
        kept.leave(ticket)
    assert [page.session.closed for page in pages] == [1, 1, *[0] * MOST]
    assert not stays.left, "a page that is there is none of them"


def test_a_page_that_is_closed_is_not_kept(kept):
    page = Page()
    ticket = kept.enter("ann", page.leave)
    kept.forget(ticket)
    assert not kept.leave(ticket) and not kept.holds(ticket) and not page.left
