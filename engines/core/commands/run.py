"""The commands `run` and `probe`: each returns what is to be printed; the progress bar goes to stderr."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from engines.core import api
from engines.core.analysis import probing
from engines.core.commands.terminal import VERDICT_COLUMNS, ProgressBar, as_text, print_notes, text_table, verdict_row
from engines.core.data.plain_json import to_json
from engines.core.files.atomic_file import require_writable
from engines.core.files.export import require_suffix
from engines.core.protocol.config import Knob, varied
from engines.core.protocol.engine import Engine
from engines.core.protocol.errors import ConfigError, StoreError
from engines.core.protocol.paths import expand_home
from engines.core.protocol.registry import load
from engines.core.runs.experiment import STEPS, Experiment
from engines.core.runs.run import Run
from engines.core.subjects import named_subjects

GoOn = Callable[[ProgressBar], Run]
"""Simulates a run to where it was asked to go."""

COLUMNS = 5
"""How many scalar channels the printed table shows; `--json` has them all."""


def run(arguments: Namespace) -> str:
    """Simulate, save where asked to, and describe the result."""
    if arguments.out:
        require_suffix(arguments.out)
    result, go_on = _resumed(arguments) if arguments.resume else _new_run(arguments)
    with _saved_when_interrupted(result, arguments) as progress:
        go_on(progress)
        api.run_preset_probes(result)
    if arguments.out:
        result.save(arguments.out)
    printed = result.notes
    text = to_json(result.summary()) if arguments.json else "\n".join(_report(result))
    print_notes(note for note in result.notes if note not in printed)
    return text


def simulate_with_bar(arguments: Namespace) -> Run:
    """Simulate what a command line describes, with a bar; what the run cannot show goes to stderr."""
    _, go_on = _new_run(arguments)
    return go_on(ProgressBar(quiet=arguments.quiet))


def probe(arguments: Namespace) -> str:
    """Simulate, compute one probe of one member, and describe it; write it where asked to."""
    experiment = _experiment(arguments)
    chosen = probing.parse_options(experiment.engine.probe(arguments.probe), arguments.option)
    member = _within("member", arguments.member, len(experiment.configs()) - 1)
    step = experiment.steps if arguments.step is None else _within("step", arguments.step, experiment.steps)
    result = simulate_with_bar(arguments)
    bar = ProgressBar("%", arguments.quiet)
    values = result.probe(arguments.probe, member, step, watch=lambda part: bar(round(100 * part.share), 100), **chosen)
    about = {"engine": arguments.engine, "probe": arguments.probe, "member": member, "step": step, "options": chosen}
    text = to_json(about | {"values": values})
    if arguments.out:
        _write(expand_home(arguments.out), text)
    return text if arguments.json else "\n".join(f"{name}  {as_text(value)}" for name, value in values.items())


# -- from words to a run ----------------------------------------------------------------------------------------


def _experiment(arguments: Namespace) -> Experiment:
    """Build the experiment of a command line; all that can be wrong with it is found before anything is computed."""
    engine = load(arguments.engine)
    preset = engine.preset(arguments.preset) if arguments.preset else None
    chosen = {name: _values(engine.Config.knob(name), text) for name, text in arguments.set}
    seeds = None if arguments.seeds is None else _values(engine.Config.knob("seed"), arguments.seeds)
    steps = None if arguments.steps is None else STEPS.parse(arguments.steps)
    experiment = Experiment.from_preset(engine, preset, _with_subject(arguments, engine, chosen), seeds, steps)
    experiment.configs()
    return experiment


def _with_subject(arguments: Namespace, engine: Engine, chosen: dict[str, Any]) -> dict[str, Any]:
    """Add the knobs of the model that a command line brings."""
    given = list(named_subjects.FROM_COMMAND_LINE) if getattr(arguments, "subjects", ()) else []
    if len(given) > 1:
        raise ConfigError(f"--subject names {len(given)} models: a run is about one")
    return api.with_subject(engine, named_subjects.find(given[0]), chosen, arguments.preset) if given else chosen


def _values(knob: Knob, text: str) -> list[Any]:
    return [knob.parse(value) for value in text.split(",")]


def _within(name: str, value: int, last: int) -> int:
    if not 0 <= value <= last:
        raise ConfigError(f"{name}={value} is outside its bounds [0, {last}]")
    return value


def _new_run(arguments: Namespace) -> tuple[Run, GoOn]:
    """Make the run of a command line, and the function that simulates it."""
    experiment = _experiment(arguments)
    given = [name for name, _ in arguments.set] + ([] if arguments.seeds is None else ["seed"])
    fresh = api.new_run(experiment, arguments.device, given)
    _check_place(arguments)
    print_notes(fresh.notes)
    return fresh, partial(api.simulate, fresh, experiment.steps)


def _resumed(arguments: Namespace) -> tuple[Run, GoOn]:
    """Read a stored run, and make the function that simulates it further: the file says what it is."""
    before = api.open(arguments.resume)
    if arguments.steps is None:
        raise ConfigError(f"--resume needs --steps: how far the run, now at step {before.steps[-1]}, is to go")
    _check_place(arguments)
    steps = STEPS.parse(arguments.steps)
    longer, simulation = api.prepare_resume(before, steps)
    print_notes(longer.notes)
    return longer, partial(api.advance, longer, simulation, steps)


def _check_place(arguments: Namespace) -> None:
    if arguments.out:
        require_writable(expand_home(arguments.out))


@contextmanager
def _saved_when_interrupted(run: Run, arguments: Namespace) -> Iterator[ProgressBar]:
    """Show the bar of a computation; where that is interrupted, what was recorded is saved if a file was named."""
    bar = ProgressBar(quiet=arguments.quiet)
    try:
        yield bar
    except KeyboardInterrupt:
        bar.close()
        if len(run) and arguments.out:
            run.interrupted = True
            run.save(arguments.out)
            how = f"; go on: launch.py run --resume {arguments.out} --steps STEPS" if _resumable(arguments.out) else ""
            where = f"interrupted at step {run.steps[-1]}; what was recorded is in {arguments.out}"
            print(f"{where}{how}", file=sys.stderr)
        raise


def _resumable(out: str) -> bool:
    return Path(out).suffix in (".parquet", ".nc")


# -- what is printed --------------------------------------------------------------------------------------------


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from error


def _report(result: Run) -> Iterator[str]:
    summary, knobs = result.summary(), varied(result.configs)
    scalars = [channel.name for channel in result.engine.channels if not channel.dims][:COLUMNS]
    rows = [
        [str(index), *(as_text(member["config"][name]) for name in knobs), _status(member)]
        + [as_text(member["final"][name]) for name in scalars]
        for index, member in enumerate(summary["members"])
    ]
    yield f"{result.engine.title}: {summary['steps']} steps"
    yield ""
    yield from text_table([["member", *knobs, "status", *scalars], *rows])
    if summary["verdicts"]:
        yield ""
        yield from text_table([VERDICT_COLUMNS, *map(verdict_row, summary["verdicts"])])


def _status(member: Mapping[str, Any]) -> str:
    return "ok" if member["status"] == "ok" else f"diverged at {member['diverged_at']}"
