"""The dimension of learning: through a run, on digits, and what is refused."""

import numpy as np
import pytest

from engines.core.protocol.engine import Part
from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.models import network_at_step
from engines.loss_landscape.probes.intrinsic_dimension import PROBE, parse_dimensions, train_in_subspaces
from tests.loss_landscape.probes.descent_engine import DIGITS, descended, last, learned, still


def test_digits_need_a_hundred_of_1482_directions():
    """L22: .742/.839/.878/.922 of the test at 60/80/120/160 (+-.08, draws differ), base .956, 85 to 130 between."""
    found = network_at_step.network_of_config(DIGITS, learned()[-1, 0])
    values = last(train_in_subspaces(found, [60, 80, 120, 160], 600, 0.05, 3))
    np.testing.assert_allclose(values["accuracy"], (0.742, 0.839, 0.878, 0.922), atol=0.08)
    assert values["base_accuracy"] == pytest.approx(0.956, abs=0.02)
    assert values["d_int90"] == 120
    assert 85 < values["d_int90_interpolated"] < 130
    np.testing.assert_allclose(values["level"], 0.9 * values["base_accuracy"])
    assert "120 is the least" in values["note"]


def test_accuracies_are_shown_while_they_rise_and_start_apart_from_the_run():
    """Through a run of sums modulo 5: six parts, more dimensions, the same answer from the same seed."""
    run = descended(PROBE, 3, subject="addition", modulus=5, width=8, embedding=4, learning_rate=0.1)
    seen: list[Part] = []
    asked = {"dimensions": "2,60", "steps": 120, "seed": 3}
    values = run.probe("intrinsic_dimension", watch=seen.append, **asked)
    assert [part.share for part in seen] == pytest.approx(np.arange(1, 7) / 6)
    assert all(len(part.values["accuracy"]) == 2 for part in seen)
    assert run.probe("intrinsic_dimension", **asked)["accuracy"].tolist() == values["accuracy"].tolist()
    other = run.probe("intrinsic_dimension", **(asked | {"seed": 4}))
    assert other["accuracy"].tolist() != values["accuracy"].tolist()
    assert other["base_accuracy"] == values["base_accuracy"]


def test_what_no_dimension_reaches_is_said():
    values = last(train_in_subspaces(network_at_step.network_of_config(DIGITS, learned()[-1, 0]), [1, 2], 20, 0.05, 3))
    assert np.isnan(values["d_int90"])
    assert "None of these dimensions" in values["note"]


@pytest.mark.parametrize("text", ["", "10,", "a", "20,10", "10,10", "0,5", "5,101", "9" * 5000, "1.5", "²"])
def test_dimensions_that_cannot_be_are_refused(text):
    with pytest.raises(ConfigError, match="dimensions="):
        parse_dimensions(text, 100)


def test_too_much_is_refused_and_so_is_a_network_without_labels():
    assert parse_dimensions(" 10, 20", 100) == [10, 20]
    with pytest.raises(ConfigError, match=r"400000 directions of 500000 parameters"):
        parse_dimensions("400000", 500_000)
    with pytest.raises(ConfigError, match="subject=planted has no labels"):
        last(train_in_subspaces(still(), [2], 5, 0.1, 0))
