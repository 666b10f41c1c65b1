"""The headless entry: names, load, run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from engines.core import device as devices
from engines.core.ensemble import Experiment
from engines.core.errors import EngineFailure
from engines.core.recording import Event
from engines.core.registry import load
from engines.core.run import Run
from engines.core.simulation import Simulation

Progress = Callable[[int, int], None]

SLICE = 32
"""Steps of a replay between two looks at whether anybody still waits for it."""


def run(
    name: str,
    preset: str | None = None,
    set: Mapping[str, Any] | None = None,
    steps: int | None = None,
    seeds: Sequence[int] | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
    cases: Sequence[Mapping[str, Any]] | None = None,
    edits: Sequence[tuple[int, str, Any, Sequence[int]]] = (),
) -> Run:
    """Simulate an ensemble and return everything recorded of it.

    Parameters
    ----------
    name : the engine
    preset : one of its presets, the starting point of `set`
    set : knob values; a list spreads into an ensemble (the product of all lists and seeds)
    steps : how far; default: the preset's
    seeds : values of the knob `seed`
    device : `auto`, `cpu`, `cuda` or `mps`
    progress : called with the step reached and the last step
    cases : members that differ in several knobs at once, in place of the preset's
    edits : live edits on the way: `(step, knob, value, members)`

    Raises
    ------
    ConfigError, UnknownName : a name or value that does not exist or is out of bounds
    """
    engine = load(name)
    chosen = engine.preset(preset) if preset else None
    experiment = Experiment.of(engine, chosen, set, seeds, steps, cases, edits)
    fresh = Run(engine, experiment.configs(), preset=chosen, device=device)
    done = simulate(fresh, experiment.steps, progress, experiment.edits)
    measure(done)
    return done


def simulate(run: Run, steps: int, progress: Progress | None = None, edits: Sequence[Event] = ()) -> Run:
    """Advance a fresh run to `steps` with live edits on the way; recorded are the schedule, edits and the last step."""
    simulation = Simulation(run.engine, run.configs, devices.resolve(run.device))
    run.recording.append(simulation.observe(), run.thin)
    stops = [*((event.step, event) for event in edits if event.step < steps), (steps, None)]
    for stop, event in stops:
        for frame in simulation.frames(stop):
            run.recording.append(frame, run.thin)
            if progress:
                progress(frame.step, steps)
        if event:
            _edit(run, simulation, event)
    if progress:
        progress(steps, steps)
    run.recording.append(simulation.observe(), run.thin)
    run.diverged_at = simulation.diverged_at
    return run


def _edit(run: Run, simulation: Simulation, event: Event) -> None:
    run.recording.append(simulation.observe(), run.thin)
    for member in event.members:
        run.configs[member] = run.configs[member].replace(**{event.knob: event.value})
    simulation.set(event.knob, [getattr(config, event.knob) for config in run.configs])
    run.recording.events.append(event)


def measure(run: Run) -> None:
    """Compute the probes on which the claims of the run's preset rest, once it is as long as the preset's."""
    if run.preset is None or run.steps[-1] < run.preset.steps:
        return
    for name, chosen in run.preset.probes.items():
        for member in range(len(run.configs)):
            run.outcomes[name, member] = run.probe(name, member, run.preset.steps, **chosen)


def replayed(run: Run, step: int, member: int) -> Simulation:
    """One member's simulation at `step` (-1: the newest), recomputed from its opening and the live edits; for probes.

    Raises `EngineFailure` where the run is abandoned on the way.
    """
    step = int(run.steps[-1]) if step < 0 else step
    simulation = Simulation(run.engine, [run.openings[member]], devices.resolve(run.device))
    for event in run.recording.events:  # those of step 0 come before its first step
        if member in event.members and event.step == 0:
            simulation.set(event.knob, [event.value])
    return onward(run, simulation, step, member)


def onward(run: Run, simulation: Simulation, step: int, member: int) -> Simulation:
    """The same simulation at a later step, with the live edits made until then. Errors as `replayed`."""
    for event in run.recording.events:
        if member in event.members and simulation.step < event.step <= step:
            _advance(run, simulation, event.step)
            simulation.set(event.knob, [event.value])
    _advance(run, simulation, step)
    simulation.settle()
    return simulation


def _advance(run: Run, simulation: Simulation, stop: int) -> None:
    while simulation.step < stop:
        if run.abandoned:
            raise EngineFailure(f"abandoned at step {simulation.step} of {stop}")
        simulation.advance(min(simulation.step + SLICE, stop))
