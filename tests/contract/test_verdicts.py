"""Every claim of every preset, at full length."""

import pytest

import engines
from tests.contract.cases import every_preset


@pytest.mark.slow
@every_preset
def test_every_claim_of_the_preset_holds(engine, preset):
    verdicts = engines.run(engine.name, preset=preset.name).verdicts
    assert verdicts
    assert [verdict for verdict in verdicts if verdict["holds"] is not True] == []
