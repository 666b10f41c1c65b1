"""Live edits: knobs are turned while a run goes on, and their values reach the next step.

On a page `Experiment.edit` checks the values; links, files and calls come through `protocol/edits`. The runner and the
headless entry then edit the run here, and check nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from engines.core.compute.simulation import Simulation
from engines.core.data.recording import Event
from engines.core.protocol.edits import apply_edits
from engines.core.protocol.engine import RunData


def edit_run(run: RunData, simulation: Simulation, edits: Sequence[Event]) -> None:
    """Give live knobs their new values from the next step on, all at once, and put the edits on record.

    The newest frame is recorded first: it is the last one with the old values. `Simulation.set` turns one value a
    member into a tensor `[B]`, which `Engine.step` reads as `knobs[name]`.
    """
    run.recording.append(simulation.observe(), run.thin)
    run.configs = apply_edits(run.configs, edits)
    for knob in dict.fromkeys(edit.knob for edit in edits):
        simulation.set(knob, [getattr(config, knob) for config in run.configs])
    run.recording.events.extend(edits)
