"""Hostile input: with `-m thorough` every property is tried on many examples, otherwise on a few."""

import pytest
from hypothesis import settings


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    if settings.get_current_profile_name() == "many":
        for item in items:
            if "tests/faults/" in item.nodeid:
                item.add_marker(pytest.mark.thorough)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server that outlives all that is done to it, and logs no traceback."""
    from tests.faults.test_strangers import Server  # a module of tests: pytest is to load it first

    made = Server(tmp_path_factory.mktemp("server"))
    yield made
    assert "Traceback" not in made.log.read_text()
    assert made.process.poll() is None
    made.close()
