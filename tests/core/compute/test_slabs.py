"""Large states are stepped some members at a time, and memory that a step frees is there for the next."""

import resource
import sys

import numpy as np
import pytest
import torch

import engines
from engines.core.compute import slabs
from engines.core.compute.simulation import Simulation
from engines.core.runs.experiment import Experiment
from tests.core.toy import ENGINE, Toy

CPU = torch.device("cpu")
SHAPE = {"rows": 9, "columns": 7, "width": 8, "seed": list(range(19))}


def simulation(**knobs):
    engine = engines.load("optimizer_dynamics")
    return Simulation(engine, Experiment.from_preset(engine, None, SHAPE | knobs).configs(), CPU)


@pytest.mark.parametrize(
    "knobs",
    [
        {"method": "adam", "average": "ema", "weight_decay": 0.01},
        {"method": "soap"},
        {"method": "prodigy"},
        {"method": ["gd", "muon", "adam"], "eta": [0.01, 1e3]},  # several groups, and members that diverge
    ],
    ids=["adam", "soap", "prodigy", "mixed"],
)
def test_members_have_the_same_bits_however_many_are_stepped_at_a_time(knobs, monkeypatch):
    whole = simulation(**knobs)
    size = whole.nbytes() // whole.size
    monkeypatch.setattr(slabs, "CACHED", 8 * size + 1)
    divided = simulation(**knobs)
    calls = []
    step = divided.engine.step
    monkeypatch.setattr(type(divided.engine), "step", lambda self, *at: calls.append(len(at[1].w)) or step(*at))
    divided.advance(1)
    assert calls == [8] * (whole.size // 8) + [whole.size % 8]
    monkeypatch.undo()
    for running in (whole, divided):
        running.advance(13)
        running.freeze_diverged()
        running.advance(25)
    assert (whole.diverged_at == divided.diverged_at).all()
    assert (whole.diverged_at >= 0).any() == (1e3 in np.atleast_1d(knobs.get("eta", 0.0)))
    for one, other in zip(whole.batches[0].state, divided.batches[0].state, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0, equal_nan=True)


def test_nothing_is_computed_of_slabs_whose_members_have_all_diverged(monkeypatch):
    monkeypatch.setattr(slabs, "CACHED", 8 * (simulation().nbytes() // 19) + 1)
    whole, partly = simulation(), simulation()
    for running in (whole, partly):
        running.advance(5)
    partly.set_diverged(np.where(np.arange(19) < 9, 5, -1))  # one slab of eight, and one of the next
    step, calls = partly.engine.step, []
    monkeypatch.setattr(type(partly.engine), "step", lambda self, *at: calls.append(len(at[1].w)) or step(*at))
    partly.advance(6)
    assert calls == [8, 3]
    partly.freeze_diverged()
    partly.set_diverged(np.full(19, 5))
    partly.advance(7)
    assert calls == [8, 3]
    whole.advance(6)
    torch.testing.assert_close(partly.batches[0].state.w[9:], whole.batches[0].state.w[9:], rtol=0, atol=0)


def test_members_that_share_what_a_step_reads_are_stepped_together(monkeypatch):
    monkeypatch.setattr(slabs, "CACHED", 1)
    running, calls = Simulation(ENGINE, [Toy(seed=seed) for seed in range(4)], CPU), []
    monkeypatch.setattr(type(ENGINE), "step", lambda self, problem, state, knobs: calls.append(len(state.x)) or state)
    running.advance(3)
    assert calls == [4, 4, 4]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems keep freed memory as they like")
def test_a_step_asks_the_system_for_no_memory():
    running = simulation(method="adam", rows=96, columns=96, width=96, seed=list(range(12)))
    running.advance(8)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    running.advance(28)
    pages = (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 20
    assert pages * resource.getpagesize() < running.nbytes() / 10
