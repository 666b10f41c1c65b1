"""`launch.py bench` measures what it says."""

import json

import pytest
import torch

import launch
from benchmarks import bench, machine, works
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
    monkeypatch.setitem(works.WORKS, "neural_collapse", works.WORKS["neural_collapse"][:1])
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
