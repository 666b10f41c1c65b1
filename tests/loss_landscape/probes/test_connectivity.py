"""Ways between networks: on digits, through a run, and what is refused."""

import numpy as np
import pytest
import torch

from engines.core.data.recording import Event
from engines.core.protocol.engine import Part
from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.models import network_at_step
from engines.loss_landscape.models.model import squared_error
from engines.loss_landscape.probes.connectivity import PROBE, connect, train_other_seed
from tests.loss_landscape.probes.descent_engine import DIGITS, descended, last, learned, still


def test_two_networks_are_apart_on_the_line_and_joined_by_a_curve():
    """L21: 4.4 (1-10) at most on the line, .038 (below .15) on the curve, 5e-4 (x3) at the ends."""
    w = learned()[-1]
    values = last(connect(network_at_step.network_of_config(DIGITS, w[0]), w[1], 25, 600, 1e-2, 0))
    assert 1 < values["loss_max_line"] < 10
    assert values["loss_max_curve"] < 0.15
    for end in ("loss_start", "loss_end"):
        assert 5e-4 / 3 < values[end] < 5e-4 * 3
    assert values["line"][0] == pytest.approx(values["curve"][0])
    assert values["line"].max() == pytest.approx(values["barrier_line"], abs=1e-3)
    assert values["line_test"][0] > 10 * values["line"][0]
    assert "one valley" in values["note"]


def test_the_other_network_is_trained_as_this_one_was():
    """With its live edit, from another start: the same run of that seed, bit for bit."""
    knobs = {"subject": "addition", "modulus": 5, "width": 6, "embedding": 4}
    one = descended(PROBE, 30, **knobs, learning_rate=0.2)
    other = descended(PROBE, 30, **knobs, learning_rate=0.2, seed=7)
    for run in (one, other):
        run.recording.events.append(Event(10, "learning_rate", 0.05, (0,)))
    (*_, (share, theta)) = train_other_seed(one, 0, 30, network_at_step.network_of_run(one, 0, 30), 7)
    assert share == 1
    torch.testing.assert_close(theta, network_at_step.network_of_run(other, 0, 30).theta, rtol=0, atol=0)
    seen: list[Part] = []
    values = one.probe("connectivity", watch=seen.append, other_seed=7, points=5, steps=40)
    assert len(values["curve"]) == 5
    assert [part.share for part in seen] == sorted(part.share for part in seen)
    here = network_at_step.network_of_run(one, 0, 30)
    assert not torch.equal(
        here.theta, network_at_step.network_of_run(descended(PROBE, 30, **knobs, learning_rate=0.2), 0, 30).theta
    )
    for end, at in ((0, here.theta), (-1, theta)):
        assert values["line"][end] == pytest.approx(float(here.subject.loss(at)), rel=1e-5)


def test_networks_at_rest_have_others_at_rest():
    """Half the squared error to this one's outputs: 0 here, that of the other there; 1e-5 in float32."""
    found, other = still(seed=0), still(seed=1)
    values = last(connect(found, other.theta, 5, 10, 1e-2, 0))
    assert values["loss_start"] < 1e-9
    X, y = found.samples
    expected = squared_error(found.subject.model(other.theta, X), y) / 2
    assert values["loss_end"] == pytest.approx(float(expected), rel=1e-5)
    t = values["t"]
    np.testing.assert_allclose(values["barrier_line"], (values["line"] - t * values["line"][-1]).max(), rtol=1e-4)


def test_a_network_has_no_way_to_itself():
    run = descended(PROBE, 1, subject="addition", modulus=5, width=4, embedding=2)
    with pytest.raises(ConfigError, match="other_seed=0 is the seed of this run"):
        run.probe("connectivity", other_seed=0)
    found = still("linear", seed=0)
    with pytest.raises(ConfigError, match="subject=linear begins the same for every seed"):
        last(connect(found, still("linear", seed=1).theta, 5, 10, 1e-2, 0))
    with pytest.raises(ConfigError, match="not finite"):
        last(connect(found, found.theta * torch.nan, 5, 10, 1e-2, 0))
