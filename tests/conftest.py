"""What every test may use."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

# Problems here are small, and tests run side by side: one thread each. Before torch is loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch
from hypothesis import settings

import engines

pytest_plugins = ["dynascope.contract"]

ROOT = Path(__file__).parent.parent

PRESET = re.compile(rf"((?:{'|'.join(engines.names())})-[^-\]]+(?:-\d+)?)\]$")
"""The end of a test's name that says of which engine and preset it is."""


settings.register_profile("few", max_examples=40, derandomize=True, deadline=None, database=None)
settings.register_profile("many", max_examples=10_000, deadline=None, database=None, print_blob=True)


def pytest_configure(config: pytest.Config) -> None:
    """Properties are tried on few examples with every change, always the same, and on many with `-m thorough`."""
    settings.load_profile("many" if config.option.markexpr == "thorough" else "few")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Tests of one preset share what they build: they stay in one process."""
    if config.getvalue("dist") != "loadscope":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class ByPreset(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            found = PRESET.search(nodeid)
            return found[1] if found else nodeid

    return ByPreset(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked `gpu` need a CUDA device."""
    if not torch.cuda.is_available():
        absent = pytest.mark.skip(reason="no CUDA device")
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(absent)


@pytest.fixture(scope="session")
def fresh_python():
    """Run some code in an interpreter of its own, at the root; returns what it printed."""

    def run(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        return subprocess.run(
            [sys.executable, *arguments], cwd=ROOT, env=environment, text=True, capture_output=True, check=check
        )

    return run


@pytest.fixture(scope="session", autouse=True)
def nothing_is_computed_behind_the_tests():
    """At the end no thread of a scheduler may still be at work: it would slow every test that came after."""
    yield
    before = time.process_time()
    time.sleep(0.5)
    assert time.process_time() - before < 0.3, "a worker that a test started is still being served"
