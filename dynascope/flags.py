"""The commands of `launch.py` and their flags: what a person may type. `launch.py` carries them out."""

from __future__ import annotations

import argparse
import re
from typing import Any, NoReturn

from engines.core.protocol.errors import in_one_line, quote, shortened

MORE = """Flags of `panel serve` about the network and about who may come in are passed on, such as --prefix,
--allow-websocket-origin, --basic-auth, --cookie-secret, --oauth-provider, --oauth-key, --ssl-certfile and
--num-threads; see `panel serve --help`."""


FILTER = "words, tag:paper, engine:NAME, preset:NAME, is:interrupted, and knobs such as 'alpha<0.1'; all must hold"

CODES = """Exit codes: 0 done, 1 what was asked for does not exist or cannot be done (one line on stderr says why), 2
the command line cannot be read, 130 interrupted: what was computed is kept."""

NAMED = "Runs are named by their id, the beginning of one, or the name that they were given."


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, and which takes flags by their whole names only."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and leave with status 2."""
        self.exit(2, f"{self.prog}: {shortened(in_one_line(message), 300)} (see {self.prog} --help)\n")


def parser() -> Parser:
    """All commands and their flags."""
    top = Parser(prog="launch.py", description="Dynascope: a live laboratory for learning dynamics")
    commands = top.add_subparsers(dest="command", required=True)
    _serve(commands.add_parser("serve", help="serve the labs to a browser"))
    _desktop(commands.add_parser("desktop", help="show the labs in a window of their own"))
    _run(commands.add_parser("run", help="simulate an ensemble without a screen"))
    _probe(commands.add_parser("probe", help="simulate, then compute an expensive observable of one member"))
    _sweep(commands.add_parser("sweep", help="compute an engine at every combination of knob values, into a folder"))
    _runs(commands.add_parser("runs", help="list, show, export, delete, tag and query stored runs"))
    _figure(commands.add_parser("figure", help="simulate, then print a plot: .pdf, .svg, .png; .gif, .mp4 of the run"))
    _export(commands.add_parser("export", help="write stored runs as one page that needs no server and no network"))
    _bundle(commands.add_parser("bundle", help="write all that a paper needs of stored runs into a folder"))
    _answers(commands.add_parser("answers", help="write an overview of the answers that students saved in lessons"))
    _watch(commands.add_parser("watch", help="show a training that `dynascope.watch` records, while it goes on"))
    _list(commands.add_parser("list", help="show engines, their presets and their knobs"))
    _bench(commands.add_parser("bench", help="measure each lab against the limit of this machine and plain loops"))
    _new(commands.add_parser("new", help="write a working engine to start from"))
    for name, command in commands.choices.items():
        if name not in ("new", "runs", "bench"):
            _plugins(command)
        if name in ("serve", "desktop", "run", "probe", "figure"):
            _subjects(command)
    commands.metavar = "command"  # all of them stand below it, and an error has no room for them twice
    return top


def _plugins(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--plugins", action="append", default=[], metavar="DIR",
        help="a folder with engines of your own, each a package that offers ENGINE, or files with models and methods "
        "of your own; their code is run",
    )  # fmt: skip


def _subjects(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--subject", action="append", default=[], metavar="MODULE:NAME", dest="subjects",
        help="a model of your own, a Subject or a function that makes one, in package.module:name; its code is run",
    )  # fmt: skip


def _serve(command: argparse.ArgumentParser) -> None:
    command.add_argument("--port", type=_port, default=5006, help="default: %(default)s; 0 takes a free one")
    command.add_argument("--address", default="localhost", help="interface to listen on; default: %(default)s")
    command.add_argument("--no-browser", dest="browser", action="store_false", help="do not open a browser")
    _device(command)
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


def _device(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--device", default="auto",
        help="what computes: auto (a GPU where there is one, and what is worth it; the default), cpu, cuda or cuda:1",
    )  # fmt: skip


def _desktop(command: argparse.ArgumentParser) -> None:
    command.add_argument("lab", nargs="?", default="", help="the lab to open; default: the gallery")
    command.add_argument("--preset", default="", help="the experiment to open the lab with")
    command.add_argument("--link", default="", metavar="LINK", help="what Copy link gave: an address or its token")
    _device(command)


def _experiment(command: argparse.ArgumentParser, optional: bool = False) -> None:
    command.epilog = CODES
    command.add_argument("engine", nargs="?" if optional else None, help="see `list`")
    command.add_argument("--preset", help="the experiment to start from")
    command.add_argument(
        "--set", action="append", type=_assignment, default=[], metavar="KNOB=V1[,V2...]",
        help="give a knob a value; several values spread into an ensemble, the product of all",
    )  # fmt: skip
    command.add_argument("--seeds", metavar="S1[,S2...]", help="values of the knob `seed`")
    command.add_argument("--steps", help="how far to run; default: the preset's")
    _device(command)
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.add_argument("--quiet", action="store_true", help="no progress: no bar in a terminal, no lines in a log")


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
    command.add_argument("engine", nargs="?", help="see `list`; without one --resume goes on with what --out holds")
    command.epilog = CODES
    command.add_argument("--sweep", metavar="NAME", help="a sweep that the engine offers; see `list`")
    command.add_argument("--small", action="store_true", help="with --sweep: its small version, of a few seconds")
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
    _device(command)
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.add_argument("--quiet", action="store_true", help="no progress: no bar in a terminal, no lines in a log")


def _runs(command: argparse.ArgumentParser) -> None:
    command.epilog = f"{NAMED} {CODES}"
    actions = command.add_subparsers(dest="action", required=True)

    def add(name: str, help: str, *words: str) -> argparse.ArgumentParser:
        made = actions.add_parser(name, help=help)
        for word in words:
            made.add_argument(word, nargs="+" if word == "names" else None, metavar=word.rstrip("s").upper())
        made.add_argument("--library", metavar="DIR", help="the folder; default: the page's own on this machine")
        made.add_argument("--json", action="store_true", help="print one JSON object")
        _plugins(made)
        return made

    listed = add("list", "list stored runs, newest first")
    listed.add_argument("filter", nargs="*", help=FILTER)
    listed.add_argument("--limit", type=_count, default=200, metavar="N", help="default: %(default)s")
    add("show", "show all that is known of a run but its recorded numbers", "name")
    exported = add("export", "write a run to a file", "name")
    exported.add_argument("--out", required=True, metavar="FILE", help=".parquet, .nc (netCDF) or .csv")
    add("delete", "delete runs; `restore` brings them back for thirty days", "names")
    add("restore", "bring back runs that were deleted", "names")
    tagged = add("tag", "add tags to a run, and take others away", "name")
    tagged.add_argument("tags", nargs="*", metavar="TAG")
    tagged.add_argument("--remove", action="append", default=[], metavar="TAG", help="take a tag away")
    add("note", "write a note about a run, in place of the one before", "name", "text")
    add("rename", "give a run a name", "name", "to")
    add("rebuild", "make the index of all runs anew")
    add("query", "answer a question about runs, members, or an engine's recorded numbers", "sql")


def _figure(command: argparse.ArgumentParser) -> None:
    _experiment(command)
    command.add_argument("--plot", metavar="NAME", help="a plot or a channel; default: the first plot")
    command.add_argument("--out", metavar="FILE", required=True, help=".pdf, .svg, .png, .gif or .mp4 (with ffmpeg)")
    command.add_argument("--width", type=float, default=7.0, help="inches: 3.5 for a column; default: %(default)s")
    command.add_argument("--member", type=_whole, default=0, help="of which member, where it shows one; default: 0")
    command.add_argument("--step", type=_whole, help="at which step, where it shows one; default: the last")


def _export(command: argparse.ArgumentParser) -> None:
    command.add_argument("runs", nargs="+", metavar="RUN", help="a stored run; further ones are drawn behind the first")
    command.add_argument("--html", required=True, metavar="FILE", help="where the page is written")
    command.add_argument("--member", type=_whole, default=0, help="whom pictures and words are about; default: 0")


def _bundle(command: argparse.ArgumentParser) -> None:
    command.add_argument("runs", nargs="+", metavar="RUN", help="a stored run; each gets a folder of its own")
    command.add_argument("--out", required=True, metavar="FOLDER", help="where it is written; empty, or not there yet")
    command.add_argument("--seeds", type=_count, default=0, metavar="N", help="judge the claims on N fresh seeds, too")
    command.add_argument("--member", type=_whole, default=0, help="whom pictures are about; default: 0")


def _answers(command: argparse.ArgumentParser) -> None:
    command.add_argument("files", nargs="+", metavar="FILE", help="what *Save my answers* saved, a file a student")
    command.add_argument("--html", required=True, metavar="FILE", help="where the page is written")


def _watch(command: argparse.ArgumentParser) -> None:
    command.add_argument("run", metavar="FILE", help="where the training stores its run; it need not be there yet")
    command.add_argument("--port", type=_port, default=5007, help="default: %(default)s; 0 takes a free one")
    command.add_argument("--address", default="localhost", help="interface to listen on; default: %(default)s")
    command.add_argument("--no-browser", dest="browser", action="store_false", help="do not open a browser")


def _list(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print one JSON object")


def _bench(command: argparse.ArgumentParser) -> None:
    command.add_argument("lab", nargs="?", help="one lab; default: all")
    command.add_argument("--device", default="cpu", help="what is measured: cpu, cuda or cuda:1; default: %(default)s")
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.set_defaults(plugins=[])


def _new(command: argparse.ArgumentParser) -> None:
    command.add_argument("what", choices=["engine"], help="what to write")
    command.add_argument("name", help="its name: small letters, digits and _")
    command.add_argument("--into", default=".", metavar="DIR", help="where its folder is made; default: here")
    command.set_defaults(plugins=[])


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
