"""Libraries: found by knobs and words, changed by several at once, whole whatever happens to disk and index."""

import os
import subprocess
import sys
import tempfile

import numpy as np
import pandas as pd
import pytest

import engines
from engines import Library
from engines.core import api
from engines.core.compute.simulation import Simulation
from engines.core.files import store
from engines.core.files.checkpoint_file import write_checkpoint
from engines.core.library import filters, index
from engines.core.library.filters import conditions, has_texts
from engines.core.library.index import FOLDER
from engines.core.library.library import LISTED
from engines.core.protocol.errors import ConfigError, DynascopeError, StoreError, UnknownName
from engines.core.runs.experiment import Experiment
from tests.conftest import ROOT
from tests.core.library.conftest import SMALL


@pytest.fixture(scope="module")
def run():
    return engines.run("matrix_sensing", set=SMALL | {"alpha": [0.1, 0.2]}, seeds=[0, 1], steps=20)


@pytest.fixture(scope="module")
def other():
    return engines.run("optimizer_dynamics", steps=5)


def ids(library, text=""):
    return [entry.id for entry in library.find(text)[0]]


def test_runs_of_all_labs_are_found_by_knobs_words_and_tags(library, run, other):
    one, two = library.keep(run, name="small start", tags=["paper"], note="see the second figure"), library.keep(other)
    assert {*ids(library)} == {one, two}
    for text in ("alpha<0.15 r=1", "k=2 alpha=0.2", "operator=identity n>=5", "tag:paper", "SECOND start",
                 "engine:matrix_sensing", "'second figure'", one):  # fmt: skip
        assert ids(library, text) == [one], text
    for text in ("alpha<0.1 r=1", "alpha=0.2 tag:none", "is:broken", "n!=5", "is:interrupted"):
        assert ids(library, text) == [], text


WORDS = {
    "SECOND start": 1, "'second figure'": 1, "e": 2, "mÖß": 1, "tag:paper": 1, "tag:pap": 0, "name:'small start'": 1,
    """'"quoted" m'""": 1, "100%": 1, "sm*ll": 0, "start alpha=0.1": 1, "start alpha=3": 0, "is:broken": 0,
}  # fmt: skip
"""How many of two runs are found by what is typed."""


@pytest.mark.parametrize("texts", [True, False])
def test_words_are_found_by_their_parts_whatever_sqlite_offers(library, run, other, monkeypatch, texts):
    if not texts:
        monkeypatch.setattr(index, "TEXTS", "CREATE VIRTUAL TABLE texts USING no_such_kind(words)")
    one = library.keep(run, name="small start", tags=["paper"], note='see the second figure, "quoted" MÖSS mößig 100%')
    library.keep(other, name="another", tags=["papers"])
    assert {text: len(ids(library, text)) for text in WORDS} == WORDS
    with library.index.opened() as connection:
        assert has_texts(connection) == texts
    library.rename(one, "large end")
    assert ids(library, "large") == [one] and ids(library, "small") == []
    library.delete(one)
    assert ids(library, "figure") == []
    library.restore(one)
    assert ids(library, "figure") == [one]


def test_few_runs_are_found_without_a_look_through_all(library, run):
    library.keep(run)
    with library.index.opened() as connection:
        for text in ("second alpha<0.15", "tag:paper", "is:held", "name:start alpha<1 k=2", "is:interrupted"):
            where, values = conditions(connection, text)
            plan = connection.execute(f"EXPLAIN QUERY PLAN {LISTED.format(where=where)}", [*values, 9, 0]).fetchall()
            assert not [row for row in plan if row["detail"] in ("SCAN runs", "SCAN runs USING INDEX newest")], text


def test_of_many_runs_with_a_knob_the_newest_are_listed_and_all_are_counted(library, run, monkeypatch):
    kept = [library.keep(run) for _ in range(4)]
    expected = library.find("alpha<0.15 k=2", limit=2), library.find("alpha<0.15", limit=9)
    monkeypatch.setattr(filters, "FEW", 2)
    assert (library.find("alpha<0.15 k=2", limit=2), library.find("alpha<0.15", limit=9)) == expected
    assert (len(expected[0][0]), expected[0][1], len(expected[1][0])) == (2, len(kept), len(kept))
    with library.index.opened() as connection:
        assert "EXISTS" in conditions(connection, "alpha<0.15", newest=True)[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [("alfa<1", "unknown knob 'alfa'; did you mean alpha?"), ("'open", "is not closed"),
     ("is:nothing", "unknown condition"), ("a " * 60, "at most 50 terms")],
)  # fmt: skip
def test_what_is_no_filter_is_one_sentence(library, run, text, words):
    library.keep(run)
    with pytest.raises(DynascopeError, match=r"^[^\n]*$") as raised:
        library.find(text)
    assert words in str(raised.value)


def test_values_of_a_filter_are_values_and_no_sql(library, run):
    kept = library.keep(run)
    assert ids(library, "\"operator=x' OR '1'='1\"") == [] and ids(library, "operator=identity") == [kept]


def test_what_a_reader_says_is_in_the_file_and_the_numbers_stay(library, run):
    kept = library.keep(run, tags=["a"])
    before = library.open(kept)
    library.rename(kept, "first")
    assert library.tag("first", ["b", "c"], ["a"]) == ("b", "c")
    library.note("first", "two words")
    again = store.read(library.folder / f"{kept}.parquet")
    assert (again.name, again.tags, again.note) == ("first", ("b", "c"), "two words")
    np.testing.assert_array_equal(again["loss"], before["loss"])
    [entry] = library.find()[0]
    assert (entry.title, entry.tags, entry.note, entry.varied) == ("first", ("b", "c"), "two words", ("alpha", "seed"))


@pytest.mark.parametrize("tag", ["", "two words", "a,b", "x" * 300])
def test_what_is_no_tag_is_refused(library, run, tag):
    kept = library.keep(run)
    with pytest.raises(ConfigError):
        library.tag(kept, [tag])


def test_names_that_do_not_exist_or_are_not_one_are_answered_with_the_nearest(library, run):
    kept = library.keep(run, name="ablation")
    with pytest.raises(UnknownName, match="did you mean ablation"):
        library.open("ablaton")
    library.keep(run, name="ablation")
    with pytest.raises(ConfigError, match="several stored runs"):
        library.open("ablation")
    assert library.open(kept).name == "ablation"


def test_a_deletion_is_undone_with_what_lies_beside_the_file(library, run):
    kept = library.keep(run)
    (library.folder / f"{kept}.safetensors").write_bytes(b"state")
    library.delete(kept)
    assert ids(library) == [] and library.deleted() == [kept] and not list(library.folder.glob("*.safetensors"))
    assert library.restore(kept) == kept
    assert ids(library) == [kept] and library.open(kept).checkpoint.endswith(".safetensors")
    with pytest.raises(UnknownName):
        library.restore(kept)


def test_an_index_that_is_gone_or_damaged_is_made_anew(library, run):
    kept = library.keep(run)
    assert ids(library) == [kept]
    index = library.folder / FOLDER / "runs.sqlite"
    for damage in (lambda: index.unlink(), lambda: index.write_bytes(b"no database" * 1000)):
        damage()
        assert ids(library) == [kept]
    assert library.rebuild() == 1


def test_an_index_that_is_damaged_where_nobody_looked_is_a_sentence_and_made_anew(library, run):
    kept = library.keep(run)
    assert ids(library) == [kept]
    with library.index.opened() as connection:
        [page] = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'descriptions'").fetchone()
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with open(library.folder / FOLDER / "runs.sqlite", "r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    with pytest.raises(StoreError, match="was damaged and is made anew"):
        library.query("select * from members")
    assert len(library.query("select * from members")) == 4


def test_the_index_is_only_a_cache(library, run, other):
    one, two = library.keep(run), library.keep(other)
    assert len(ids(library)) == 2
    (library.folder / f"{two}.parquet").unlink()
    os.rename(library.folder / f"{one}.parquet", library.folder / "mine.parquet")
    assert ids(library) == ["mine"]
    # In place, behind the back of the folder's time of change:
    with open(library.folder / "mine.parquet", "r+b") as file:
        file.truncate(1000)
    [entry] = library.find()[0]
    assert "is not a readable run" in entry.broken
    other.save(library.folder / "mine.parquet")
    assert library.find()[0][0].engine == "optimizer_dynamics"


def test_a_broken_file_and_one_of_a_newer_version_are_a_sentence_each_and_the_others_work(library, run):
    cut, newer, kept = (library.keep(run) for _ in range(3))
    path = library.folder / f"{cut}.parquet"
    path.write_bytes(path.read_bytes()[:-200])
    store.redescribe(library.folder / f"{newer}.parquet", {"format": 2})
    broken = {entry.id: entry.broken for entry in library.find("is:broken")[0]}
    assert broken.keys() == {cut, newer} and str(library.folder) not in str(broken)
    assert "newer version of Dynascope (format 2; this one reads 1)" in broken[newer]
    for name in broken:
        with pytest.raises(StoreError, match="is not a readable run"):
            library.open(name)
    assert library.open(kept).configs == run.configs and library.query("select count(*) as n from runs")["n"][0] == 1


def test_a_folder_that_cannot_be_written_is_read_and_says_why_it_is_not_written(run, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    library = Library(tmp_path / "runs")
    kept = library.keep(run)
    os.chmod(library.folder, 0o555)
    for parent in [tmp_path, *tmp_path.parents]:
        os.chmod(parent, os.stat(parent).st_mode | 0o055) if parent.is_relative_to(tempfile.gettempdir()) else None
    user = os.geteuid()
    (tmp_path / "cache").mkdir()
    os.chmod(tmp_path / "cache", 0o777)
    if user == 0:
        os.seteuid(65534)
    try:
        assert ids(library) == [kept] and len(library.open(kept)) == 21
        assert not (library.folder / FOLDER).exists() and list((tmp_path / "cache").rglob("*.sqlite"))
        for change in (lambda: library.keep(run), lambda: library.rename(kept, "x"), lambda: library.delete(kept)):
            with pytest.raises(StoreError, match=r"^cannot (write|delete).*Permission denied"):
                change()
    finally:
        os.seteuid(user)
        os.chmod(library.folder, 0o755)


FULL = """
import resource, signal, sys
from engines import Library
library = Library(sys.argv[1])
run = library.open(sys.argv[2])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))  # a file may grow no further than a full disk lets it
try:
    library.note(sys.argv[2], "x" * 9000)
except Exception as error:
    print(type(error).__name__, error)
print(len(library.find()[0]), len(library.open(sys.argv[2])))
"""


def test_a_disk_without_room_is_a_sentence_and_leaves_what_was_there(library, run):
    kept = library.keep(run)
    said = subprocess.run(
        [sys.executable, "-c", FULL, str(library.folder), kept], cwd=ROOT, capture_output=True, text=True, timeout=100
    )
    lines = said.stdout.splitlines()
    assert len(lines) == 2 and lines[0].startswith("StoreError cannot write") and "too large" in lines[0], said
    assert lines[1] == "1 21" and [file.name for file in library.folder.glob("*") if file.is_file()] == [
        f"{kept}.parquet"
    ]


WRITER = """
import sys
from engines import Library
library = Library(sys.argv[1])
run = library.open(sys.argv[2])
for number in range(5):
    library.tag(sys.argv[2], [f"{sys.argv[3]}{number}"])
    library.keep(run)
    library.find("alpha<1")
"""


def test_two_processes_that_write_at_once_lose_nothing_of_each_other(library, run):
    kept = library.keep(run)
    lines = [[sys.executable, "-c", WRITER, str(library.folder), kept, letter] for letter in "ab"]
    writers = [subprocess.Popen(line, cwd=ROOT, stderr=subprocess.PIPE, text=True) for line in lines]
    errors = [writer.communicate(timeout=200)[1] for writer in writers]
    assert errors == ["", ""]
    assert {*library.entry(kept).tags} == {f"{letter}{number}" for letter in "ab" for number in range(5)}
    found, count = library.find()
    assert count == 11 and not any(entry.broken for entry in found)


def test_means_and_bands_over_seeds_of_many_runs_are_one_question(library):
    for alpha in (0.1, 0.2):
        for seed in range(3):
            library.keep(engines.run("matrix_sensing", set=SMALL | {"alpha": alpha}, seeds=[seed], steps=20))
    sql = """select alpha, step, avg(loss) as mean, stddev(loss) as spread, count(distinct run) as runs
             from matrix_sensing group by alpha, step order by alpha, step"""
    rows = library.query(sql)
    whole = engines.run("matrix_sensing", set=SMALL | {"alpha": [0.1, 0.2]}, seeds=range(3), steps=20)
    for alpha in (0.1, 0.2):
        of_alpha = rows[rows["alpha"] == alpha]
        losses = whole["loss"][:, whole.where(alpha=alpha)]
        np.testing.assert_allclose(of_alpha["mean"], losses.mean(axis=1), rtol=1e-12)
        np.testing.assert_allclose(of_alpha["spread"], losses.std(axis=1, ddof=1), rtol=1e-6, atol=1e-15)
        assert (of_alpha["runs"] == 3).all()


def test_a_knob_that_was_turned_on_the_way_has_its_value_at_each_step(library):
    run = engines.run("matrix_sensing", set=SMALL | {"eta": 0.1}, steps=20, edits=[(8, "eta", 0.05, [0])])
    library.keep(run)
    rows = library.query("select step, eta from matrix_sensing order by step")
    assert rows["eta"].tolist() == [0.1] * 8 + [0.05] * 13


def test_a_question_reads_members_and_nothing_else(library, run, tmp_path):
    kept = library.keep(run)
    rows = library.query("select alpha, seed, loss from members order by member")
    assert rows["loss"].tolist() == run["loss"][-1].tolist() and rows["seed"].tolist() == [0, 1, 0, 1]
    (tmp_path / "secret.csv").write_text("a\n1\n")
    for sql in (f"select * from '{tmp_path}/secret.csv'", f"copy runs to '{tmp_path}/x.csv'", "select * from nothing",
                "gibberish", f"select * from read_parquet('{library.folder}/{kept}.parquet')"):  # fmt: skip
        with pytest.raises(StoreError, match="cannot be answered"):
            library.query(sql)
    assert not (tmp_path / "x.csv").exists()


def test_a_knob_and_a_channel_have_one_name_everywhere(run, tmp_path, library):
    for ending in ("parquet", "nc", "csv"):
        run.save(tmp_path / f"run.{ending}")
    text = pd.read_csv(tmp_path / "run.csv")
    stored = pd.read_parquet(tmp_path / "run.parquet")
    library.keep(run)
    asked = library.query("select * from matrix_sensing limit 1")
    data = run.to_xarray()
    assert {*data.coords} >= {"member", "step", *run.engine.Config.knobs()} - {"loss"}
    assert {"member", "step", "alpha", "seed"} <= {*stored} & {*text} & {*asked} & {*data.coords}
    recorded = {name for name in data.data_vars}
    assert recorded == {*text["channel"]} and recorded <= {*stored} and recorded <= {*asked}
    assert {*data.coords} - {"thin_step", "diverged_at", *(dim for name in recorded for dim in data[name].dims)} <= {
        *asked
    }


def test_verdicts_and_results_of_probes_come_back_with_the_run(tmp_path):
    run = engines.run("matrix_sensing", preset="P1", steps=30)
    run.probe_results["a probe", 0] = {"number": 0.1, "array": np.arange(6.0).reshape(2, 3) / 7, "text": "x"}
    run.save(tmp_path / "run.parquet")
    about = store.read_description(tmp_path / "run.parquet")
    assert [each["claim"] for each in about["verdicts"]] == [verdict.claim for verdict in run.judge()]
    again = engines.open(tmp_path / "run.parquet").probe_results["a probe", 0]
    np.testing.assert_array_equal(again["array"], run.probe_results["a probe", 0]["array"])
    assert (again["number"], again["text"]) == (0.1, "x")


def test_a_run_goes_on_from_the_state_beside_it_with_the_same_bits(library, monkeypatch, caplog):
    whole = engines.run("matrix_sensing", set=SMALL | {"alpha": [0.1, 0.2]}, steps=400)
    begun = api.new_run(Experiment.from_preset(engines.load("matrix_sensing"), set=SMALL | {"alpha": [0.1, 0.2]}))
    simulation = Simulation(begun.engine, begun.configs, api.devices.resolve("cpu"))
    api.advance(begun, simulation, 300)
    kept = library.keep(begun, checkpoint=simulation.checkpoint())
    stepped, advance = [], Simulation.advance

    def count(self, stop):
        stepped.append(stop - self.step)
        return advance(self, stop)

    monkeypatch.setattr(Simulation, "advance", count)
    longer = api.resume(library.open(kept), 400)
    assert sum(stepped) == 100 and not longer.notes
    np.testing.assert_array_equal(longer["loss"][-1], whole["loss"][-1])
    # A state that is not of this run costs time and nothing else:
    state = library.folder / f"{kept}.safetensors"
    for damage in (state.read_bytes()[:100], _state_of_another(begun, state)):
        state.write_bytes(damage)
        stepped.clear()
        caplog.clear()
        np.testing.assert_array_equal(api.resume(library.open(kept), 400)["loss"][-1], whole["loss"][-1])
        assert sum(stepped) == 400 and "a run is computed from its first step" in caplog.text


def _state_of_another(begun, path):
    """The state of members with other seeds at the same step."""
    simulation = Simulation(begun.engine, [each.replace(seed=7) for each in begun.configs], api.devices.resolve("cpu"))
    simulation.advance(300)
    write_checkpoint(simulation.checkpoint(), path)
    return path.read_bytes()
