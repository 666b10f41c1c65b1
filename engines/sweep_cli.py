"""The command that computes a sweep. The result goes to stdout, progress to stderr."""

from __future__ import annotations

import argparse
import re
import sys
from typing import TYPE_CHECKING, Any

from engines.arguments import assignment, whole
from engines.core.data.plain_json import to_json
from engines.core.protocol.errors import ConfigError, quote

if TYPE_CHECKING:
    from engines.core.sweeps.folder import Sweep


def flags(command: argparse.ArgumentParser) -> None:
    """Declare the command."""
    command.add_argument("engine", help="see `list`")
    command.add_argument("--preset", help="the experiment to start from; its members are computed at every point")
    command.add_argument(
        "--set", action="append", type=assignment, default=[], metavar="KNOB=VALUES",
        help="0.1,0.3 or 3:13 (without 13) or logspace(1e-3,1,13) or linspace(0,1,5); one value holds everywhere",
    )  # fmt: skip
    command.add_argument("--seeds", metavar="VALUES", help="values of the knob `seed`, such as 0:20")
    command.add_argument("--steps", help="how far to run; default: the preset's")
    command.add_argument(
        "--measure", action="append", default=[], metavar="MEASURE",
        help="a number kept of each member: 'first_below(loss, 1e-6)'; default: the last value of each channel",
    )  # fmt: skip
    command.add_argument("--claims", action="store_true", help="judge the claims of the preset at every point")
    command.add_argument("--keep-runs", action="store_true", help="keep everything that was recorded, too")
    command.add_argument("--out", required=True, metavar="FOLDER", help="where the sweep is kept")
    command.add_argument("--resume", action="store_true", help="go on in a folder in which some tasks are finished")
    command.add_argument("--shard", default="1/1", metavar="I/N", help="compute every N-th task only, from the I-th on")
    command.add_argument("--workers", type=whole, help="processes on this machine; default: one a core")
    command.add_argument(
        "--scheduler", default="", metavar="ADDRESS", help="compute on the workers of a Dask scheduler"
    )
    command.add_argument("--device", default="cpu", help="cpu, cuda, mps or auto; default: %(default)s")
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.add_argument("--quiet", action="store_true", help="no progress")
    command.set_defaults(act=sweep)


def sweep(arguments: argparse.Namespace) -> None:
    """Compute a sweep and say what is in its folder; an interrupt keeps what is finished."""
    from engines.cli import Progress
    from engines.core.protocol.registry import load
    from engines.core.runs.experiment import STEPS
    from engines.core.sweeps import sweep as sweeps
    from engines.core.sweeps.axes import parse_axis

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
