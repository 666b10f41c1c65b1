"""The presets of the landscape lab on seeds that they do not name, and judges that can say no."""

import pytest

import engines

ENGINE = engines.load("loss_landscape")

OWN = ("L2", "L4", "L16")
"""Planted networks whose counts are those of one draw; a transformer, of which some draws take beyond 3000 steps."""


@pytest.mark.thorough
@pytest.mark.parametrize("name", [preset.name for preset in ENGINE.presets if preset.name not in OWN])
def test_every_verdict_holds_on_a_fresh_seed(name):
    verdicts = engines.run("loss_landscape", preset=name, seeds=[90001]).verdicts
    assert [verdict for verdict in verdicts if verdict["holds"] is not True] == []


def test_a_verdict_waits_until_the_run_can_tell():
    verdicts = engines.run("loss_landscape", preset="L0", steps=20).verdicts
    assert [verdict["holds"] for verdict in verdicts] == [None, None, None]
    assert [verdict["holds"] for verdict in engines.run("loss_landscape", preset="L19", steps=5).verdicts] == [None]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "change"), [("L3", {"planted": "nested"}), ("L6", {"potential": "crossing"}), ("L17", {"embedding": 3})]
)
def test_a_wrong_claim_is_not_confirmed(name, change):
    verdicts = engines.run("loss_landscape", preset=name, set=change).verdicts
    assert any(verdict["holds"] is not True for verdict in verdicts)
