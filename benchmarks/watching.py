"""What watching costs: runs of the opening presets, every scheduled step observed, over the same steps unobserved."""

from __future__ import annotations

import torch

from benchmarks.timing import head, in_turn, row
from engines.core.compute.simulation import Simulation
from engines.core.compute.walk import frames
from engines.core.protocol import registry
from engines.core.runs.experiment import Experiment

ROUNDS = 3
"""Times that both are measured in turn."""

CPU = torch.device("cpu")


def main() -> None:
    """Print all rows."""
    head(f"Watching an opening preset to its end, {torch.get_num_threads()} thread(s), processor time")
    for name in registry.names():
        _watched(name)


def _watched(name: str) -> None:
    """One lab: what is added to the time of its steps."""
    engine = registry.load(name)
    preset = engine.preset(engine.opening)
    simulation = Simulation(engine, Experiment.from_preset(engine, preset).configs(), CPU)
    simulation.observe()
    start, made = simulation.checkpoint(), []

    def watched() -> None:
        simulation.restore(start)
        made[:] = [frame.step for frame, _ in frames(simulation, preset.steps)]

    def alone() -> None:
        simulation.restore(start)
        simulation.advance(preset.steps)

    seen, bare = in_turn(watched, alone, rounds=ROUNDS)
    added = seen - bare
    each = f"{len(made)} frames, {1e6 * added / len(made):.0f} us each"
    times = f"{added:.2f} against {bare:.2f} s; {each}"
    row(f"{engine.title}: watching over computing", added / bare, "<= 0.20", times)
