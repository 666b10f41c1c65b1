"""A page is put up in pieces between which others are served, and ends as the one that is put up at once."""

import asyncio
import itertools
import time

import panel as pn
import pytest
from bokeh.document import Document
from panel.io.state import set_curdoc

import engines
from dashboard.page import growth
from dashboard.page.lab import Lab

LONGEST = 0.35
"""Seconds of the processor that a piece may take, on a slow machine, too; a page at once takes over a second there."""


def shape(layout):
    """The tree of a layout, by kinds."""
    if isinstance(layout, growth.ListLike):
        return [type(layout).__name__, *map(shape, layout)]
    return type(layout).__name__


@pytest.mark.parametrize("name", ["matrix_sensing", "loss_landscape"])
def test_a_page_that_grew_is_the_page_and_others_had_their_turns(name):
    engine, turns, document = engines.load(name), [], Document()

    async def others():
        while True:
            turns.append(time.thread_time())
            await asyncio.sleep(0)

    async def main():
        with set_curdoc(document):
            holder = pn.Column()
            document.add_root(holder.get_root(document))
            lab = Lab(engine, suspended=True)
            whole = shape(lab.__panel__())
            body = lab.__panel__()
            other = asyncio.create_task(others())
            await growth.grow(holder, body)
            other.cancel()
            assert shape(holder[0]) == whole
            lab.close()

    asyncio.run(main())
    longest = max(late - early for early, late in itertools.pairwise(turns))
    assert len(turns) > 3 and longest < LONGEST


def test_parts_come_in_the_order_of_the_page():
    inner = pn.Column(pn.pane.HTML("b"), pn.pane.HTML("c"))
    body = pn.Column(pn.pane.HTML("a"), pn.Row(inner, pn.Column(pn.pane.HTML("d"))))
    found = list(growth._emptied(body, growth.DEPTH))
    assert not len(body)
    for layout, part in found:
        layout.append(part)
    assert shape(body) == ["Column", "HTML", ["Row", ["Column", "HTML", "HTML"], ["Column", "HTML"]]]
    assert [part.object for _, part in found if isinstance(part, pn.pane.HTML)] == list("abcd")


def test_a_page_that_was_given_up_before_it_was_whole_stays_closed():
    lab = Lab(engines.load("matrix_sensing"), suspended=True)
    lab.close()
    lab.start()
    assert lab._callback is None
    lab.close()
