"""Repeating a run: its steps are computed once more, from its initial configurations and the live edits on record."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from engines.core.compute import device as devices
from engines.core.compute.simulation import Simulation
from engines.core.data.recording import Event
from engines.core.files.checkpoint_file import restore_checkpoint
from engines.core.protocol.edits import apply_edits, by_step
from engines.core.protocol.engine import RunData
from engines.core.protocol.errors import EngineFailure, StoreError

log = logging.getLogger(__name__)

CHUNK = 32
"""Steps of a replay between two checks whether it was cancelled."""


SAME = 1e-6
"""Relative difference up to which steps computed once more count as repeated: machines round differently."""


def simulation_at_end(run: RunData, started: Callable[[Simulation], None] = lambda simulation: None) -> Simulation:
    """Compute the simulation of all members at the last recorded step; from the stored state, where there is one.

    `started` is shown it at step 0. Raises `EngineFailure` where the run is cancelled on the way.
    """
    everyone = range(len(run.initial_configs))
    simulation = start_simulation(run, everyone)
    started(simulation)
    if run.checkpoint and not _restored(run, simulation):
        simulation = start_simulation(run, everyone)
    return replay_until(run, simulation, int(run.steps[-1]), everyone)


def _restored(run: RunData, simulation: Simulation) -> bool:
    """Bring a simulation to the stored state of a run; returns whether that is one of this run, and of this version."""
    try:
        restore_checkpoint(simulation, Path(run.checkpoint))
    except StoreError as error:
        log.warning("a run is computed from its first step, for its stored state cannot be used: %s", error)
        return False
    recorded, row = run.recording.dense, run.recording.dense.index_at(simulation.step)
    now = simulation.observe().values
    same = int(run.steps[row]) == simulation.step and all(
        np.allclose(now[name], recorded[name][row], rtol=SAME, atol=0, equal_nan=True) for name in recorded.names
    )
    if not same:
        log.warning("a run is computed from its first step, for its stored state is not one that was recorded of it")
    return same


def start_simulation(run: RunData, members: Sequence[int]) -> Simulation:
    """Build the simulation of some members at step 0; edits made there come before the first step."""
    configs = [run.initial_configs[member] for member in members]
    simulation = Simulation(run.engine, configs, devices.resolve_or_cpu(run.device))
    first = [event for event in run.recording.events if event.step == 0]
    _set(run, simulation, dict.fromkeys(event.knob for event in first), first, members)
    return simulation


def replay_until(run: RunData, simulation: Simulation, step: int, members: Sequence[int]) -> Simulation:
    """Advance these members to `step` with the edits on record; the simulation has those of its own step already.

    Raises `EngineFailure` where the run is cancelled on the way.
    """
    start, events = simulation.step, run.recording.events
    for at, together in by_step(events):
        knobs = dict.fromkeys(edit.knob for edit in together if not set(members).isdisjoint(edit.members))
        if start < at <= step and knobs:
            _advance(run, simulation, at)
            _set(run, simulation, knobs, [edit for edit in events if edit.step <= at], members)
    _advance(run, simulation, step)
    simulation.freeze_diverged()
    diverged_at = run.diverged_at[list(members)]
    # A loss that was no number is found by observing only, and nothing is observed here.
    simulation.set_diverged(np.where(diverged_at <= step, diverged_at, -1))
    return simulation


def simulation_at(run: RunData, step: int, member: int) -> Simulation:
    """Compute one member's simulation at `step` (-1: the newest) once more, for probes.

    Raises `EngineFailure` where the run is cancelled on the way.
    """
    step = int(run.steps[-1]) if step < 0 else step
    return replay_until(run, start_simulation(run, [member]), step, [member])


def continue_simulation(run: RunData, simulation: Simulation, step: int, member: int) -> Simulation:
    """Advance what `simulation_at` returned to a later step, with the live edits on the way. Raises as that does."""
    return replay_until(run, simulation, step, [member])


def _set(
    run: RunData, simulation: Simulation, knobs: Iterable[str], events: Sequence[Event], members: Sequence[int]
) -> None:
    configs = apply_edits(run.initial_configs, events)
    for knob in knobs:
        simulation.set(knob, [getattr(configs[member], knob) for member in members])


def _advance(run: RunData, simulation: Simulation, stop: int) -> None:
    while simulation.step < stop:
        if run.cancelled:
            raise EngineFailure(f"cancelled at step {simulation.step} of {stop}")
        simulation.advance(min(simulation.step + CHUNK, stop))
