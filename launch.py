"""Dynascope's one entry: serve the laboratory, show it in a window, or run an experiment without a screen.

Nothing heavy is imported before it is needed, so that `--help` answers at once.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import signal
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import parse_qs, urlencode, urlsplit

from engines import takeaway_cli
from engines.core.protocol.errors import DynascopeError, in_one_line, quote, shortened
from engines.core.protocol.paths import expand_home

INTERRUPTED = 130

MORE = """Flags of `panel serve` about the network and about who may come in are passed on, such as --prefix,
--allow-websocket-origin, --basic-auth, --cookie-secret, --oauth-provider, --oauth-key, --ssl-certfile and
--num-threads; see `panel serve --help`."""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, and which takes flags by their whole names only."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and leave with status 2."""
        self.exit(2, f"{self.prog}: {shortened(in_one_line(message), 200)} (see {self.prog} --help)\n")


def serve(arguments: argparse.Namespace) -> None:
    """Serve the gallery and every lab until interrupted."""
    if arguments.lessons is not None:
        os.environ["DYNASCOPE_LESSONS"] = str(_folder("--lessons", arguments.lessons))
    if arguments.library is not None:
        os.environ["DYNASCOPE_LIBRARY"] = str(expand_home(arguments.library))
    if arguments.uploads:
        os.environ["DYNASCOPE_UPLOADS"] = arguments.uploads
    from dashboard import app

    _limit(arguments)
    options = _panels(arguments.panel_options) if arguments.panel_options else {}
    if "ssl_certfile" in options:  # Panel would print and open an address without https
        where = f"https://{arguments.address}:{arguments.port}/{options.get('prefix', '')}"
        print(f"Launching server at {where}", flush=True)
        arguments.browser = options["verbose"] = False
    try:
        app.serve(arguments.port, arguments.address, arguments.browser, _device(arguments), **options)
    except OSError as error:
        where = f"{arguments.address}:{arguments.port}"
        raise DynascopeError(f"cannot serve at {where}: {error.strerror or error}") from error


def _limit(arguments: argparse.Namespace) -> None:
    from dashboard.server import answers, visitors
    from engines.core.live.limits import LIMITS

    answers.allow_frames(arguments.frame)
    visitors.QUEUE.places = arguments.sessions
    LIMITS.memory, LIMITS.step = int(arguments.memory * 2**30), arguments.step
    LIMITS.runs, LIMITS.idle = arguments.runs, 60 * arguments.idle


def _folder(flag: str, given: str) -> Path:
    path = expand_home(given)
    if not path.is_dir():
        raise DynascopeError(f"{flag} {quote(given)}: there is no such folder")
    return path


def _panels(words: Sequence[str]) -> dict[str, Any]:
    from dashboard.server import serve_options

    return serve_options.options(Parser(prog="launch.py serve", add_help=False), words)


def desktop(arguments: argparse.Namespace) -> None:
    """Show the gallery, or one lab, in a window of its own until it is closed."""
    from engines import load

    token = parse_qs(urlsplit(arguments.link).query).get("s", [arguments.link])[0]
    chosen = {"preset": arguments.preset, "s": token}
    if arguments.lab:
        engine = load(arguments.lab)
        if arguments.preset:
            engine.preset(arguments.preset)
    from dashboard import desktop

    query = urlencode({name: value for name, value in chosen.items() if value})
    desktop.launch(f"/{arguments.lab}" + (f"?{query}" if query else ""), _device(arguments))


def _device(arguments: argparse.Namespace) -> str:
    if arguments.device == "cpu":  # asking costs an import of torch
        return "cpu"
    from engines.core.compute.device import resolve

    return str(resolve(arguments.device))


def headless(arguments: argparse.Namespace) -> None:
    """Carry out `run`, `probe` or `list`."""
    from engines import cli

    if arguments.command == "run":
        _check_resume(arguments)
        signal.signal(signal.SIGTERM, _interrupt)  # a cluster that ends a job saves what was computed, as Ctrl-C does
    with redirect_stdout(sys.stderr):  # what the code of an engine prints is no part of the result
        text = {"run": cli.run, "probe": cli.probe, "list": cli.catalogue}[arguments.command](arguments)
    print(text)


def sweep(arguments: argparse.Namespace) -> None:
    """Compute a sweep into a folder."""
    from engines import sweep_cli

    sweep_cli.sweep(arguments)


def _interrupt(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def figure(arguments: argparse.Namespace) -> None:
    """Simulate, and print one plot of the run, or the run as a movie of it."""
    os.environ["MPLBACKEND"] = "agg"  # nothing is shown
    from dashboard.publish import command

    with redirect_stdout(sys.stderr):
        text = command.figure(arguments)
    print(text)


def take_away(arguments: argparse.Namespace) -> None:
    """Carry out `export`."""
    os.environ["MPLBACKEND"] = "agg"
    from dashboard.publish import commands

    with redirect_stdout(sys.stderr):
        text = getattr(commands, arguments.command)(arguments)
    print(text)


def new(arguments: argparse.Namespace) -> None:
    """Write the folder of a working engine and say how it is opened and tested."""
    import engines
    from dynascope.new_engine import write

    folder = write(arguments.name, arguments.into)
    built_in = str(folder.parent.resolve()) in engines.__path__  # found without being told where
    flag = "" if built_in else f" --plugins {shlex.quote(str(folder.parent))}"
    print(
        f"{folder} is an engine. Open it:  python launch.py serve{flag}\n"
        f"Test it:  python -m pytest -p dynascope.contract --engine {arguments.name}{flag}\n"
        f"Its own tests:  python -m pytest {shlex.quote(str(folder))}"
    )


def _check_resume(arguments: argparse.Namespace) -> None:
    """A run is either described or resumed."""
    program = Parser(prog="launch.py run")
    if not (arguments.engine or arguments.resume):
        program.error("the following arguments are required: engine")
    said = {
        "an engine": arguments.engine,
        "--preset": arguments.preset,
        "--set": arguments.set,
        "--seeds": arguments.seeds,
    }
    surplus = [name for name, value in said.items() if value]
    if arguments.resume and surplus:
        program.error(f"--resume goes on with what the file holds: leave out {', '.join(surplus)}")


def parser() -> Parser:
    """All commands and their flags."""
    top = Parser(prog="launch.py", description="Dynascope: a live laboratory for learning dynamics")
    every = "serve | desktop | run | probe | figure | sweep | export | list | new"
    commands = top.add_subparsers(dest="command", required=True, metavar=every)
    _serve(commands.add_parser("serve", help="serve the labs to a browser"))
    _desktop(commands.add_parser("desktop", help="show the labs in a window of their own"))
    _run(commands.add_parser("run", help="simulate an ensemble without a screen"))
    _probe(commands.add_parser("probe", help="simulate, then compute an expensive observable of one member"))
    _sweep(commands.add_parser("sweep", help="compute an engine at every combination of knob values, into a folder"))
    _figure(commands.add_parser("figure", help="simulate, then print a plot: .pdf, .svg, .png; .gif, .mp4 of the run"))
    takeaway_cli.add(commands, take_away)
    _list(commands.add_parser("list", help="show engines, their presets and their knobs"))
    _new(commands.add_parser("new", help="write a working engine to start from"))
    for name, command in commands.choices.items():
        if name != "new":
            command.add_argument(
                "--plugins", action="append", default=[], metavar="DIR",
                help="a folder with engines of your own, each a package that offers ENGINE; their code is run",
            )  # fmt: skip
    return top


def _serve(command: argparse.ArgumentParser) -> None:
    command.add_argument("--port", type=_port, default=5006, help="default: %(default)s; 0 takes a free one")
    command.add_argument("--address", default="localhost", help="interface to listen on; default: %(default)s")
    command.add_argument("--no-browser", dest="browser", action="store_false", help="do not open a browser")
    command.add_argument("--device", default="cpu", help="what runs are computed on: auto, cpu, cuda or mps")
    command.add_argument("--lessons", metavar="DIR", help="a folder with lessons of your own")
    command.add_argument("--library", metavar="DIR", help="where runs are kept; on localhost by default with your data")
    limits = command.add_argument_group("limits on what visitors may have computed; 0 is none")
    limits.add_argument("--memory", type=_amount, default=0, metavar="GIB", help="of all runs; default: half of it all")
    limits.add_argument("--step", type=_amount, default=60, metavar="SECONDS", help="a step may take; default: 60")
    limits.add_argument("--runs", type=_count, default=0, metavar="N", help="runs that may be open at a time")
    limits.add_argument("--sessions", type=_count, default=0, metavar="N", help="pages open at a time; others wait")
    limits.add_argument("--idle", type=_amount, default=0, metavar="MINUTES", help="until an untouched page rests")
    command.add_argument("--frame", action="append", default=[], metavar="ORIGIN", help="whose pages may frame ours")
    command.add_argument(
        "--uploads", choices=["yes", "no"], help="whether readers may bring files; default: yes on localhost alone"
    )
    command.epilog = MORE
    command.set_defaults(act=serve)


def _desktop(command: argparse.ArgumentParser) -> None:
    command.add_argument("lab", nargs="?", default="", help="the lab to open; default: the gallery")
    command.add_argument("--preset", default="", help="the experiment to open the lab with")
    command.add_argument("--link", default="", metavar="LINK", help="what Copy link gave: an address or its token")
    command.add_argument("--device", default="cpu", help="what runs are computed on: auto, cpu, cuda or mps")
    command.set_defaults(act=desktop)


def _experiment(command: argparse.ArgumentParser, optional: bool = False) -> None:
    command.add_argument("engine", nargs="?" if optional else None, help="see `list`")
    command.add_argument("--preset", help="the experiment to start from")
    command.add_argument(
        "--set", action="append", type=_assignment, default=[], metavar="KNOB=V1[,V2...]",
        help="give a knob a value; several values spread into an ensemble, the product of all",
    )  # fmt: skip
    command.add_argument("--seeds", metavar="S1[,S2...]", help="values of the knob `seed`")
    command.add_argument("--steps", help="how far to run; default: the preset's")
    command.add_argument("--device", default="cpu", help="cpu, cuda, mps or auto; default: %(default)s")
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.add_argument("--quiet", action="store_true", help="no progress bar; logs never get one")
    command.set_defaults(act=headless)


def _run(command: argparse.ArgumentParser) -> None:
    _experiment(command, optional=True)
    command.add_argument("--resume", metavar="FILE", help="go on with a stored run, up to --steps")
    command.add_argument(
        "--out", metavar="FILE", help="write everything recorded to a file: .parquet, .nc (netCDF) or .csv"
    )


def _probe(command: argparse.ArgumentParser) -> None:
    _experiment(command)
    command.add_argument("probe", help="what to compute; see `list`")
    command.add_argument("--member", type=_whole, default=0, help="of which member; default: %(default)s")
    command.add_argument("--step", type=_whole, help="at which step; default: the last")
    command.add_argument(
        "--option", action="append", type=_assignment, default=[], metavar="NAME=VALUE",
        help="an option of the probe; see `list`",
    )  # fmt: skip
    command.add_argument("--out", metavar="FILE", help="write the JSON object to a file")


def _sweep(command: argparse.ArgumentParser) -> None:
    command.add_argument("engine", help="see `list`")
    command.add_argument("--preset", help="the experiment to start from; its members are computed at every point")
    command.add_argument(
        "--set", action="append", type=_assignment, default=[], metavar="KNOB=VALUES",
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
    command.add_argument("--workers", type=_whole, help="processes on this machine; default: one a core")
    command.add_argument(
        "--scheduler", default="", metavar="ADDRESS", help="compute on the workers of a Dask scheduler"
    )
    command.add_argument("--device", default="cpu", help="cpu, cuda, mps or auto; default: %(default)s")
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.add_argument("--quiet", action="store_true", help="no progress")
    command.set_defaults(act=sweep)


def _figure(command: argparse.ArgumentParser) -> None:
    _experiment(command)
    command.add_argument("--plot", metavar="NAME", help="a plot or a channel; default: the first plot")
    command.add_argument("--out", metavar="FILE", required=True, help=".pdf, .svg, .png, .gif or .mp4 (with ffmpeg)")
    command.add_argument("--width", type=float, default=7.0, help="inches: 3.5 for a column; default: %(default)s")
    command.add_argument("--member", type=_whole, default=0, help="of which member, where it shows one; default: 0")
    command.add_argument("--step", type=_whole, help="at which step, where it shows one; default: the last")
    command.set_defaults(act=figure)


def _list(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.set_defaults(act=headless)


def _new(command: argparse.ArgumentParser) -> None:
    command.add_argument("what", choices=["engine"], help="what to write")
    command.add_argument("name", help="its name: small letters, digits and _")
    command.add_argument("--into", default=".", metavar="DIR", help="where its folder is made; default: here")
    command.set_defaults(act=new, plugins=[])


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{quote(text)} is not of the form name=value")
    return name.strip(), value


def _amount(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 on")
    return value


def _count(text: str) -> int:
    if (value := _whole(text)) < 0:
        raise argparse.ArgumentTypeError(f"{value} is below 0")
    return value


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{quote(text)} is not a port between 0 and 65535")
    return int(text)


def _whole(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,18}", text):
        raise argparse.ArgumentTypeError(f"{quote(text)} is not a whole number")
    return int(text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status. What a person got wrong is one line on stderr."""
    commands = parser()
    chosen, chosen.panel_options = commands.parse_known_args(arguments)
    if chosen.panel_options and chosen.act is not serve:
        commands.error(f"unrecognized arguments: {' '.join(chosen.panel_options)}")
    try:
        for folder in chosen.plugins:
            from engines.core.protocol.registry import add_plugins

            add_plugins(folder)
        chosen.act(chosen)
    except DynascopeError as error:
        print(shortened(f"launch.py: {error}"), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe has seen enough; nothing more may be flushed to it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
