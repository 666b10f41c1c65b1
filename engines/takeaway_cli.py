"""Words of the commands that write what a reader takes away of recorded runs; pages carry them out."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import Any


def add(commands: Any, act: Callable[[Namespace], None]) -> None:
    """Add the commands to those of `launch.py`; `act` carries them out."""
    export = commands.add_parser("export", help="write recorded runs as one page that needs no server and no network")
    export.add_argument("--html", required=True, metavar="FILE", help="where the page is written")
    for command in (export,):
        _runs(command)
        command.set_defaults(act=act)


def _runs(command: ArgumentParser) -> None:
    command.add_argument("runs", nargs="+", metavar="RUN", help="a stored run; further ones are drawn behind the first")
    command.add_argument("--member", type=int, default=0, help="whom pictures and words are about; default: 0")
