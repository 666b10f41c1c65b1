"""Fair shares: a bounded number of compute threads serves all runners of the process in turn."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from collections import deque
from typing import Protocol

import torch

SLICE = 0.03
"""Seconds of compute that a runner gets before the next one's turn."""


PATIENCE = 10.0
"""Seconds that the end of the process waits for the turns that are being taken."""


class Worker(Protocol):
    """Something that a scheduler gives turns to."""

    def work(self, seconds: float) -> float | None:
        """Compute for about `seconds`; return the time before which there is nothing to do, None when idle."""
        ...


class Scheduler:
    """A round of workers and the threads that serve it; a worker is served by one thread at a time.

    Threads start with the first request and are daemons: they never keep a process alive.
    """

    def __init__(self, threads: int = 1) -> None:
        self._count = threads
        self._ready: deque[Worker] = deque()
        self._waiting: dict[Worker, float] = {}
        self._busy: set[Worker] = set()
        self._again: set[Worker] = set()
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._stopped = False

    def request(self, worker: Worker) -> None:
        """Put a worker in the round; asking again while it is served or waits makes it ready at once."""
        with self._changed:
            if worker in self._busy:
                self._again.add(worker)
            elif worker not in self._ready:
                self._waiting.pop(worker, None)
                self._ready.append(worker)
            self._start()
            self._changed.notify()

    def active(self) -> int:
        """Count the workers that are served, ready or waiting for their time."""
        with self._changed:
            return len(self._busy) + len(self._ready) + len(self._waiting)

    def stop(self) -> None:
        """Let the turns that are being taken end, and begin no other, for good."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _start(self) -> None:
        if not (self._threads or self._stopped):
            names = [f"compute-{index}" for index in range(self._count)]
            self._threads = [threading.Thread(target=self._serve, name=name, daemon=True) for name in names]
            for thread in self._threads:
                thread.start()

    def _serve(self) -> None:
        while worker := self._take():
            until = self._turn(worker)
            with self._changed:
                self._busy.discard(worker)
                self._file(worker, until)

    @staticmethod
    def _turn(worker: Worker) -> float | None:
        try:
            return worker.work(SLICE)
        except BaseException:  # one worker's failure must not end the thread that serves the others
            logging.getLogger(__name__).exception("a worker failed and leaves the round")
            return None

    def _file(self, worker: Worker, until: float | None) -> None:
        if worker in self._again or (until is not None and until <= time.monotonic()):
            self._again.discard(worker)
            self._ready.append(worker)
        elif until is not None:
            self._waiting[worker] = until

    def _take(self) -> Worker | None:
        with self._changed:
            while not (self._stopped or self._wake() or self._ready):
                self._changed.wait(self._pause())
            if self._stopped:
                return None
            worker = self._ready.popleft()
            self._busy.add(worker)
            return worker

    def _wake(self) -> bool:
        now = time.monotonic()
        due = [worker for worker, until in self._waiting.items() if until <= now]
        for worker in due:
            del self._waiting[worker]
            self._ready.append(worker)
        return bool(due)

    def _pause(self) -> float | None:
        return max(0.0, min(self._waiting.values()) - time.monotonic()) if self._waiting else None


def _shared() -> Scheduler:
    # One core stays free for the event loop and the browser; torch's own threads would take it.
    torch.set_num_threads(max(1, (os.cpu_count() or 2) - 1))
    scheduler = Scheduler(threads=1)
    atexit.register(scheduler.stop)  # an interpreter that ends while a thread is inside torch aborts
    return scheduler


_SHARED: list[Scheduler] = []


def shared() -> Scheduler:
    """Return the process's scheduler, made on first use; it sets torch's thread count once."""
    if not _SHARED:
        _SHARED.append(_shared())
    return _SHARED[0]
