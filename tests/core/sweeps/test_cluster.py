"""Sweeps on a real Dask cluster of processes of this machine."""

import os
import signal
import time

import pytest

distributed = pytest.importorskip("distributed")

from engines.core.protocol.errors import ConfigError, EngineFailure  # noqa: E402
from engines.core.sweeps.sweep import sweep  # noqa: E402

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]

OPTIONS = {"set": {"alpha": [0.01, 0.1, 0.3], "k": [3, 4]}, "seeds": list(range(24)), "steps": 400}
"""Three tasks."""


@pytest.fixture
def cluster():
    with distributed.LocalCluster(2, threads_per_worker=1, dashboard_address=":0", processes=True) as cluster:
        yield cluster


def table(result):
    return result.table().sort_values(["alpha", "k", "seed"]).reset_index(drop=True)


def test_a_cluster_computes_the_bits_of_this_machine(cluster, tmp_path):
    here = sweep("matrix_sensing", **OPTIONS, out=tmp_path / "here", workers=2)
    there = sweep("matrix_sensing", **OPTIONS, out=tmp_path / "there", scheduler=cluster.scheduler_address)
    assert table(there).equals(table(here)) and len(table(here)) == 144


def test_a_worker_that_is_killed_loses_nothing(cluster, tmp_path):
    killed = []

    def kill_one(done, total):
        if not killed:
            worker = next(iter(cluster.workers.values()))
            killed.append(worker.process.process.pid)
            os.kill(killed[0], signal.SIGKILL)

    options = OPTIONS | {"seeds": list(range(48))}
    there = sweep(
        "matrix_sensing", **options, out=tmp_path / "x", scheduler=cluster.scheduler_address, progress=kill_one
    )
    here = sweep("matrix_sensing", **options, out=tmp_path / "here", workers=1)
    assert killed and table(there).equals(table(here))


def test_a_scheduler_that_goes_away_is_a_sentence_and_another_goes_on(tmp_path):
    with distributed.LocalCluster(1, threads_per_worker=1, dashboard_address=":0") as first:
        closed = []

        def close(done, total):
            if not closed:
                closed.append(True)
                first.close()

        with pytest.raises(EngineFailure, match="cluster"):
            sweep("matrix_sensing", **OPTIONS, out=tmp_path, scheduler=first.scheduler_address, progress=close)
    with distributed.LocalCluster(1, threads_per_worker=1, dashboard_address=":0") as second:
        again = sweep("matrix_sensing", **OPTIONS, out=tmp_path, scheduler=second.scheduler_address, resume=True)
    assert len(table(again)) == 144


def test_a_scheduler_that_is_not_there_is_a_sentence(tmp_path):
    start = time.monotonic()
    with pytest.raises(ConfigError, match="cannot be reached"):
        sweep("matrix_sensing", steps=5, out=tmp_path, scheduler="tcp://127.0.0.1:1")
    assert time.monotonic() - start < 60
