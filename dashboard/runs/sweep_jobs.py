"""Sweeps that the page started: processes of their own, which go on when the page is closed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from engines.core.protocol.registry import PLUGINS

if TYPE_CHECKING:
    from engines.core.sweeps.folder import Sweep

FOLDER = "sweeps"
"""The folder in a library with its sweeps."""

ROOT = Path(__file__).parents[2]


@dataclass
class Job:
    """A process that computes the sweep in a folder."""

    process: subprocess.Popen[str]
    begun: float = field(default_factory=time.monotonic)
    before: int = 0
    """Tasks that were finished already when it began."""
    said: str = ""
    """Text that it wrote to stderr, once it has ended."""

    @property
    def running(self) -> bool:
        """Whether it still computes."""
        return self.process.poll() is None

    @property
    def failure(self) -> str:
        """Return why it ended before its sweep did; "" where it did not, or was asked to."""
        if self.running:
            return ""
        if self.process.stderr and not self.process.stderr.closed:
            self.said = self.process.stderr.read().strip().removeprefix("launch.py: ")
            self.process.stderr.close()
        return "" if self.process.returncode in (0, 130) else self.said


_JOBS: dict[Path, Job] = {}


def job(folder: Path) -> Job | None:
    """Return the job that this server started last in a folder."""
    return _JOBS.get(folder)


def start(folder: Path, before: int = 0) -> Job:
    """Go on with the sweep in a folder, of which `before` tasks are finished."""
    plugins = [word for directory in PLUGINS.__path__ for word in ("--plugins", directory)]
    line = [sys.executable, "-m", "launch", "sweep", "--out", str(folder), "--resume", "--quiet", *plugins]
    process = subprocess.Popen(
        line, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        start_new_session=True, env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
    )  # fmt: skip
    _JOBS[folder] = Job(process, before=before)
    return _JOBS[folder]


def cancel(folder: Path) -> None:
    """Have a sweep save what it has and end."""
    started = _JOBS.get(folder)
    if started and started.running:
        os.killpg(started.process.pid, signal.SIGINT)


@dataclass(frozen=True)
class SweepProgress:
    """How far a sweep is, in tasks."""

    done: int
    tasks: int
    running: bool
    seconds: float
    """How long it will take still; infinite where that is not known yet."""
    rate: float
    """Tasks per second."""
    failure: str


def progress(sweep: Sweep, tasks: int) -> SweepProgress:
    """Look how far a sweep is; whoever computes it, its files say so."""
    done, started = len(sweep.done()), job(sweep.folder)
    running = bool(started and started.running)
    since = time.monotonic() - started.begun if started else 0.0
    rate = (done - started.before) / since if started and since > 0 else 0.0
    seconds = (tasks - done) / rate if rate > 0 else float("inf")
    return SweepProgress(done, tasks, running, seconds, rate, started.failure if started else "")


def sweeps(library: Path) -> list[Path]:
    """List the folders of a library's sweeps, those that changed last first."""
    folders = [path.parent for path in (library / FOLDER).glob("*/sweep.json")]
    return sorted(folders, key=lambda path: path.stat().st_mtime, reverse=True)
