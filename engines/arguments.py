"""Flags that several commands share, and what a person may write after them. Nothing heavy is imported."""

from __future__ import annotations

import argparse
import re

from engines.core.protocol.errors import quote


def plugins_flag(command: argparse.ArgumentParser) -> None:
    """Add the flag that finds more engines."""
    command.add_argument(
        "--plugins", action="append", default=[], metavar="DIR",
        help="a folder with engines of your own, each a package that offers ENGINE; their code is run",
    )  # fmt: skip


def assignment(text: str) -> tuple[str, str]:
    """Read `name=value`."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{quote(text)} is not of the form name=value")
    return name.strip(), value


def amount(text: str) -> float:
    """Read a number from 0 on."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 on")
    return value


def count(text: str) -> int:
    """Read a whole number from 0 on."""
    if (value := whole(text)) < 0:
        raise argparse.ArgumentTypeError(f"{value} is below 0")
    return value


def port(text: str) -> int:
    """Read the number of a port."""
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{quote(text)} is not a port between 0 and 65535")
    return int(text)


def whole(text: str) -> int:
    """Read a whole number."""
    if not re.fullmatch(r"-?[0-9]{1,18}", text):
        raise argparse.ArgumentTypeError(f"{quote(text)} is not a whole number")
    return int(text)
