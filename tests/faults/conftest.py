"""Hostile input: with `-m thorough` every property is tried on many examples, otherwise on a few."""

import pytest
from hypothesis import settings


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    if settings.get_current_profile_name() == "many":
        for item in items:
            if "tests/faults/" in item.nodeid:
                item.add_marker(pytest.mark.thorough)
