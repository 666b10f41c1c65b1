"""Runs without a screen: simulate, resume, read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engines.core.analysis.probing import check_options, compute_parts
from engines.core.compute import device as devices
from engines.core.compute import memory
from engines.core.compute.checkpoints import Checkpoint
from engines.core.compute.simulation import Simulation
from engines.core.compute.walk import frames
from engines.core.data.recording import Event
from engines.core.files import export
from engines.core.protocol.edits import by_step, is_list
from engines.core.protocol.engine import Engine
from engines.core.protocol.errors import ConfigError
from engines.core.protocol.registry import load
from engines.core.runs.experiment import STEPS, Experiment, notes
from engines.core.runs.live_edits import edit_run
from engines.core.runs.replay import SAME, simulation_at_end
from engines.core.runs.run import Run, require_run

if TYPE_CHECKING:
    import torch

    from engines.core.library.index import Progress
    from engines.core.subjects.subject import Subject


def run(
    name: str,
    preset: str | None = None,
    set: Mapping[str, Any] | None = None,
    steps: int | None = None,
    seeds: Sequence[int] | None = None,
    device: str | torch.device = "auto",
    progress: Progress | None = None,
    cases: Sequence[Mapping[str, Any]] | None = None,
    edits: Sequence[tuple[int, str, Any, Sequence[int]]] = (),
    subject: Subject | None = None,
) -> Run:
    """Simulate an ensemble and return everything recorded of it.

    Parameters
    ----------
    name : the engine
    preset : one of its presets, the starting point of `set`
    set : knob values; a list spreads into an ensemble (the product of all lists and seeds)
    steps : how far; default: the preset's
    seeds : a list of values of the knob `seed`; `range(3)` are three
    device : `auto` (a GPU where there is one, and what is worth it), `cpu`, `cuda`, `cuda:1`, or one of torch's own
    progress : called with the step reached and the last step
    cases : members that differ in several knobs at once, in place of the preset's
    edits : live edits on the way: `(step, knob, value, members)`
    subject : a model of your own, which the engine analyses in place of its own; `set` may change how

    Raises
    ------
    ConfigError, UnknownName : a name or value that does not exist or is out of bounds
    EngineFailure : the engine failed, or memory ran out
    """
    engine = load(name)
    chosen = engine.preset(preset) if preset else None
    cases = cases if cases is None else list(cases) if is_list(cases) else cases  # of a generator there is one pass
    chosen_set = set if subject is None else with_subject(engine, subject, set, preset)
    experiment = Experiment.from_preset(engine, chosen, chosen_set, seeds, steps, cases, edits)
    given = [*(set or {}), *([] if seeds is None else ["seed"]), *(knob for case in cases or () for knob in case)]
    done = simulate(new_run(experiment, device, given), experiment.steps, progress, experiment.edits)
    run_preset_probes(done)
    return done


def with_subject(
    engine: Engine, subject: Subject, set: Mapping[str, Any] | None = None, preset: str | None = None
) -> dict[str, Any]:
    """Add the knobs with which an engine analyses a person's own subject. Raises `ConfigError` beside a preset."""
    if preset:
        raise ConfigError(f"preset={preset} is about a subject of its own: leave it out where you bring one")
    return {**engine.knobs_for(subject), **(set or {})}


def examine(name: str, subject: Subject, probe: str, **chosen: Any) -> Mapping[str, Any]:
    """Compute a probe of an engine on a person's own subject, at its parameters, without a run.

    Numbers and arrays by name, as `run(...).probe` returns them. Raises `UnknownName` for a probe or an option that
    does not exist, `ConfigError` where a probe does not suit the subject, `EngineFailure` where it cannot be computed.
    """
    engine = load(name)
    chosen_probe = engine.probe(probe)
    bare = new_run(Experiment.from_preset(engine, set=with_subject(engine, subject)))
    *_, last = compute_parts(chosen_probe, bare, 0, 0, check_options(chosen_probe, chosen))
    return last.values


def new_run(experiment: Experiment, device: str | torch.device = "auto", given: Iterable[str] = ()) -> Run:
    """Make a run in which nothing is recorded yet. `given` are the knobs to which somebody gave a value."""
    where = str(devices.resolve(device))
    fresh = Run(experiment.engine, experiment.configs(), preset=experiment.preset, device=where)
    fresh.notes = notes(experiment, given)
    return fresh


def simulate(run: Run, steps: int, progress: Progress | None = None, edits: Sequence[Event] = ()) -> Run:
    """Advance a fresh run to `steps` with live edits on the way; recorded are the schedule, edits and the last step."""
    device = devices.resolve(run.device)
    with memory.advised(run.engine, run.configs, device):
        return advance(run, Simulation(run.engine, run.configs, device), steps, progress, edits)


def resume(run: Run, steps: int, progress: Progress | None = None) -> Run:
    """Go on where a recorded run ended, up to `steps`, in a longer run; the recorded one stays as it is.

    What is recorded holds no state: its steps are computed once more on the way. Where this machine does not repeat
    them to six digits, a note of the new run says so. Raises `ConfigError` where it is as long already.
    """
    done = advance(*prepare_resume(run, steps), steps, progress)
    run_preset_probes(done)
    return done


def prepare_resume(run: Run, steps: int) -> tuple[Run, Simulation]:
    """Copy a recorded run, to be advanced to `steps`, and compute its simulation at its last step.

    Raises `ConfigError` where it is as long already, and where nothing is recorded in it.
    """
    require_run(run)
    last = int(run.steps[-1]) if len(run) else -1
    if STEPS.check("Experiment", steps) <= last:
        raise ConfigError(f"steps={steps} is not beyond the last step of the run, {last}")
    if last < 0:
        raise ConfigError("nothing is recorded in this run")
    longer = run.copy()
    longer.device, longer.checkpoint = str(devices.resolve_or_cpu(run.device)), run.checkpoint
    simulation = simulation_at_end(longer)
    longer.checkpoint = ""
    longer.notes = (*run.notes, *_differences(longer, simulation))
    return longer, simulation


def advance(
    run: Run,
    simulation: Simulation,
    steps: int,
    progress: Progress | None = None,
    edits: Sequence[Event] = (),
    recorded: Callable[[Checkpoint], None] = lambda state: None,
) -> Run:
    """Simulate from where a run is to `steps` and record what happens.

    After each frame `recorded` gets the state that it shows: the simulation may be ahead of it.
    """
    first = simulation.observe()
    memory.require(simulation, first, steps)
    run.recording.append(first, run.thin)
    run.diverged_at = simulation.diverged_at  # also known where the run is interrupted
    due = [edit for edit in edits if edit.step < steps]
    for stop, together in (*by_step(due), (steps, ())):
        for frame, state in frames(simulation, stop):
            run.recording.append(frame, run.thin)
            recorded(state)
            if progress:
                progress(frame.step, steps)
        if together:
            edit_run(run, simulation, together)
    if progress:
        progress(steps, steps)
    run.recording.append(simulation.observe(), run.thin)
    return run


def _differences(run: Run, simulation: Simulation) -> Iterator[str]:
    """Yield a sentence where the steps computed once more end elsewhere than what is recorded."""
    again = simulation.observe().values
    for channel in run.engine.channels:
        if channel.dims or channel.thin or channel.name not in again:
            continue
        recorded = run[channel.name][-1]
        if not np.allclose(again[channel.name], recorded, rtol=SAME, atol=0, equal_nan=True):
            yield (
                f"the recorded steps are not repeated to six digits here: {channel.name} ends at "
                f"{np.array2string(again[channel.name], threshold=4)}, not {np.array2string(recorded, threshold=4)}"
            )
            return


def run_preset_probes(run: Run) -> None:
    """Compute the probes on which the claims of the run's preset rest, once it is as long as the preset's."""
    if run.preset is None or run.steps[-1] < run.preset.steps:
        return
    for name, chosen in run.preset.probes.items():
        for member in range(len(run.configs)):
            run.probe_results[name, member] = run.probe(name, member, run.preset.steps, **chosen)


def open(path: str | Path) -> Run:
    """Read a run that was saved as `.parquet` or `.nc`. Raises `StoreError`.

    It can be scrubbed, probed, judged, saved and resumed like one that was just computed.
    """
    return Run.from_data(export.read(path))
