"""The command `sweep`. The result goes to stdout, progress to stderr."""

from __future__ import annotations

import re
import sys
from argparse import Namespace
from typing import Any

from engines.core.commands.terminal import ProgressBar, verdict_line
from engines.core.data.plain_json import to_json
from engines.core.protocol.errors import ConfigError, quote
from engines.core.protocol.registry import load
from engines.core.runs.experiment import STEPS
from engines.core.sweeps import sweep as sweeps
from engines.core.sweeps.axes import parse_axes, parse_axis
from engines.core.sweeps.folder import Sweep


def sweep(arguments: Namespace) -> None:
    """Compute a sweep and say what is in its folder; an interrupt keeps what is finished."""
    how: dict[str, Any] = {
        "shard": _shard(arguments.shard),
        "workers": arguments.workers,
        "scheduler": arguments.scheduler,
        "device": arguments.device,
        "progress": ProgressBar("point", arguments.quiet),
    }
    try:
        if not arguments.engine:
            result = sweeps.go_on(_folder_to_resume(arguments), **how)
        else:
            result = sweeps.sweep(arguments.engine, **_described(arguments), **how)
    except KeyboardInterrupt:
        print(f"interrupted; go on with the same command and --resume ({arguments.out})", file=sys.stderr)
        raise
    _report(result, arguments.json)


def _folder_to_resume(arguments: Namespace) -> str:
    """Return the folder of the sweep that goes on. Raises `ConfigError` where a new one is described by halves."""
    said = (arguments.sweep, arguments.preset, arguments.set, arguments.seeds, arguments.steps, arguments.measure)
    if not arguments.resume or any(said):
        raise ConfigError("name the engine; without one, --resume goes on with the sweep in --out and nothing else")
    return arguments.out


def _described(arguments: Namespace) -> dict[str, Any]:
    engine = load(arguments.engine)
    return {
        "preset": arguments.preset,
        "set": parse_axes(engine, arguments.set),
        "seeds": None if arguments.seeds is None else parse_axis(engine.Config.knob("seed"), arguments.seeds),
        "steps": None if arguments.steps is None else STEPS.parse(arguments.steps),
        "out": arguments.out,
        "named": arguments.sweep or "",
        "small": arguments.small,
        "measures": arguments.measure,
        "judged": arguments.claims,
        "keep_runs": arguments.keep_runs,
        "resume": arguments.resume,
    }


def _shard(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
    if not match:
        raise ConfigError(f"shard={quote(text)} is not of the form I/N, such as 2/8")
    return int(match[1]), int(match[2])


def _report(result: Sweep, as_json: bool) -> None:
    rows = result.table()
    about = {
        "folder": str(result.folder),
        "points": len(result.plan),
        "members": len(rows),
        "refused": sum(reason != "" for reason in rows["refused"]),
        "measures": [measure.text for measure in result.plan.measures],
    }
    verdicts = [verdict.to_dict() for verdict in result.judge()]
    about |= {"verdicts": verdicts} if result.named else {}
    if as_json:
        return print(to_json(about))
    print(f"{result.folder}: {about['members']:,} members at {about['points']:,} points", end="")
    print(f", {about['refused']:,} of them refused" if about["refused"] else "")
    for verdict in verdicts:
        print(verdict_line(verdict))
    print(f'Read it:  engines.open("{result.folder}").to_xarray()')
