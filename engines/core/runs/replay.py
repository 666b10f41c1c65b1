"""Repeating a run: its steps are computed once more, from its openings and with the live edits on record."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engines.core.compute import device as devices
from engines.core.compute.simulation import Simulation
from engines.core.data.recording import Event
from engines.core.protocol.config import Config
from engines.core.protocol.engine import RunData
from engines.core.protocol.errors import EngineFailure

SLICE = 32
"""Steps of a replay between two looks at whether anybody still waits for it."""


def edited(openings: Sequence[Config], events: Sequence[Event]) -> list[Config]:
    """The opening configurations with some edits made to them."""
    configs = list(openings)
    for event in events:
        for member in event.members:
            configs[member] = configs[member].replace(**{event.knob: event.value})
    return configs


def opened(run: RunData, members: Sequence[int]) -> Simulation:
    """The simulation of some members at step 0; edits made there come before the first step."""
    simulation = Simulation(run.engine, [run.openings[member] for member in members], devices.at_hand(run.device))
    first = [event for event in run.recording.events if event.step == 0]
    for knob in dict.fromkeys(event.knob for event in first):
        _set(run, simulation, knob, first, members)
    return simulation


def repeat(run: RunData, simulation: Simulation, step: int, members: Sequence[int]) -> Simulation:
    """Advance these members to `step` with the edits on record; the simulation has those of its own step already.

    Raises `EngineFailure` where the run is abandoned on the way.
    """
    start, events = simulation.step, run.recording.events
    for index, event in enumerate(events):
        if start < event.step <= step and not set(members).isdisjoint(event.members):
            _advance(run, simulation, event.step)
            _set(run, simulation, event.knob, events[: index + 1], members)
    _advance(run, simulation, step)
    simulation.settle()
    known = run.diverged_at[list(members)]
    simulation.mark(np.where(known <= step, known, -1))  # a loss that was no number is found by observing only
    return simulation


def replayed(run: RunData, step: int, member: int) -> Simulation:
    """One member's simulation at `step` (-1: the newest), recomputed from its opening and the live edits; for probes.

    Raises `EngineFailure` where the run is abandoned on the way.
    """
    step = int(run.steps[-1]) if step < 0 else step
    return repeat(run, opened(run, [member]), step, [member])


def onward(run: RunData, simulation: Simulation, step: int, member: int) -> Simulation:
    """The same simulation at a later step, with the live edits made until then. Errors as `replayed`."""
    return repeat(run, simulation, step, [member])


def _set(run: RunData, simulation: Simulation, knob: str, events: Sequence[Event], members: Sequence[int]) -> None:
    configs = edited(run.openings, events)
    simulation.set(knob, [getattr(configs[member], knob) for member in members])


def _advance(run: RunData, simulation: Simulation, stop: int) -> None:
    while simulation.step < stop:
        if run.abandoned:
            raise EngineFailure(f"abandoned at step {simulation.step} of {stop}")
        simulation.advance(min(simulation.step + SLICE, stop))
