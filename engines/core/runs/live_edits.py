"""Live edits: a knob is turned while a run goes on, and its value reaches the next step.

On a page `Experiment.edit` checks the value; links, files and calls come through `protocol/edits`. The runner and the
headless entry then edit the run here, and check nothing.
"""

from __future__ import annotations

from engines.core.compute.simulation import Simulation
from engines.core.data.recording import Event
from engines.core.protocol.edits import apply_edits
from engines.core.protocol.engine import RunData


def edit_run(run: RunData, simulation: Simulation, event: Event) -> None:
    """Give a live knob its new value from the next step on, and put the edit on record.

    The newest frame is recorded first: it is the last one with the old value. `Simulation.set` turns one value a member
    into a tensor `[B]`, which `Engine.step` reads as `knobs[name]`.
    """
    run.recording.append(simulation.observe(), run.thin)
    run.configs = apply_edits(run.configs, [event])
    simulation.set(event.knob, [getattr(config, event.knob) for config in run.configs])
    run.recording.events.append(event)
