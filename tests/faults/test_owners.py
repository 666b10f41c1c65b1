"""Runs that visitors keep on a server that others reach, too, are their own."""

import asyncio
import time

import panel as pn
import pytest
from bokeh.document import Document
from panel.io.state import set_curdoc

import engines
from dashboard.page.messages import message
from dashboard.runs import library
from dashboard.runs.library_page import LibraryPage
from dashboard.runs.library_panel import LibraryPanel
from engines.core.protocol.errors import UnknownName
from tests.core.live.playing import wait_until


@pytest.fixture(autouse=True)
def shared(tmp_path, monkeypatch):
    monkeypatch.setenv(library.FOLDER_VARIABLE, str(tmp_path / "runs"))
    monkeypatch.setattr(library.SHARING, "one_for_all", False)


@pytest.fixture(scope="module")
def run():
    return engines.run("matrix_sensing", set={"operator": "identity", "n": 5, "k": 2, "r": 1}, steps=5)


@pytest.fixture
def visit(monkeypatch):
    """Be another visitor from now on: by a cookie, or with a login."""

    def become(cookie="", user=None):
        monkeypatch.setattr(
            type(pn.state), "cookies", property(lambda self: {library.VISITOR: cookie} if cookie else {})
        )
        monkeypatch.setattr(type(pn.state), "user", property(lambda self: user))

    return become


@pytest.mark.parametrize("kind", ["cookie", "user"])
def test_a_visitor_sees_opens_and_deletes_only_what_is_their_own(visit, run, kind):
    visit(**{kind: "ada"})
    name = library.keep(run)
    assert [entry.id for entry in library.opened().find(engine="matrix_sensing")[0]] == [name]
    visit(**{kind: "bob"})
    assert not library.opened().find(engine="matrix_sensing")[0]
    with pytest.raises(UnknownName):
        library.opened().delete(name)
    assert not library.opened().path(f"{name}.parquet").exists()
    visit(**{kind: "ada"})
    library.opened().delete(name)
    assert not library.opened().find(engine="matrix_sensing")[0]


def test_somebody_with_a_cookie_that_is_called_like_a_user_is_somebody_else(visit, run):
    visit(user="ada")
    library.keep(run)
    for cookie in ("ada", "user ada", "../ada", "x" * 10_000):
        visit(cookie=cookie)
        assert not library.opened().find(engine="matrix_sensing")[0]
        assert library.folder().parent == library.folder().parent.parent / "runs"


def test_a_page_keeps_into_the_folder_of_its_visitor_from_other_threads(visit, run):
    visit(cookie="ada")
    with set_curdoc(Document()):
        panel = LibraryPanel("matrix_sensing", lambda: run, lambda run: None, lambda: None, lambda text: None)
    visit()
    panel.receive({"do": "keep"})
    wait_until(lambda: not panel.collect())
    assert len(panel.shown["entries"]) == 1
    visit(cookie="bob")
    assert not library.opened().find(engine="matrix_sensing")[0]
    visit(cookie="ada")
    assert len(library.opened().find(engine="matrix_sensing")[0]) == 1
    panel.close()


def test_on_ones_own_machine_there_is_one_library(visit, run, monkeypatch):
    monkeypatch.setattr(library.SHARING, "one_for_all", True)
    visit(cookie="ada")
    library.keep(run)
    visit(cookie="bob")
    assert len(library.opened().find(engine="matrix_sensing")[0]) == 1


def test_a_message_to_a_visitor_names_no_folder_of_the_server(visit, tmp_path):
    visit(cookie="ada")
    text = f"cannot write {library.folder()}/x.parquet: Permission denied; see {asyncio.__file__}"
    shown = message("error", text).title
    assert str(tmp_path) not in shown and "x.parquet: Permission denied" in shown
    visit()
    assert str(tmp_path) in message("error", text).title


def test_the_page_of_the_library_shows_a_visitor_their_own_runs(visit, run):
    visit(cookie="ada")
    library.keep(run)
    for who, count in (("ada", 1), ("bob", 0)):
        visit(cookie=who)
        page = LibraryPage(str)
        while page.collect():
            time.sleep(0.01)
        assert page.list.shown["count"] == count
        page.close()
