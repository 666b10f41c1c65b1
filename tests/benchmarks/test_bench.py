"""`launch.py bench` measures what it says."""

import json
from types import SimpleNamespace

import pytest
import torch

import launch
from benchmarks import bench, machine, results, timing, works
from engines.core.protocol.errors import UnknownName
from tests.pretend_gpu import pretended

CPU = torch.device("cpu")


def test_a_step_is_counted_by_its_operations_and_products():
    A, x = torch.ones(30, 20, dtype=torch.float64), torch.ones(20, 4, dtype=torch.float64)
    asked = machine.counted(lambda: (A.mT.mT @ x) + 1)
    assert (asked.operations, asked.flops) == (2, {torch.float64: 2 * 30 * 20 * 4})
    assert asked.read == 8 * (30 * 20 + 20 * 4 + 30 * 4)


def test_no_step_is_faster_than_its_products_its_reading_or_its_operations(monkeypatch):
    here = machine.Machine(CPU)
    for name, value in {"product": lambda dtype: 1e9, "stream": lambda: 1e6, "latency": lambda: 1e-3}.items():
        monkeypatch.setattr(here, name, value)
    asked = machine.Work(5, {torch.float64: 2e9}, 2.0**23)
    assert here.limits(asked) == {"operations": 0.005, "products": 2.0, "reading": 2.0**23 / 1e6}
    assert "reading" not in here.limits(asked._replace(read=1000.0))  # it lies in a cache


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_lab_is_a_table_and_json_on_a_processor_and_on_a_gpu(device, monkeypatch, capsys):
    monkeypatch.setattr(bench, "LONG", 0.001)
    monkeypatch.setitem(works.WORKS, "neural_collapse", works.WORKS["neural_collapse"][1:2])
    with pretended():
        found = bench.bench(["neural_collapse"], torch.device(device), rounds=2)
    said = capsys.readouterr().out
    assert "Neural collapse, perturbed" in said and "flow, 1 member" in said and "operations" in said
    (row,) = json.loads(json.dumps(found))["rows"]
    assert row["device"] == "cpu"  # too small for a GPU
    assert row["step"] > 0 and row["spread"] >= 1 and row["limit"] > 0 and row["plain"] > 0
    assert row["fraction"] == pytest.approx(row["limit"] / row["step"])


def test_a_loaded_machine_is_said(monkeypatch):
    monkeypatch.setattr(machine.os, "getloadavg", lambda: (99.0, 1.0, 1.0))
    assert "load 99.0" in machine.loaded()


def test_a_lab_that_is_not_there_is_one_line(capsys):
    with pytest.raises(UnknownName, match="matrix_sensing"):
        bench.bench(["matrix"], CPU)
    assert launch.main(["bench", "matrix"]) == 1
    assert "did you mean" in capsys.readouterr().err


def test_results_are_written_between_their_marks_and_what_stands_around_stays(tmp_path, monkeypatch):
    page = tmp_path / "RESULTS.md"
    page.write_text("# Results\n\nWords.\n\n<!-- shares -->\nold\n<!-- end of shares -->\n\nMore words.\n")

    def section(name):
        timing.head("A table")
        timing.row("a | b", 2.0, ">= 1", "4 over 2")

    monkeypatch.setattr(results, "import_module", lambda name: SimpleNamespace(main=lambda: section(name)))
    results.main(["shares", "load"], page)
    text = page.read_text()
    assert text.startswith("# Results\n\nWords.") and "More words." in text and "old" not in text
    assert text.count("| a \\| b | 2.00 | >= 1 | 4 over 2 |") == 2  # one a section, and that of `load` at the end
    assert text.index("More words.") < text.index("<!-- load -->")
    assert machine.Machine(CPU).name in text


def test_a_lab_is_measured_beside_packages_that_are_installed(monkeypatch):
    monkeypatch.setattr(bench, "LONG", 0.001)
    plain = works.WORKS["neural_collapse"][1].plain
    work = works.Bench("peers", {"classes": 3}, peers={"torch": plain, "a_package_that_is_not_there": plain})
    monkeypatch.setitem(works.WORKS, "neural_collapse", [work])
    found = bench.bench(["neural_collapse"], CPU, rounds=1, show=lambda text: None)
    (row,) = found["rows"]
    assert list(row["peers"]) == ["torch"] and row["peers"]["torch"] > 0 and row["plain"] is None
