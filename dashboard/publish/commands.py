"""Commands that write what a reader takes away of runs: each returns what is to be printed."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dashboard.publish import files
from dashboard.publish.answers import overview
from dashboard.publish.answers import read as read_answers
from dashboard.publish.bundle import Bundled
from dashboard.publish.bundle import bundle as bundled
from dashboard.publish.figure import find_plot
from dashboard.publish.figure_view import FILMED, FigureView, formats
from dashboard.publish.lab_view import lab_view, with_overlays
from dashboard.publish.replay import replay
from dashboard.ui.notation import plain
from engines import load
from engines.core import api
from engines.core.commands.run import simulate_with_bar
from engines.core.data.plain_json import to_json
from engines.core.files.atomic_file import require_writable, writing
from engines.core.protocol.config import check_index
from engines.core.protocol.errors import ConfigError, StoreError
from engines.core.protocol.paths import expand_home
from engines.core.runs import script

if TYPE_CHECKING:
    from engines.core.runs.run import Run

NARROW, WIDE = 2.0, 30.0
"""Widths in inches that a figure with 9 pt type may have."""


def figure(arguments: Namespace) -> str:
    """Simulate, write the figure and name it; what can be wrong with the words is found before.

    Raises `ConfigError` or `UnknownName` for a plot, width, step or member that there is not, `StoreError` for a file
    that cannot be written.
    """
    out, engine = expand_home(arguments.out), load(arguments.engine)
    plot = find_plot(engine, arguments.plot) if arguments.plot else engine.plots[0]
    kind = _kind(out)
    if not NARROW <= arguments.width <= WIDE:
        raise ConfigError(f"--width={arguments.width:g} is outside its bounds, {NARROW:g} to {WIDE:g} inches")
    run = simulate_with_bar(arguments)
    step = None if arguments.step is None else check_index("step", arguments.step, int(run.steps[-1]))
    view = FigureView(step, check_index("member", arguments.member, len(run.configs) - 1))
    content = files.figure(run, plot, view, kind, arguments.width)
    with writing(out) as file:
        file.write(content)
    about = {"engine": engine.name, "plot": plot.name, "out": str(out)}
    return to_json(about) if arguments.json else f"{plain(plot.title)}: {out}"


def _kind(out: Path) -> str:
    kind, kinds = out.suffix.lower().removeprefix("."), formats()
    if kind not in kinds:
        absent = " (ffmpeg is not installed)" if kind in FILMED else ""
        raise StoreError(f"cannot write {out}: its name ends with {out.suffix!r}; known are {', '.join(kinds)}{absent}")
    return kind


def export(arguments: Namespace) -> str:
    """Write runs as one page."""
    out = expand_home(arguments.html)
    require_writable(out)
    (_, run), *others = read(arguments.runs)
    api.run_preset_probes(run)
    context, views, experiment = lab_view(run, arguments.member)
    content = replay(context, with_overlays(views, others), script.script(experiment))
    with writing(out) as file:
        file.write(content)
    return f"{out}: {len(content):,} bytes"


def bundle(arguments: Namespace) -> str:
    """Write all that a paper needs of runs into a folder. Raises `StoreError` for one that is not empty."""
    out = expand_home(arguments.out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise StoreError(f"{out} is there already, and no empty folder")
    runs = []
    for name, run in read(arguments.runs):
        api.run_preset_probes(run)
        context, views, experiment = lab_view(run, arguments.member)
        runs.append(Bundled(name, context.run, views, experiment))
    count = 0
    for path, content in bundled(runs, arguments.seeds, lambda text: print(text, file=sys.stderr)):
        with writing(out / path) as file:
            file.write(content)
        count += 1
    return f"{out}: {count} files"


def answers(arguments: Namespace) -> str:
    """Write an overview of the answers of students."""
    out = expand_home(arguments.html)
    content = overview([read_answers(expand_home(path)) for path in arguments.files]).encode()
    with writing(out) as file:
        file.write(content)
    return f"{out}: {len(content):,} bytes"


def read(paths: Sequence[str]) -> list[tuple[str, Run]]:
    """Read stored runs of one lab, by the names of their files. Raises `ConfigError` for runs of several labs."""
    runs = [(Path(path).stem, api.open(expand_home(path))) for path in paths]
    first = runs[0][1].engine
    for name, run in runs:
        if run.engine is not first:
            raise ConfigError(f"{name} is a run of {run.engine.name}, and the first one of {first.name}")
    return runs
