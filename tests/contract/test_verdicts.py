"""Every claim of every preset, at full length."""

import pytest

import engines
from tests.contract.cases import PRESETS

LONGEST = (
    "L2", "L7", "L8", "L9", "L12", "L16", "P2", "P4", "P7", "P9", "P10", "P11", "SG-05", "SG-07", "SG-12", "SG-14",
)  # fmt: skip
"""About twenty seconds of compute and more each."""

CASES = [
    pytest.param(
        engine, preset, id=f"{engine.name}-{preset.name}",
        marks=[pytest.mark.thorough] if preset.name in LONGEST else [pytest.mark.slow],
    )
    for engine, preset in PRESETS
]  # fmt: skip


@pytest.mark.parametrize(("engine", "preset"), CASES)
def test_every_claim_of_the_preset_holds(engine, preset):
    verdicts = engines.run(engine.name, preset=preset.name).verdicts
    assert verdicts
    assert [verdict for verdict in verdicts if verdict["holds"] is not True] == []
