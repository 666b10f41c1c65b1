"""What every test may use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

# Problems here are small, and tests run side by side: one thread each. Before torch is loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch

ROOT = Path(__file__).parent.parent


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
