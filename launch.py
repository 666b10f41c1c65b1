"""Dynascope's one entry: serve the laboratory, show it in a window, or run an experiment without a screen.

Nothing heavy is imported before it is needed, so that `--help` answers at once.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import parse_qs, urlencode, urlsplit

from dynascope.flags import Parser, parser
from engines.core.protocol.errors import DynascopeError, quote, shortened
from engines.core.protocol.paths import expand_home

INTERRUPTED = 130


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
    from dashboard.server import response_headers, visitors
    from engines.core.live.limits import LIMITS

    response_headers.allow_frames(arguments.frame)
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
    if arguments.device in ("auto", "cpu"):  # asking costs an import of torch
        return arguments.device
    from engines.core.compute.device import resolve

    return str(resolve(arguments.device))


def headless(arguments: argparse.Namespace) -> None:
    """Carry out `run`, `probe` or `list`."""
    from engines.core.commands import catalogue, run

    if arguments.command == "run":
        _check_resume(arguments)
        signal.signal(signal.SIGTERM, _interrupt)  # a cluster that ends a job saves what was computed, as Ctrl-C does
    with redirect_stdout(sys.stderr):  # what the code of an engine prints is no part of the result
        text = {"run": run.run, "probe": run.probe, "list": catalogue.catalogue}[arguments.command](arguments)
    print(text)


def sweep(arguments: argparse.Namespace) -> None:
    """Compute a sweep into a folder."""
    from engines.core.commands import sweep

    sweep.sweep(arguments)


def _interrupt(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def take_away(arguments: argparse.Namespace) -> None:
    """Write what a reader takes away: a plot of a run, stored runs as a page or a bundle, what a class answered."""
    os.environ["MPLBACKEND"] = "agg"  # nothing is shown
    from dashboard.publish import commands

    with redirect_stdout(sys.stderr):
        text = getattr(commands, arguments.command)(arguments)
    print(text)


def watch(arguments: argparse.Namespace) -> None:
    """Show a watched training until interrupted."""
    from dashboard import watching

    watching.serve(expand_home(arguments.run), arguments.port, arguments.address, arguments.browser)


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


def runs(arguments: argparse.Namespace) -> None:
    """Answer about stored runs, or change what is said of them."""
    from engines.core.commands import stored_runs

    stored_runs.carry_out(arguments)


def bench(arguments: argparse.Namespace) -> None:
    """Measure the labs on this machine."""
    try:
        from benchmarks import bench as measured
    except ImportError as error:
        raise DynascopeError(f"bench: the benchmarks come with the source alone ({error})") from error
    print(measured.main(arguments.lab, arguments.device, arguments.json), end="\n" if arguments.json else "")


ACTS = {
    "serve": serve, "desktop": desktop, "run": headless, "probe": headless, "list": headless, "figure": take_away,
    "sweep": sweep, "runs": runs, "export": take_away, "bundle": take_away, "answers": take_away, "watch": watch,
    "bench": bench, "new": new,
}  # fmt: skip
"""The function that carries out each command."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status. What a person got wrong is one line on stderr."""
    commands = parser()
    chosen, chosen.panel_options = commands.parse_known_args(arguments)
    if chosen.panel_options and chosen.command != "serve":
        commands.error(f"unrecognized arguments: {' '.join(chosen.panel_options)}")
    try:
        for folder in chosen.plugins:
            from engines.core.protocol.registry import add_plugins

            add_plugins(folder)
        for text in getattr(chosen, "subjects", ()):
            from engines.core.subjects import named_subjects

            sys.path[:0] = [""] if "" not in sys.path else []  # as `python -m` finds what lies here
            named_subjects.register_named(text)
        ACTS[chosen.command](chosen)
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
