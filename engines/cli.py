"""The commands that need no screen: each returns what is to be printed; the progress bar goes to stderr."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from engines.core import api
from engines.core.analysis import probing
from engines.core.data.plain_json import to_json
from engines.core.files.export import require_suffix
from engines.core.files.store import require_writable
from engines.core.protocol.config import Knob, varied
from engines.core.protocol.engine import Engine
from engines.core.protocol.errors import ConfigError, EngineFailure, StoreError
from engines.core.protocol.paths import expand_home
from engines.core.protocol.registry import load, names
from engines.core.runs.experiment import STEPS, Experiment
from engines.core.runs.run import Run
from engines.core.subjects import brought

GoOn = Callable[[api.Progress], Run]
"""Simulates a run to where it was asked to go."""

COLUMNS = 5
"""How many scalar channels the printed table shows; `--json` has them all."""


PERIOD = 30.0
"""Seconds between two lines of progress in a log."""


class Progress:
    """A bar on stderr that appears with the first step, so that an error before it is a line of its own.

    A log gets a line every `PERIOD` seconds in its place.
    """

    def __init__(self, unit: str = "step", quiet: bool = False) -> None:
        self._bar: tqdm | None = None
        self._unit, self._quiet = unit, quiet
        self._logged = time.monotonic()

    def __call__(self, step: int, steps: int) -> None:
        """Move to `step`; the bar ends at `steps`."""
        if not sys.stderr.isatty():
            return self._log(step, steps)
        self._bar = self._bar or tqdm(total=steps, unit=self._unit, disable=self._quiet)
        self._bar.update(step - self._bar.n)
        if step >= steps:
            self.close()

    def _log(self, step: int, steps: int) -> None:
        if not self._quiet and time.monotonic() - self._logged >= PERIOD:
            self._logged = time.monotonic()
            print(f"{self._unit} {step:,} of {steps:,} ({step / steps:.0%})", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Leave the bar as it is and the line to others."""
        if self._bar:
            self._bar.close()


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
    _note(note for note in result.notes if note not in printed)
    return text


def compute(arguments: Namespace) -> Run:
    """Simulate what a command line describes, with a bar; what the run cannot show goes to stderr."""
    _, go_on = _new_run(arguments)
    return go_on(Progress(quiet=arguments.quiet))


def probe(arguments: Namespace) -> str:
    """Simulate, compute one probe of one member, and describe it; write it where asked to."""
    experiment = _experiment(arguments)
    chosen = probing.parse_options(experiment.engine.probe(arguments.probe), arguments.option)
    member = _within("member", arguments.member, len(experiment.configs()) - 1)
    step = experiment.steps if arguments.step is None else _within("step", arguments.step, experiment.steps)
    result = compute(arguments)
    bar = Progress("%", arguments.quiet)
    values = result.probe(arguments.probe, member, step, watch=lambda part: bar(round(100 * part.share), 100), **chosen)
    about = {"engine": arguments.engine, "probe": arguments.probe, "member": member, "step": step, "options": chosen}
    text = to_json(about | {"values": values})
    if arguments.out:
        _write(expand_home(arguments.out), text)
    return text if arguments.json else "\n".join(f"{name}  {_shown(value)}" for name, value in values.items())


def catalogue(arguments: Namespace) -> str:
    """List every engine with its presets, knobs and probes; a broken one with its message."""
    engines = {name: _loaded(name) for name in names()}
    if arguments.json:
        return to_json({"engines": [_described(name, engine) for name, engine in engines.items()]})
    return "\n".join(line for name, engine in engines.items() for line in _listed(name, engine))


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
    given = brought.asked_for() if getattr(arguments, "subjects", ()) else []
    if len(given) > 1:
        raise ConfigError(f"--subject names {len(given)} models: a run is about one")
    return api.with_subject(engine, brought.find(given[0]), chosen, arguments.preset) if given else chosen


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
    _note(fresh.notes)
    return fresh, partial(api.simulate, fresh, experiment.steps)


def _resumed(arguments: Namespace) -> tuple[Run, GoOn]:
    """Read a stored run, and make the function that simulates it further: the file says what it is."""
    before = api.open(arguments.resume)
    if arguments.steps is None:
        raise ConfigError(f"--resume needs --steps: how far the run, now at step {before.steps[-1]}, is to go")
    _check_place(arguments)
    steps = STEPS.parse(arguments.steps)
    longer, simulation = api.prepare_resume(before, steps)
    _note(longer.notes)
    return longer, partial(api.advance, longer, simulation, steps)


def _check_place(arguments: Namespace) -> None:
    if arguments.out:
        require_writable(expand_home(arguments.out))


def _note(notes: Iterable[str]) -> None:
    for note in notes:
        print(f"note: {note}", file=sys.stderr)


@contextmanager
def _saved_when_interrupted(run: Run, arguments: Namespace) -> Iterator[Progress]:
    """Show the bar of a computation; where that is interrupted, what was recorded is saved if a file was named."""
    bar = Progress(quiet=arguments.quiet)
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
        [str(index), *(_shown(member["config"][name]) for name in knobs), _status(member)]
        + [_shown(member["final"][name]) for name in scalars]
        for index, member in enumerate(summary["members"])
    ]
    yield f"{result.engine.title}: {summary['steps']} steps"
    yield ""
    yield from _table([["member", *knobs, "status", *scalars], *rows])
    if summary["verdicts"]:
        yield ""
        heads = ["holds", "measured", "predicted", "tolerance", "claim"]
        yield from _table([heads, *map(_judged, summary["verdicts"])])


def _status(member: Mapping[str, Any]) -> str:
    return "ok" if member["status"] == "ok" else f"diverged at {member['diverged_at']}"


def _judged(verdict: Mapping[str, Any]) -> list[str]:
    holds = {True: "yes", False: "NO"}.get(verdict["holds"], "too early")
    sign = {"above": "> ", "below": "< "}.get(verdict["kind"], "")
    tolerance = "" if sign else _shown(verdict["tolerance"])
    return [holds, _shown(verdict["measured"]), sign + _shown(verdict["predicted"]), tolerance, verdict["claim"]]


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _shown(value: Any) -> str:
    value = np.asarray(value) if hasattr(value, "shape") else value
    if isinstance(value, np.ndarray) and value.ndim:
        return f"array {'x'.join(map(str, value.shape))}  {np.array2string(value, precision=4, threshold=6)}"
    return f"{value:.4g}" if isinstance(value, (float, np.ndarray)) else "-" if value is None else str(value)


# -- the catalogue ----------------------------------------------------------------------------------------------


def _loaded(name: str) -> Engine | str:
    try:
        return load(name)
    except EngineFailure as failure:
        return str(failure)


def _described(name: str, engine: Engine | str) -> dict[str, Any]:
    if isinstance(engine, str):
        return {"name": name, "failure": engine}
    return {
        "name": name,
        "title": engine.title,
        "summary": engine.summary,
        "presets": [{"name": p.name, "title": p.title, "look_for": p.look_for} for p in engine.presets],
        "knobs": [vars(knob) | {"type": knob.type.__name__} for knob in engine.Config.knobs().values()],
        "sweeps": [{"name": s.name, "title": s.title, "look_for": s.look_for} for s in engine.sweeps],
        "probes": [
            {"name": p.name, "doc": p.doc, "options": {n: o.default for n, o in probing.probe_options(p).items()}}
            for p in engine.probes
        ],
    }


def _listed(name: str, engine: Engine | str) -> Iterator[str]:
    if isinstance(engine, str):
        yield from (name, f"  {engine}", "")
        return
    yield from (f"{name}: {engine.title}", f"  {engine.summary}", "", "  presets")
    yield from _indented([[preset.name, preset.title] for preset in engine.presets])
    yield from ("", "  knobs (live: applies at the next step; init: restarts; shape: rebuilds)")
    yield from _indented([_row(knob) for knob in engine.Config.knobs().values()])
    if engine.probes:
        yield from ("", "  probes")
        rows = [[probe.name, " ".join([probe.doc, *probing.options_with_defaults(probe)])] for probe in engine.probes]
        yield from _indented(rows)
    if engine.sweeps:
        yield from ("", "  sweeps")
        yield from _indented([[sweep.name, sweep.title] for sweep in engine.sweeps])
    yield ""


def _indented(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    return (f"    {line}" for line in _table(rows)) if rows else iter(())


def _row(knob: Knob) -> list[str]:
    allowed = "|".join(knob.choices) if knob.choices else ""
    if knob.bounds:
        allowed = f"[{knob.bounds[0]:g}, {knob.bounds[1]:g}]"
    return [knob.name, knob.role, _shown(knob.default), knob.doc + (f" {allowed}" if allowed else "")]
