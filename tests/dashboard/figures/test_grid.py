"""Which figures are on the page, and which are named below them."""

from types import SimpleNamespace

import numpy as np
import pytest

from dashboard.figures.grid import Grid
from dashboard.session.curves import curves
from engines.core.protocol.declarations import Plot
from tests.dashboard.figures.examples import Theorist, members, recorded

PLOTS = (
    Plot(name="loss", title="Loss", doc="d", channels=("loss",)),
    Plot(name="place", title="Place", doc="d", channels=("x",)),
    Plot(name="kind", title="Kinds", doc="d", channels=("kind",), kind="bars"),
)


class Drawn(Theorist):
    """The toy with three figures."""

    plots = PLOTS


def shown(kinds):
    """A grid that has drawn a run with these values of its bars."""
    run = recorded(members(a=(1.0,)), (0, 1), loss=np.ones(1), x=np.ones((1, 2)), kind=np.array([kinds]))
    grid = Grid(Drawn())
    status = SimpleNamespace(playing=False, horizon=1, step=1, message="")
    context = SimpleNamespace(
        run=run, curves=curves(run.configs), focus=0, status=status, step=1, scrubbing=False, label="", annotations=()
    )
    grid.leave_out({})
    grid.build(context)
    grid.update(context)
    grid.describe(context)
    return grid


def on_page(grid):
    return [card.plot.name for card in grid.cards if card.__panel__().visible]


def leading(grid):
    return [card.plot.name for card in grid.cards if "lead" in card.__panel__().css_classes]


def test_a_figure_that_the_reader_hides_is_named_and_comes_back():
    grid = shown([1.0, 2.0])
    assert on_page(grid) == ["loss", "place", "kind"] and leading(grid) == ["loss"]
    grid.cards[0].heading.receive({"toggle": "closed", "on": True})
    assert on_page(grid) == ["place", "kind"] and leading(grid) == ["place"]
    assert grid.left_out.shown == {"closed": [["loss", "Loss"]], "empty": []}
    grid.left_out.receive({"restore": "loss"})
    assert on_page(grid) == ["loss", "place", "kind"]
    assert grid.left_out.shown == {"closed": [], "empty": []}


def test_a_figure_that_has_nothing_to_show_is_named_with_the_reason_and_not_drawn():
    grid = shown([1.0, 2.0])
    grid.leave_out({"place": "no reason", "kind": ""})
    assert on_page(grid) == ["loss"]
    assert [card.plot.name for card in grid.shown()] == ["loss"]
    assert grid.left_out.shown["empty"] == [["Place", "no reason"]]  # what the address hides is not mentioned


@pytest.mark.parametrize(("kinds", "there"), [([0.0, 0.0], False), ([0.0, 3.0], True)])
def test_bars_that_were_always_zero_take_no_room(kinds, there):
    grid = shown(kinds)
    assert ("kind" in on_page(grid)) is there
    assert grid.left_out.shown["empty"] == ([] if there else [["Kinds", "All of them are zero."]])


def test_another_channel_is_drawn_in_place_of_what_the_engine_declares():
    grid = shown([1.0, 2.0])
    first = grid.cards[0]
    for channel, drawn in (("kind", "kind"), ("no such", "kind"), ("", "loss")):
        first.heading.receive({"axis": "y", "channel": channel})
        assert first.plot.channels == (drawn,)
        assert {spec.column.channel for spec in first.mark.lines} == {drawn}
    assert first.plot == first.declared
