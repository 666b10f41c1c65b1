"""Probes say for which scenes they are, as they refuse those that they are not for."""

import pytest

import dynascope
from engines.core.protocol.errors import ConfigError
from tests.optimizer_dynamics.setting import ENGINE, SCENES


@pytest.mark.parametrize("scene", SCENES)
def test_what_a_probe_is_not_about_it_refuses(scene):
    run = dynascope.run("optimizer_dynamics", set=SCENES[scene], steps=3)
    others = [probe.name for probe in ENGINE.probes if not probe.applies(run.configs[0])]
    assert 2 <= len(others) < len(ENGINE.probes)
    for name in others:
        with pytest.raises(ConfigError, match=name):
            run.probe(name, 0)
