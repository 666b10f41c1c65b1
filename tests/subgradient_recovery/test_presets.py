"""Reference numbers, and verdicts of runs that cannot tell; claims on fresh seeds and wrong runs are the contract's."""

import numpy as np
import pytest

import engines


@pytest.mark.thorough
@pytest.mark.slow
def test_the_reference_seeds_give_the_reference_numbers():
    """An independent implementation, same generator: half-times 92, 150, 253; f_true 16.18; rel .65 and 1.6 (15 %)."""
    stairs = engines.run("subgradient_recovery", preset="SG-10")
    learned, sigma = stairs["signal_eigenvalues"][:, 0], stairs.configs[0].sigma
    assert [int(stairs.steps[(learned[:, j] >= sigma[j] / 2).argmax()]) for j in range(3)] == [92, 150, 253]
    saddle = engines.run("subgradient_recovery", preset="SG-06")
    assert saddle["loss"][-1, 0] - saddle["loss_gap"][-1, 0] == pytest.approx(16.18, abs=5e-3)
    np.testing.assert_allclose(saddle["relative_error"][-1], [1.6, 0.67], rtol=0.15)


def test_a_verdict_waits_until_the_run_can_tell():
    run = engines.run("subgradient_recovery", preset="SG-01", steps=50)
    assert {verdict["holds"] for verdict in run.verdicts} == {None}


def test_a_wrong_claim_is_not_confirmed():
    """Most of the data flipped: nothing is recovered, and the verdicts of SG-01 must say so."""
    flipped = {"outlier_kind": "sign_flip", "outlier_fraction": 0.6}
    run = engines.run("subgradient_recovery", preset="SG-01", set=flipped)
    assert not any(verdict["holds"] for verdict in run.verdicts[:3])
