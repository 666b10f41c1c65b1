"""Schedulers and runners of their own."""

import pytest

from engines.core.live.runner import Runner
from engines.core.live.scheduler import Scheduler
from tests.core.live.playing import MEMBERS, wait_until
from tests.core.toy import ENGINE


@pytest.fixture
def scheduler():
    return Scheduler()


@pytest.fixture
def start(scheduler):
    """Make a runner on a scheduler of its own; `wait` on it until it is idle."""
    runners = []

    def make(configs=MEMBERS, engine=ENGINE, **options):
        runner = Runner(engine, configs, scheduler=scheduler, **options)
        runner.wait = lambda: wait_until(lambda: scheduler.active() == 0)
        runner.wait()
        runners.append(runner)
        return runner

    yield make
    for runner in runners:
        runner.close()
