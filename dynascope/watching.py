"""Watching with a page: the page is a process of its own, which can be closed or lost while the training goes on."""

from __future__ import annotations

import atexit
import contextlib
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import engines

LAUNCH = Path(engines.__file__).parents[1] / "launch.py"


def watch(*what: Any, serve: bool = False, port: int = 0, **options: Any) -> Any:
    """Watch a training: `with watch(model, ...) as eye:` around its loop, `eye.step(step, loss=...)` in it.

    With `serve` a page shows it meanwhile, at an address that is printed, and beside the cell in a notebook, until this
    program ends; `launch.py watch FILE` shows it from anywhere else. All other options are those of `engines.watch`.
    """
    eye = engines.watch(*what, **options)
    if serve:
        show(eye.file, port)
    return eye


def show(file: Path, port: int = 0) -> str:
    """Start the page of a file in a process of its own; returns its address."""
    port = port or _free()
    words = [sys.executable, str(LAUNCH), "watch", str(file), "--port", str(port), "--no-browser"]
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    atexit.register(process.terminate)
    address = f"http://localhost:{port}/"
    if not _beside_cell(address):
        print(f"watch at {address}", flush=True)
    return address


def _free() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def _beside_cell(address: str) -> bool:
    """Show the page in a notebook's cell; returns whether there is one."""
    with contextlib.suppress(ImportError):
        from IPython import get_ipython
        from IPython.display import IFrame, display

        if hasattr(get_ipython(), "kernel"):
            display(IFrame(address, "100%", 640))
            return True
    return False
