"""Every engine on a GPU that is not there: nothing meets what lies on another device, the numbers are the processor's,
the host waits where it is written down, and what is captured is replayed. Sizes are tiny."""

from collections import Counter
from typing import NamedTuple

import numpy as np
import pytest
import torch

import engines
from engines.core.compute import cuda_graph
from engines.core.compute.simulation import Simulation
from engines.core.protocol import device_choice
from engines.core.protocol.engine import Engine
from engines.core.runs.experiment import Experiment
from tests.pretend_gpu import held, pretended

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)
UNROLLED = (4, 1)
"""Steps of graphs, so few that tests are short."""

LONG = 2 * UNROLLED[0] + 3
"""Steps that need the long graph twice and the short one thrice."""

SENSING = {"operator": "gaussian", "n": 8, "m": 40, "r": 2, "k": 3, "seed": [0, 1]}
RECOVERY = {"d": 8, "m": 60, "r": 2, "k": 2, "seed": [0, 1]}
COLLAPSE = {"classes": 3, "features": 5, "per_class": 4, "seed": [0, 1]}
ADDING = {"subject": "addition", "modulus": 5, "embedding": 6, "width": 6, "seed": [0, 1]}
FACTORS = {"scene": "factorisation", "rows": 6, "columns": 5, "seed": [0, 1]}


class Case(NamedTuple):
    """Members on a GPU: what one step may launch, and where the host waits in it."""

    engine: str
    knobs: dict
    kernels: int
    waits: dict[str, int] = {}
    """How often, by the file of the engine and what it asked for."""
    uploads: int = 0
    steps: int = 1
    """Steps before the one that is counted."""
    rtol: float = 1e-6
    """Relative difference up to which the GPU's numbers are the processor's."""


TRIGGER, PROX = "matrix_sensing/dynamics.py", "subgradient_recovery/prox_linear.py"
CASES = {
    "sensing": Case("matrix_sensing", SENSING, 14),
    "sensing, symmetric": Case("matrix_sensing", SENSING | {"parameterization": "symmetric"}, 16),
    "sensing, half precision": Case("matrix_sensing", SENSING | {"precision": "bf16"}, 18, rtol=2e-2),
    "sensing, two rules": Case("matrix_sensing", SENSING | {"method": ["gd", "prec_gd"]}, 110),
    "sensing, rank one": Case("matrix_sensing", SENSING | {"operator": "rank_one"}, 24),
    "sensing, one step": Case(
        "matrix_sensing", SENSING | {"method": ["gd", "one_step"]}, 50,
        {f"{TRIGGER}: _local_scalar_dense": 2, f"{TRIGGER}: nonzero": 1},
    ),
    "recovery": Case("subgradient_recovery", RECOVERY | {"method": ["subgm", "polyak"]}, 260),
    "recovery, no norm": Case("subgradient_recovery", RECOVERY | {"method": "polyak"}, 48),
    "recovery, prox-linear": Case(
        "subgradient_recovery", RECOVERY | {"method": "prox_linear"}, 830,
        {f"{PROX}: tolist": 1, f"{PROX}: _local_scalar_dense": 2, f"{PROX}: index by a mask": 4,
         "subgradient_recovery/sensing.py: _local_scalar_dense": 3},
    ),
    "collapse, flow": Case("neural_collapse", COLLAPSE, 84),
    "collapse, proximal": Case("neural_collapse", COLLAPSE | {"model": "proximal"}, 186),
    "collapse, network": Case("neural_collapse", {"model": "network", "width": 8, "depth": 2, "seed": [0, 1]}, 190),
    "landscape": Case("loss_landscape", ADDING, 64),
    "landscape, minibatches": Case(
        "loss_landscape", ADDING | {"batch_size": 8}, 66,
        {"loss_landscape/dynamics/training.py: _local_scalar_dense": 1}, uploads=1,
    ),
    "optimizers, muon": Case("optimizer_dynamics", FACTORS | {"method": ["gd", "muon"]}, 184),
    "optimizers, soap": Case(
        "optimizer_dynamics", FACTORS | {"method": "soap"}, 110,
        {"core/methods/matrix.py: _local_scalar_dense": 1}, steps=2,
    ),
    "optimizers, shampoo": Case(
        "optimizer_dynamics", FACTORS | {"method": "shampoo"}, 140,
        {"core/numerics/lapack.py: copy to the host": 4}, uploads=8,
    ),
    "optimizers, exact": Case("optimizer_dynamics", {"scene": "quadratic", "sampling": "exact", "dimension": 12}, 38),
    "optimizers, edge": Case("optimizer_dynamics", {"scene": "edge", "model": "product"}, 90),
    "optimizers, edge of a network": Case(
        "optimizer_dynamics", {"scene": "edge", "seed": [0, 1]}, 90,
        {"optimizer_dynamics/scenes/edge.py: _local_scalar_dense": 1},
    ),
}  # fmt: skip


LOOKS = {
    "sensing": (140, 13),
    "sensing, symmetric": (150, 13),
    "sensing, half precision": (150, 13),
    "sensing, two rules": (140, 13),
    "sensing, rank one": (150, 13),
    "sensing, one step": (140, 13),
    "recovery": (1130, 5),
    "recovery, no norm": (940, 5),
    "recovery, prox-linear": (1710, 15),
    "collapse, flow": (810, 4),
    "collapse, proximal": (870, 4),
    "collapse, network": (1190, 9),
    "landscape": (550, 9),
    "landscape, minibatches": (550, 9),
    "optimizers, muon": (430, 2),
    "optimizers, soap": (210, 3),
    "optimizers, shampoo": (240, 6),
    "optimizers, exact": (60, 0),
    "optimizers, edge": (160, 2),
    "optimizers, edge of a network": (240, 2),
}
"""What a look at a case may launch, its thin channels included, and how often the host waits in it: for spectra that it
computes itself, and for solvers that look whether they converged. Nothing waits to read the channels."""


ALWAYS = ("sensing", "sensing, one step", "recovery", "collapse, flow", "landscape", "optimizers, muon")
"""Cases that are tried with every change, one or two an engine."""


@pytest.fixture(
    params=[
        pytest.param(name, id=name.replace(", ", "-").replace(" ", "-"),
                     marks=[] if name in ALWAYS else [pytest.mark.thorough])
        for name in CASES
    ]
)  # fmt: skip
def case(request, monkeypatch):
    """A case, its engine and members; nothing is too small for the GPU."""
    chosen = CASES[request.param]
    engine = engines.load(chosen.engine)
    monkeypatch.setattr(device_choice, "LEAST_GPU_BYTES", 0)
    return chosen, engine, Experiment.from_preset(engine, None, chosen.knobs).configs()


def live_edit(engine, configs):
    """A live knob and other values of it."""
    name = next(name for name in engine.Config.names_with_role("live") if engine.Config.knob(name).type is float)
    return name, [0.9 * getattr(config, name) for config in configs]


def walked(simulation, edit):
    """Frames on a way with looks, a return to a checkpoint and a live edit."""
    frames = [simulation.observe()]
    for stop in (1, 2):
        simulation.advance(stop)
        frames.append(simulation.observe())
    saved = simulation.checkpoint()
    simulation.advance(4)
    simulation.restore(saved)
    simulation.set(*edit)
    simulation.advance(5)
    return [*frames, simulation.observe()]


def test_a_gpu_computes_what_the_processor_computes(case):
    chosen, engine, configs = case
    edit = live_edit(engine, configs)
    here = walked(Simulation(engine, configs, CPU), edit)
    with pretended():
        simulation = Simulation(engine, configs, GPU)
        assert simulation.devices == "cuda:0"
        there = walked(simulation, edit)
    for one, other in zip(here, there, strict=True):
        for name, value in one.values.items():
            scale = np.nanmax(np.abs(value), initial=0)
            np.testing.assert_allclose(
                other.values[name],
                value,
                rtol=chosen.rtol,
                atol=chosen.rtol / 10 * scale,
                err_msg=f"{name} at {one.step}",
            )


def test_a_step_waits_and_launches_as_is_written_down(case):
    chosen, engine, configs = case
    with pretended() as machine:
        (batch,) = Simulation(engine, configs, GPU).batches
        state = batch.state
        with torch.no_grad():
            for _ in range(chosen.steps):
                state = engine.step(batch.problem, state, batch.knobs)
            with machine.counting() as count:
                engine.step(batch.problem, state, batch.knobs)
        places = [f"{place}: {wait}" for place, wait in zip(count.places, count.waits, strict=True)]
        assert dict(Counter(places)) == chosen.waits
        assert len(count.uploads) == chosen.uploads
        assert 0.6 * chosen.kernels <= count.kernels <= chosen.kernels, count.kinds.most_common(12)
        assert engine.capturable(batch.problem) == (not chosen.waits)


def test_a_look_waits_and_launches_as_is_written_down(case):
    _, engine, configs = case
    kernels, waits = LOOKS[next(name for name, one in CASES.items() if one is case[0])]
    with pretended() as machine:
        simulation = Simulation(engine, configs, GPU)
        simulation.observe()
        simulation.advance(2)
        with machine.counting() as looking:
            frames = simulation.send([simulation.look()])
        with machine.counting() as reading:
            assert frames() is not None
    assert len(looking.waits) == waits
    assert 0.6 * kernels <= looking.kernels <= kernels, looking.kinds.most_common(12)
    assert (reading.kernels, len(reading.waits)) == (0, 0)


def test_a_captured_step_is_replayed_and_equals_the_loop(case, monkeypatch):
    _, engine, configs = case
    monkeypatch.setattr(cuda_graph, "UNROLLED", UNROLLED)
    name, values = live_edit(engine, configs)
    with pretended() as machine:
        graphed = Simulation(engine, configs, GPU)
        if not engine.capturable(graphed.batches[0].problem):
            pytest.skip("the host decides within a step")
        monkeypatch.setattr(type(engine), "capturable", lambda self, problem: False)
        plain = Simulation(engine, configs, GPU)
        for simulation in (graphed, plain):
            simulation.advance(LONG)
            simulation.set(name, values)
            simulation.advance(LONG + 1)
        assert machine.replays == 2 + 3 + 1
        for one, other in zip(graphed.batches[0].state, plain.batches[0].state, strict=True):
            torch.testing.assert_close(held(one), held(other), rtol=0, atol=0, equal_nan=True)


def test_what_is_too_small_for_a_gpu_stays_on_the_processor():
    with pretended():
        for name in engines.names():
            engine = engines.load(name)
            assert isinstance(engine, Engine)
            configs = Experiment.from_preset(engine, engine.preset(engine.opening)).configs()
            placed = Simulation(engine, configs[:2], GPU)
            assert placed.devices == "cpu" or engine.nbytes(configs[:2]) >= device_choice.LEAST_GPU_BYTES, name
        large = Experiment.from_preset(engines.load("matrix_sensing"), None, {"operator": "gaussian"}).configs()
        assert Simulation(engines.load("matrix_sensing"), large, GPU).devices == "cuda:0"
