"""Fair shares: a bounded number of compute threads serves all runners of the process in turn.

Runners take turns of a `SLICE`, and the next turn is of whoever has had least of the processor. A step cannot be cut,
so that a turn may last much longer: above `LONG` it is set apart. Another thread takes over the round, and from then on
that runner is served beside it, by one thread of low priority for all runners of this kind, until one of its turns is
short again.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol
from weakref import WeakKeyDictionary, WeakSet

import torch

SLICE = 0.03
"""Seconds of compute that a runner gets before the next one's turn."""

LEAST = 0.001
"""Seconds that a turn counts for at least: to change from one to another takes time, too."""

LONG = 0.25
"""Seconds after which a turn no longer holds up the others."""

HANGING = 2.0
"""Seconds after which a turn counts as long, though the processor spent less than `LONG` on it."""

MOST_APART = 4
"""Turns that are set apart at once; until one ends, runners that were never served wait beside the round."""

LOW = 10
"""How far the priority of a turn that is set apart is lowered (`nice`), where the system can do that for a thread."""

SWITCH = 0.0005
"""Seconds after which Python takes the interpreter from one thread for another, by default ten times as many.

A step of PyTorch gives the interpreter away at each call. Beside an event loop that is busy it would have to wait for
as long each time to get it back.
"""

PATIENCE = 10.0
"""Seconds that the end of the process waits for the turns that are being taken."""


class Worker(Protocol):
    """Something that a scheduler gives turns to."""

    def work(self, seconds: float) -> float | None:
        """Compute for about `seconds`; return the time before which there is nothing to do, None when idle."""
        ...


@dataclass(eq=False)
class WorkerQueue:
    """A queue of workers that are ready, and the threads that serve it."""

    name: str
    ready: deque[Worker] = field(default_factory=deque)
    threads: set[threading.Thread] = field(default_factory=set)


@dataclass(frozen=True)
class Turn:
    """A turn that is being taken."""

    worker: Worker
    thread: threading.Thread
    lane: WorkerQueue
    begun: float


class Scheduler:
    """The round of workers and the threads that serve it; a worker is served by one thread at a time.

    Threads start with the first request and are daemons: they never keep a process alive.
    """

    def __init__(self, threads: int = 1, most_apart: int = MOST_APART) -> None:
        """Serve `threads` workers at a time, and beside them up to `most_apart` whose turns last too long."""
        self._count, self._most_apart = threads, most_apart
        self._round, self._apart = WorkerQueue("compute"), WorkerQueue("compute-apart")
        self._waiting: dict[Worker, float] = {}
        self._turns: dict[Worker, Turn] = {}
        self._again: set[Worker] = set()
        self._short: WeakSet[Worker] = WeakSet()
        """Workers whose last turn was short."""
        self._long: WeakSet[Worker] = WeakSet()
        self._spent: WeakKeyDictionary[Worker, float] = WeakKeyDictionary()
        """Seconds of the processor that each worker has had."""
        self._least = 0.0
        """How many the one had that was served last: who rested meanwhile has no claim to the time before."""
        self._changed = threading.Condition()
        self._watcher: threading.Thread | None = None
        self._stopped = False

    def request(self, worker: Worker) -> None:
        """Put a worker in the round; asking again while it is served or waits makes it ready at once."""
        with self._changed:
            if worker in self._turns:
                self._again.add(worker)
            elif worker not in self._round.ready and worker not in self._apart.ready:
                self._waiting.pop(worker, None)
                self._put(worker)
            self._start()
            self._changed.notify_all()

    def active(self) -> int:
        """Count the workers that are served, ready or waiting for their time."""
        with self._changed:
            return len(self._turns) + len(self._round.ready) + len(self._apart.ready) + len(self._waiting)

    def stop(self) -> None:
        """Let the turns that are being taken end, and begin no other, for good."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
            threads = {*self._threads(), *filter(None, [self._watcher])}
        end = time.monotonic() + PATIENCE
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))

    # -- threads ---------------------------------------------------------------------------------------------

    def _threads(self) -> set[threading.Thread]:
        """Threads that are in a lane, or end their turn outside of one."""
        return self._round.threads | self._apart.threads | {turn.thread for turn in self._turns.values()}

    def _start(self) -> None:
        """Start the threads that are missing: those of the round, one for turns set apart, one that watches."""
        if self._stopped:
            return
        while len(self._round.threads) < self._count:
            self._add(self._round)
        if self._apart.ready and not self._apart.threads:
            self._add(self._apart)
        if self._watcher is None:
            self._watcher = threading.Thread(target=self._watch, name="compute-watch", daemon=True)
            self._watcher.start()

    def _add(self, lane: WorkerQueue) -> None:
        thread = threading.Thread(target=self._serve, args=(lane,), name=lane.name, daemon=True)
        lane.threads.add(thread)
        thread.start()

    def _serve(self, lane: WorkerQueue) -> None:
        me = threading.current_thread()
        if lane is self._apart:
            _lower(me)
        while self._serve_next(lane, me):
            pass

    def _serve_next(self, lane: WorkerQueue, thread: threading.Thread) -> bool:
        """Serve whoever comes next; returns whether there is more to do. No worker is held while a thread waits."""
        turn = self._take(lane, thread)
        if turn:
            before = time.thread_time()
            until = self._turn(turn.worker)
            self._end(turn, until, time.thread_time() - before)
        return turn is not None

    @staticmethod
    def _turn(worker: Worker) -> float | None:
        try:
            return worker.work(SLICE)
        except BaseException:  # one worker's failure must not end the thread that serves the others
            logging.getLogger(__name__).exception("a worker failed and leaves the round")
            return None

    def _watch(self) -> None:
        """Set turns apart that last too long."""
        while not self._stopped:
            with self._changed:
                if not self._turns:
                    self._changed.wait()
                self._set_long_turns_apart()
            time.sleep(LONG / 4)

    def _set_long_turns_apart(self) -> None:
        for turn in list(self._turns.values()):
            if turn.lane is self._round and time.monotonic() - turn.begun > LONG:
                self._set_apart(turn)

    def _set_apart(self, turn: Turn) -> None:
        if turn.thread not in self._round.threads or self._count_apart() >= self._most_apart:
            return
        self._round.threads.discard(turn.thread)
        _lower(turn.thread)
        self._start()

    def _count_apart(self) -> int:
        """Count the turns that go on beside the round, though their thread belonged to it."""
        return sum(turn.thread not in turn.lane.threads for turn in self._turns.values())

    # -- turns, under the lock ---------------------------------------------------------------------------------

    def _put(self, worker: Worker) -> None:
        """Put a worker that is ready in its lane."""
        self._spent[worker] = max(self._spent.get(worker, 0.0), self._least)
        (self._apart if self._belongs_apart(worker) else self._round).ready.append(worker)

    def _belongs_apart(self, worker: Worker) -> bool:
        full = self._count_apart() >= self._most_apart and worker not in self._short
        return self._most_apart > 0 and (full or worker in self._long)

    def _take(self, lane: WorkerQueue, thread: threading.Thread) -> Turn | None:
        """Wait for the next turn of a thread; None where it has to end."""
        with self._changed:
            while thread in lane.threads and not self._stopped:
                self._wake()
                self._return_excess()
                if lane.ready:
                    turn = Turn(self._next(lane), thread, lane, time.monotonic())
                    self._turns[turn.worker] = turn
                    if len(self._turns) == 1:
                        self._changed.notify_all()  # the watcher
                    return turn
                if lane is self._apart:
                    break
                self._changed.wait(self._pause())
            lane.threads.discard(thread)
            return None

    def _return_excess(self) -> None:
        """Move those out of the round that came while there was room to set them apart, and now there is none."""
        for worker in filter(self._belongs_apart, tuple(self._round.ready)):
            self._round.ready.remove(worker)
            self._apart.ready.append(worker)
            self._start()

    def _next(self, lane: WorkerQueue) -> Worker:
        """Take the worker that has had least, of several the one that waits longest."""
        worker = min(lane.ready, key=self._spent.__getitem__)
        lane.ready.remove(worker)
        if lane is self._round:
            self._least = max(self._least, self._spent[worker])
        return worker

    def _end(self, turn: Turn, until: float | None, spent: float) -> None:
        """Put a worker where it belongs after its turn, and charge the `spent` seconds of the processor."""
        with self._changed:
            worker = turn.worker
            del self._turns[worker]
            # A thread that had to wait for its core may have been short all the same.
            short = spent <= LONG and time.monotonic() - turn.begun <= HANGING
            (self._short if short else self._long).add(worker)
            (self._long if short else self._short).discard(worker)
            # Nobody waits for ever for a turn that was long.
            self._spent[worker] = min(self._spent[worker] + max(spent, LEAST), self._least + LONG)
            if worker in self._again or (until is not None and until <= time.monotonic()):
                self._again.discard(worker)
                self._put(worker)
                self._start()
                self._changed.notify_all()
            elif until is not None:
                self._waiting[worker] = until
                if turn.thread not in self._round.threads:  # which will not wait for it itself
                    self._changed.notify_all()

    def _wake(self) -> None:
        now = time.monotonic()
        for worker in [worker for worker, until in self._waiting.items() if until <= now]:
            del self._waiting[worker]
            self._put(worker)
        if self._apart.ready:
            self._start()

    def _pause(self) -> float | None:
        return max(0.0, min(self._waiting.values()) - time.monotonic()) if self._waiting else None


def _lower(thread: threading.Thread) -> None:
    """Lower the priority of a thread for good: only the system's owner may raise it again."""
    if sys.platform == "linux" and thread.native_id:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, thread.native_id, LOW)


def _shared() -> Scheduler:
    # One core stays free for the event loop and the browser; torch's own threads would take it.
    torch.set_num_threads(max(1, (os.cpu_count() or 2) - 1))
    sys.setswitchinterval(SWITCH)
    scheduler = Scheduler(threads=1)
    atexit.register(scheduler.stop)  # an interpreter that ends while a thread is inside torch aborts
    return scheduler


_SHARED: list[Scheduler] = []


def shared() -> Scheduler:
    """Return the process's scheduler, made on first use; it sets torch's thread count once."""
    if not _SHARED:
        _SHARED.append(_shared())
    return _SHARED[0]
