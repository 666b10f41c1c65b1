"""The page of the library: what is typed and pressed there, and that its drawings are the numbers of the runs."""

import time

import holoviews as hv
import numpy as np
import pytest

import engines
from dashboard.runs import compared_runs
from dashboard.runs.compared_runs import MemberFigures, TitledRun, bands, differences, draw_curves
from dashboard.runs.library_page import LibraryPage
from engines import Library

SMALL = {"operator": "identity", "n": 5, "k": 2, "r": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    library = Library(folder)
    for alpha in (0.1, 0.2):
        run = engines.run("matrix_sensing", set=SMALL | {"alpha": alpha}, seeds=range(3), steps=200)
        library.keep(run, name=f"start {alpha}", tags=["paper"])
    library.keep(engines.run("optimizer_dynamics", steps=5))
    return folder


@pytest.fixture
def page(folder):
    page = LibraryPage(lambda name: f"./{name}", folder)
    wait(page)
    yield page
    page.close()


def wait(page):
    end = time.monotonic() + 60
    while page.collect() and time.monotonic() < end:
        time.sleep(0.01)
    return page.list.shown


def do(page, what, **data):
    page.list.receive({"do": what, **data})
    return wait(page)


def titles(shown):
    return sorted(row["title"] for row in shown["rows"])


def test_runs_of_all_labs_are_listed_filtered_and_lead_to_their_labs(page):
    assert page.list.shown["count"] == 3
    assert titles(do(page, "find", text="alpha<0.15 r=1", first=0)) == ["start 0.1"]
    [row] = page.list.shown["rows"]
    assert row["href"] == f"./matrix_sensing?run={row['id']}" and "3 members over seed" in row["about"]
    assert "did you mean alpha?" in do(page, "find", text="alfa<0.15", first=0)["error"]
    assert len(titles(do(page, "find", text="tag:paper", first=1))) == 1 and page.list.shown["count"] == 2


def test_what_is_said_of_a_run_is_in_its_file_and_a_deletion_is_undone(page, folder):
    [name] = [row["id"] for row in page.list.shown["rows"] if row["lab"] == "optimizer dynamics"]
    do(page, "rename", name=name, text="race")
    do(page, "note", name=name, text="two words")
    do(page, "tag", name=name, text="fast nice")
    do(page, "untag", name=name, text="nice")
    stored = Library(folder).open(name)
    assert (stored.name, stored.note, stored.tags) == ("race", "two words", ("fast",))
    shown = do(page, "delete", names=[name])
    assert (shown["count"], shown["deleted"], shown["note"]) == (2, 1, "1 deleted.")
    shown = do(page, "restore")
    assert (shown["count"], shown["deleted"]) == (3, 0)
    assert "two words' is no tag" not in shown["error"]


@pytest.mark.parametrize("message", [{}, {"do": "none"}, {"do": "find", "first": "x"}, {"do": "delete", "names": 3},
                                     {"do": "compare", "names": ["none"]}, {"do": "tag", "name": "../x"}])  # fmt: skip
def test_messages_that_make_no_sense_change_nothing(page, message):
    page.list.receive(message)
    assert wait(page)["count"] == 3 and not page.comparison.__panel__().visible


def test_chosen_runs_are_compared(page):
    names = [row["id"] for row in page.list.shown["rows"] if "paper" in row["tags"]]
    do(page, "compare", names=names)
    panel = page.comparison
    assert panel.__panel__().visible and panel.channel.value == "loss" and panel.members.across.options["α"] == "alpha"
    assert len(panel.curves) == len(panel.differences) == len(panel.members.points) == len(panel.members.lines) == 1
    panel.channel.value = "error"
    label = engines.load("matrix_sensing").channel("error").label
    assert hv.render(panel.curves[0].object).yaxis[0].axis_label == label
    do(page, "compare", names=[])
    assert not panel.__panel__().visible


def runs(folder):
    library = Library(folder)
    return [TitledRun(name, library.open(name)) for name in ("start 0.1", "start 0.2")]


def test_bands_are_the_median_and_the_ends_over_seeds(folder):
    first, _ = runs(folder)
    found, loss = bands(first.run, "loss"), first.run["loss"]
    rows = np.searchsorted(first.run.steps, found["step"].values)
    np.testing.assert_allclose(found["middle"].values[0], np.median(loss, axis=1)[rows], rtol=1e-14)
    np.testing.assert_allclose(found["low"].values[0], loss.min(axis=1)[rows])
    np.testing.assert_allclose(found["high"].values[0], loss.max(axis=1)[rows])


def test_curves_and_ratios_are_drawn_from_these_numbers(folder):
    titled = runs(folder)
    drawn = draw_curves(titled, "loss")
    middle = {curve.label: curve.dimension_values("middle") for curve in drawn if type(curve) is hv.Curve}
    assert middle.keys() == {"start 0.1", "start 0.2"}
    assert sum(isinstance(each, hv.Area) for each in drawn) == 2
    [apart] = [curve for curve in differences(titled, "loss") if type(curve) is hv.Curve]
    np.testing.assert_allclose(apart.dimension_values("apart"), middle["start 0.2"] / middle["start 0.1"], rtol=1e-12)


def test_what_is_brushed_is_lit(folder):
    library = Library(folder)
    table = library.members([entry.id for entry in library.find("tag:paper")[0]])
    members = MemberFigures(table, "alpha", "loss")

    def lit():
        _, *of_runs = members.draw_lines(members.links.selection_expr)
        return [len(path.split()) if len(path) else 0 for path in of_runs]

    members.layout()
    assert lit() == [3, 3] and len(table) == 6 and len(set(members.hues.values())) == 2
    members.links.selection_expr = hv.dim("alpha") > 0.15  # as a box over points says it
    assert sorted(lit()) == [0, 3] and members.selected.sum() == 3


def test_curves_of_several_labs_are_not_mixed(folder, page):
    do(page, "compare", names=[row["id"] for row in page.list.shown["rows"]])
    assert "several" in page.comparison.curves[0].object and compared_runs.channels([]) == []
