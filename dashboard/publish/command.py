"""The command `launch.py figure`: a run is computed and one plot of it printed, without a page."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from dashboard.publish import files
from dashboard.publish.figure import find_plot
from dashboard.publish.look import FILMED, View, formats
from dashboard.ui.notation import plain
from engines import cli, load
from engines.core.data.plain_json import to_json
from engines.core.files import store
from engines.core.protocol.config import check_index
from engines.core.protocol.errors import ConfigError, StoreError
from engines.core.protocol.paths import expand_home

NARROW, WIDE = 2.0, 30.0
"""Widths in inches that a figure with 9 pt type may have."""


def figure(arguments: Namespace) -> str:
    """Simulate, write the figure and name it; what can be wrong with the words is found before."""
    out, engine = expand_home(arguments.out), load(arguments.engine)
    plot = find_plot(engine, arguments.plot) if arguments.plot else engine.plots[0]
    kind = _kind(out)
    if not NARROW <= arguments.width <= WIDE:
        raise ConfigError(f"--width={arguments.width:g} is outside its bounds, {NARROW:g} to {WIDE:g} inches")
    run = cli.compute(arguments)
    step = None if arguments.step is None else check_index("step", arguments.step, int(run.steps[-1]))
    view = View(step, check_index("member", arguments.member, len(run.configs) - 1))
    content = files.figure(run, plot, view, kind, arguments.width)
    with store.writing(out) as file:
        file.write(content)
    about = {"engine": engine.name, "plot": plot.name, "out": str(out)}
    return to_json(about) if arguments.json else f"{plain(plot.title)}: {out}"


def _kind(out: Path) -> str:
    kind, known = out.suffix.lower().removeprefix("."), formats()
    if kind not in known:
        absent = " (ffmpeg is not installed)" if kind in FILMED else ""
        raise StoreError(f"cannot write {out}: its name ends with {out.suffix!r}; known are {', '.join(known)}{absent}")
    return kind
