"""Every claim of every preset, at full length."""

import pytest

import engines
from tests.contract.cases import PRESETS

ALWAYS = {
    "matrix_sensing": ("P0", "P5", "P8"),
    "neural_collapse": ("P0", "P1", "P6", "P12"),
    "subgradient_recovery": ("SG-00", "SG-01", "SG-09"),
    "loss_landscape": ("L3", "L5", "L17", "L18", "L19", "L23"),
}
"""About two seconds of compute and less each; the others are thorough ones."""

CASES = [
    pytest.param(
        engine, preset, id=f"{engine.name}-{preset.name}",
        marks=[] if preset.name in ALWAYS[engine.name] else [pytest.mark.thorough],
    )
    for engine, preset in PRESETS
]  # fmt: skip


@pytest.mark.parametrize(("engine", "preset"), CASES)
def test_every_claim_of_the_preset_holds(engine, preset):
    verdicts = engines.run(engine.name, preset=preset.name).verdicts
    assert verdicts
    assert [verdict for verdict in verdicts if verdict["holds"] is not True] == []
