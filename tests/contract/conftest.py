"""Tests of one preset share what they build: they stay in one process."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        preset = getattr(item, "callspec", None) and item.callspec.params.get("preset")
        if preset:
            item.add_marker(pytest.mark.xdist_group(f"{item.callspec.params['engine'].name}-{preset.name}"))
