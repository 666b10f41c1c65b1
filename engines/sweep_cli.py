"""The command that computes a sweep. The result goes to stdout, progress to stderr."""

from __future__ import annotations

import re
import sys
from argparse import Namespace
from typing import Any

from engines.cli import Progress
from engines.core.data.plain_json import to_json
from engines.core.protocol.errors import ConfigError, quote
from engines.core.protocol.registry import load
from engines.core.runs.experiment import STEPS
from engines.core.sweeps import sweep as sweeps
from engines.core.sweeps.axes import parse_axis
from engines.core.sweeps.folder import Sweep


def sweep(arguments: Namespace) -> None:
    """Compute a sweep and say what is in its folder; an interrupt keeps what is finished."""
    engine = load(arguments.engine)
    axes: dict[str, Any] = {}
    for name, text in arguments.set:
        values = parse_axis(engine.Config.knob(name), text)
        axes[name] = values if len(values) > 1 else values[0]
    seeds = None if arguments.seeds is None else parse_axis(engine.Config.knob("seed"), arguments.seeds)
    try:
        result = sweeps.sweep(
            arguments.engine,
            arguments.preset,
            axes,
            seeds,
            None if arguments.steps is None else STEPS.parse(arguments.steps),
            out=arguments.out,
            measures=arguments.measure,
            judged=arguments.claims,
            keep_runs=arguments.keep_runs,
            resume=arguments.resume,
            shard=_shard(arguments.shard),
            workers=_workers(arguments.workers),
            scheduler=arguments.scheduler,
            device=arguments.device,
            progress=Progress("point", arguments.quiet),
        )
    except KeyboardInterrupt:
        print(f"interrupted; go on with the same command and --resume ({arguments.out})", file=sys.stderr)
        raise
    _report(result, arguments.json)


def _shard(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
    if not match:
        raise ConfigError(f"shard={quote(text)} is not of the form I/N, such as 2/8")
    return int(match[1]), int(match[2])


def _workers(count: int | None) -> int | None:
    if count is not None and not 1 <= count <= 1024:
        raise ConfigError(f"workers={count} is outside its bounds [1, 1024]")
    return count


def _report(result: Sweep, as_json: bool) -> None:
    rows = result.table()
    about = {
        "folder": str(result.folder),
        "points": len(result.plan),
        "members": len(rows),
        "refused": sum(reason != "" for reason in rows["refused"]),
        "measures": [measure.text for measure in result.plan.measures],
    }
    if as_json:
        return print(to_json(about))
    print(f"{result.folder}: {about['members']:,} members at {about['points']:,} points", end="")
    print(f", {about['refused']:,} of them refused" if about["refused"] else "")
    print(f'Read it:  engines.Sweep("{result.folder}").to_xarray()')
