"""`launch.py runs`: clean JSON on stdout, sentences on stderr, exit codes as documented."""

import json
import subprocess
import sys

import pytest

import engines
import launch
from engines import Library
from tests.conftest import ROOT


@pytest.fixture
def library(tmp_path, monkeypatch):
    monkeypatch.setenv("DYNASCOPE_LIBRARY", str(tmp_path))
    library = Library()
    small = {"operator": "identity", "n": 5, "k": 2, "r": 1, "alpha": [0.1, 0.2]}
    library.keep(engines.run("matrix_sensing", set=small, steps=20), name="first")
    return library


def say(capsys, *words):
    status = launch.main(["runs", *words])
    out, err = capsys.readouterr()
    return status, out, err


def test_a_run_is_listed_shown_changed_exported_deleted_and_brought_back(library, capsys, tmp_path):
    def answer(*words):
        status, out, err = say(capsys, *words, "--json")
        assert (status, err) == (0, "")
        return json.loads(out)

    listed = answer("list", "alpha<0.15")
    assert listed["found"] == 1
    [run] = listed["runs"]
    assert (run["title"], run["members"], run["varied"]) == ("first", 2, ["alpha"])
    assert answer("tag", "first", "paper", "draft") == {"tags": ["paper", "draft"]}
    assert answer("tag", "first", "--remove", "draft") == {"tags": ["paper"]}
    assert answer("note", "first", "two words") == {"note": "two words"}
    assert answer("rename", "first", "second") == {"name": "second"}
    about = answer("show", "second")
    assert (about["tags"], about["note"], about["dtype"]) == (["paper"], "two words", "float64")
    assert about["configs"][1]["alpha"] == 0.2
    answer("export", "second", "--out", str(tmp_path / "out" / "x.nc"))
    assert engines.open(tmp_path / "out" / "x.nc").tags == ("paper",)
    rows = answer("query", "select max(step) as last, count(*) as rows from matrix_sensing")["rows"]
    assert rows == [{"last": 20, "rows": 42}]
    sql = "select 1e-20 as tiny, 0.1::double + 0.2::double as sum, 'nan'::double as none, date '2026-01-02' as day"
    [row] = answer("query", sql)["rows"]
    assert row == {"tiny": 1e-20, "sum": 0.1 + 0.2, "none": None, "day": "2026-01-02 00:00:00"}
    assert answer("delete", "second") == {"deleted": [run["id"]]}
    assert answer("list")["found"] == 0
    assert answer("restore", run["id"]) == {"restored": [run["id"]]}
    assert answer("rebuild") == {"runs": 1}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["show", "frist"], "unknown stored run 'frist'; did you mean first?"),
        (["list", "alhpa<1"], "unknown knob 'alhpa'; did you mean alpha?"),
        (["export", "first", "--out", "x.docx"], "its name ends with '.docx'; known are .parquet, .nc, .csv"),
        (["query", "select"], "the query cannot be answered"),
        (["tag", "first", "two words"], "'two words' is no tag"),
        (["delete", "first", "none"], "unknown stored run 'none'"),
    ],
)
def test_what_cannot_be_done_is_status_1_and_one_line(library, capsys, words, sentence):
    status, out, err = say(capsys, *words)
    assert (status, out) == (1, "") and sentence in err and err.count("\n") == 1
    assert library.find()[1] == 1


def test_a_table_is_printed_for_people(library, capsys):
    status, out, _ = say(capsys, "list")
    assert status == 0 and out.splitlines()[0].startswith("id") and "first" in out.splitlines()[1]
    assert "alpha" in say(capsys, "query", "select alpha from members")[1]


def test_what_is_indexed_is_listed_without_waiting_for_torch(library):
    library.find()
    code = "import sys, launch; launch.main(['runs', 'list']); print('torch' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert said.stdout.splitlines()[-1] == "False", said
