"""The contract suite: what holds for every engine, as tests that any engine can be put through.

    python -m pytest -p dynascope.contract --engine NAME [--plugins DIR] [-m "not thorough"]

`--engine` chooses (again for several; default: all that are found), `--plugins` names a folder that holds engines, as
for `launch.py`. How often a preset is run whole is said by its `cost`; what is too long for every change is marked
`thorough`. This module is the pytest plugin: it hands each test its engines, presets and knobs.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from _pytest.mark import ParameterSet

    from engines.core.protocol.engine import Engine

MARKERS = (
    "whole_run: simulates presets to their end",
    "thorough: too long for every change: fresh seeds, the longest presets and trainings",
    "gpu: needs a CUDA device",
)

ALWAYS = {True: ("light",), False: ("light", "long")}
"""Costs of the presets that are tried with every change, by whether they are simulated to their end."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the flags `--engine` and `--plugins`."""
    group = parser.getgroup("dynascope", "the contract suite of Dynascope")
    group.addoption("--engine", action="append", default=[], metavar="NAME", help="an engine to test; default: all")
    group.addoption(
        "--plugins", action="append", default=[], metavar="DIR", dest="folders", help="a folder that holds engines"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Find the engines of the folders given, and declare the marks of the suite. Raises `UsageError` for others."""
    from engines.core.protocol import registry
    from engines.core.protocol.errors import DynascopeError, UnknownName

    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    try:
        for folder in config.getoption("folders") or ():
            registry.add_plugins(folder)
        for name in config.getoption("--engine") or ():
            if name not in registry.names():
                raise UnknownName("engine", name, registry.names())
    except DynascopeError as error:
        raise pytest.UsageError(str(error)) from None
    if config.getoption("--engine") and config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args = [str(Path(__file__).parent)]  # nothing else was named: the suite alone


@pytest.hookimpl(trylast=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test of the suite once for each engine, preset or knob that its arguments ask for."""
    if not metafunc.function.__module__.startswith(f"{__name__}."):
        return
    wanted = set(metafunc.fixturenames)
    if "name" in wanted:
        metafunc.parametrize("name", _chosen(metafunc.config))
    elif "preset" in wanted:
        whole = metafunc.definition.get_closest_marker("whole_run") is not None
        metafunc.parametrize(("engine", "preset"), _presets(metafunc.config, ALWAYS[whole]))
    elif "knob" in wanted:
        metafunc.parametrize(("engine", "knob"), _bounded_knobs(metafunc.config))
    elif "engine" in wanted:
        metafunc.parametrize("engine", _engines(metafunc.config), ids=lambda engine: engine.name)


def _chosen(config: pytest.Config) -> list[str]:
    import engines

    return config.getoption("--engine") or engines.names()


def _engines(config: pytest.Config) -> list[Engine]:
    """The engines chosen; one that cannot be loaded has a test of its own."""
    import engines
    from engines.core.protocol.errors import EngineFailure

    loaded = []
    for name in _chosen(config):
        with suppress(EngineFailure):
            loaded.append(engines.load(name))
    return loaded


def _presets(config: pytest.Config, always: tuple[str, ...]) -> list[ParameterSet]:
    return [
        pytest.param(
            engine, preset, id=f"{engine.name}-{preset.name}",
            marks=[] if preset.cost in always else [pytest.mark.thorough],
        )
        for engine in _engines(config)
        for preset in engine.presets
    ]  # fmt: skip


def _bounded_knobs(config: pytest.Config) -> list[ParameterSet]:
    return [
        pytest.param(engine, knob, id=f"{engine.name}-{knob.name}")
        for engine in _engines(config)
        for knob in engine.Config.knobs().values()
        if knob.bounds
    ]
