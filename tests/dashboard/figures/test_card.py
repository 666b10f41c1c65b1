"""Which number of the members a picture of all of them shows."""

import numpy as np

from dashboard.figures.card import Card
from dashboard.figures.marks.figure import FigureOptions
from dashboard.figures.marks.heatmap import MapMark
from dashboard.session.curves import curves
from engines.core.analysis.verdict_helpers import below
from engines.core.protocol.declarations import Plot
from engines.core.protocol.engine import Preset
from tests.dashboard.figures.examples import ENGINE, members, recorded

MAP = Plot(name="map", title="Map", doc="d", channels=("loss",), kind="map")


def card(plot):
    changes = []
    quiet = lambda *given: None  # noqa: E731
    made = Card(
        plot, ENGINE, FigureOptions(False, False), False, quiet, quiet, lambda: changes.append(made.plot), quiet, quiet
    )
    return made, changes


def judged(run):
    return [below("how far", [float(run["loss"][-1, member]) for member in range(len(run.configs))], 10)]


def shown(made):
    run = recorded(members(a=(1, 2), eta=(0.1, 0.2)), (0, 1), loss=np.arange(4.0), rare=np.arange(4.0))
    run.preset = Preset(name="p", title="p", look_for="", judge=judged)
    made.mark = MapMark(made.plot, ENGINE, made.options, lambda member: None)
    made.describe(run, curves(run.configs), 1)
    made.refresh()
    return {label: name for name, label, _ in made.heading.shown["y"]}


def test_a_map_offers_every_number_and_every_claim_that_one_member_can_tell():
    made, _ = card(MAP)
    offered = shown(made)
    assert {"loss", "rare"} <= set(offered.values())
    assert offered["claim: how far"] == "claim 0"


def test_what_is_chosen_is_drawn_under_its_own_title():
    made, changes = card(MAP)
    offered = shown(made)
    made.heading.receive({"axis": "y", "channel": offered["claim: how far"]})
    assert changes[-1].channels == ("claim 0",) and changes[-1].title == "Claim: how far"
    made.heading.receive({"axis": "y", "channel": "loss"})
    assert changes[-1].channels == ("loss",) and changes[-1].title == "Map"


def test_what_is_not_offered_changes_nothing():
    made, changes = card(MAP)
    shown(made)
    made.heading.receive({"axis": "y", "channel": "claim 7"})
    made.heading.receive({"axis": "x", "channel": "loss"})
    assert changes == [] and made.plot == MAP
