"""Work in a thread beside the page, whose results the page takes at its ticks."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

from engines.core.protocol.errors import DynascopeError

log = logging.getLogger(__name__)


class BackgroundJobs:
    """One thread that takes a page's jobs in turn. `fail(reason)` tells the reader why one came to nothing."""

    def __init__(self, name: str, fail: Callable[[str], None]) -> None:
        self._name, self._fail = name, fail
        self._thread = ThreadPoolExecutor(1, name)
        self._jobs: list[_Job] = []

    def __bool__(self) -> bool:
        """Whether a job waits, is being done, or is done and was not collected yet."""
        return bool(self._jobs)

    def start(
        self,
        work: Callable[[], Any],
        done: Callable[[Any], None] = lambda result: None,
        failed: Callable[[], Any] = lambda: None,
    ) -> None:
        """Do `work` in the thread; at a later tick `done` takes its result, or `failed` puts back what it needs to."""
        self._jobs.append(_Job(self._thread.submit(work), done, failed))

    def collect(self) -> bool:
        """Take what is ready; returns whether anything is still being done. Call it at each tick."""
        for job in [job for job in self._jobs if job.result.done()]:
            self._jobs.remove(job)
            error = job.result.exception()
            if error is None:
                job.done(job.result.result())
                continue
            job.failed()
            for_people = isinstance(error, DynascopeError)
            if not for_people:
                log.error("a job of the %s failed", self._name, exc_info=error)
            self._fail(str(error) if for_people else f"{type(error).__name__}: {error}")
        return bool(self._jobs)

    def close(self, last: Callable[[], Any] | None = None) -> None:
        """Begin nothing more; with `last`, finish what waits, and then do that."""
        if last:
            self._thread.submit(last)
        self._thread.shutdown(wait=False, cancel_futures=last is None)


class _Job(NamedTuple):
    result: Future[Any]
    done: Callable[[Any], None]
    failed: Callable[[], Any]
