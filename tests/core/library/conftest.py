"""A library of its own for each test, and a small problem for the runs in it."""

import pytest

from engines import Library

SMALL = {"operator": "identity", "n": 5, "k": 2, "r": 1}


@pytest.fixture
def library(tmp_path):
    return Library(tmp_path / "runs")
